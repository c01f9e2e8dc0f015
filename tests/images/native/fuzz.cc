// Resizes random windows of random images: `fuzz SECONDS` for that long, `fuzz
// -WINDOWS` for so many. Each is computed a second time, pixel by pixel.
//
// A window lies at the very end of memory of its own, so that AddressSanitizer
// sees each byte too far.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "ns/images/native/bicubic.h"

namespace {

using noisy_student::Bicubic;
using noisy_student::View;

// The cubic convolution with a = -0.75.
float Weight(double distance) {
  const double x = std::fabs(distance), a = -0.75;
  if (x <= 1) return static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
  return static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
}

struct Four {
  int index[4];
  float weight[4];
};

Four At(int place, int length, int size) {
  const float exact =
      static_cast<float>(place) * (static_cast<float>(length) / size);
  const int first = static_cast<int>(exact);
  const double rest = std::nearbyint((exact - first) * 1024) / 1024.0;
  Four four;
  for (int k = -1; k <= 2; ++k) {
    four.index[k + 1] = std::min(std::max(first + k, 0), length - 1);
    four.weight[k + 1] = Weight(rest - k);
  }
  return four;
}

uint8_t Pixel(const View& view, int size, int y, int x, int channel) {
  const Four row = At(y, view.height, size), column = At(x, view.width, size);
  float sum = 0;
  for (int j = 0; j < 4; ++j) {
    float mixed = 0;
    for (int i = 0; i < 4; ++i) {
      const float product =
          row.weight[i] * static_cast<float>(
              view.values[row.index[i] * view.stride +
                          column.index[j] * view.channels + channel]);
      mixed = i == 0 ? product : mixed + product;
    }
    sum = j == 0 ? mixed * column.weight[0] : sum + mixed * column.weight[j];
  }
  return static_cast<uint8_t>(std::fmin(std::fmax(sum, 0.0f), 255.0f));
}

// One window, of which all follows from `seed`; returns its part of the sum.
uint64_t Try(uint64_t seed, uint64_t sum) {
  std::mt19937_64 generator(seed);
  const auto below = [&generator](int limit) {
    return static_cast<int>(generator() % limit);
  };
  const int longest = below(8) == 0 ? 300 : below(2) ? 40 : 5;
  View view;
  view.height = 1 + below(longest);
  view.width = 1 + below(longest);
  view.channels = below(2) ? 3 : 1;
  const size_t row = static_cast<size_t>(view.width) * view.channels;
  view.stride = row + below(3) * below(20);
  const int size = 1 + below(longest);
  const bool flip = below(2) == 0;
  const int values = 1 + below(256);
  std::vector<uint8_t> image(view.stride * (view.height - 1) + row);
  for (uint8_t& value : image) value = 255 - below(values);
  view.values = image.data();
  std::vector<uint8_t> result(static_cast<size_t>(size) * size * view.channels);
  Bicubic(view, size, flip, result.data());
  size_t at = 0;
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      for (int channel = 0; channel < view.channels; ++channel, ++at) {
        const int expected =
            Pixel(view, size, y, flip ? size - 1 - x : x, channel);
        if (result[at] != expected) {
          std::printf("window %llu: %d, expected %d at %d, %d, %d\n",
                      static_cast<unsigned long long>(seed), result[at],
                      expected, y, x, channel);
          std::exit(1);
        }
        sum = (sum ^ result[at]) * 1099511628211u;  // FNV-1a.
      }
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const double limit = argc > 1 ? std::atof(argv[1]) : 1;
  const auto start = Clock::now();
  uint64_t seed = 0, sum = 14695981039346656037u;
  while (limit < 0 ? seed < -limit
                   : std::chrono::duration<double>(Clock::now() - start)
                             .count() < limit) {
    sum = Try(seed++, sum);
  }
  std::printf("%llu windows, checksum %016llx\n",
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(sum));
}
