// Applies random operations to random images of random shapes, any number as
// argument: `fuzz SECONDS` for that long, `fuzz -IMAGES` for so many images.
//
// It checks what can be known without a second implementation, that layers are
// single operations one after the other, and prints a checksum of all results,
// for builds with other options to compare. Each image lies in memory of its own
// and of its size, so that AddressSanitizer sees each byte too far.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "ns/noise/native/distort.h"
#include "ns/noise/native/image.h"

namespace {

using noisy_student::Choices;
using noisy_student::Distort;
using noisy_student::kArguments;
using noisy_student::kOperations;
using noisy_student::Scratch;
using noisy_student::Shape;

// From the generator alone: the distributions of the standard library differ
// between libraries.
class Random {
 public:
  explicit Random(uint64_t seed) : generator_(seed) {}

  int Below(int limit) { return static_cast<int>(generator_() % limit); }
  float Unit() { return static_cast<float>(Below(1 << 24)) / (1 << 24); }

  // Any number, such as those where rounding or a conversion decides.
  float Argument() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kOdd[] = {kInfinity, -kInfinity, std::nanf(""), 3e38f,
                              -3e38f,    2147483648.0f, -2147483648.0f, 1e-40f,
                              0.0f,      -0.5f,     0.49999997f,  0.5f};
    constexpr float kScales[] = {1, 2, 10, 300, 1e9f};
    if (Below(8) == 0) return kOdd[Below(sizeof(kOdd) / sizeof(*kOdd))];
    const float value = kScales[Below(5)] * (2 * Unit() - 1);
    return Below(4) == 0 ? std::round(2 * value) / 2 : value;
  }

 private:
  std::mt19937_64 generator_;
};

Shape AnyShape(Random& random) {
  const int longest = random.Below(8) == 0 ? 200 : random.Below(2) ? 40 : 5;
  return Shape{1 + random.Below(longest), 1 + random.Below(longest),
               random.Below(2) ? 3 : 1};
}

// FNV-1a.
uint64_t Checksum(const std::vector<uint8_t>& values, uint64_t sum) {
  for (const uint8_t value : values) sum = (sum ^ value) * 1099511628211u;
  return sum;
}

void Fail(const char* what, uint64_t seed) {
  std::printf("image %llu: %s\n", static_cast<unsigned long long>(seed), what);
  std::exit(1);
}

std::vector<uint8_t> Distorted(const std::vector<uint8_t>& image,
                               const Shape& shape,
                               const std::vector<int32_t>& operations,
                               const std::vector<float>& arguments,
                               size_t layers, const Choices& choices) {
  Scratch scratch(shape);
  std::vector<uint8_t> result(shape.size());
  Distort(image.data(), shape, operations.data(), arguments.data(), layers,
          choices, &scratch, result.data());
  return result;
}

// One image, of which all follows from `seed`; returns its part of the sum.
uint64_t Try(uint64_t seed, uint64_t sum) {
  Random random(seed);
  const Shape shape = AnyShape(random);
  const int values = 1 + random.Below(256);
  std::vector<uint8_t> image(shape.size());
  for (uint8_t& value : image) {
    value = static_cast<uint8_t>(255 - random.Below(values));
  }
  Choices choices;
  choices.fill = static_cast<uint8_t>(random.Below(256));
  choices.correct_contrast = random.Below(2) == 0;

  const size_t layers = random.Below(5);
  std::vector<int32_t> operations(layers);
  for (int32_t& op : operations) op = random.Below(kOperations + 1) - 1;
  std::vector<float> arguments(layers * kArguments);
  for (float& argument : arguments) argument = random.Argument();

  const auto result =
      Distorted(image, shape, operations, arguments, layers, choices);
  std::vector<uint8_t> expected = image;
  for (size_t layer = 0; layer < layers; ++layer) {
    if (operations[layer] == -1) continue;
    const auto begin = arguments.begin() + layer * kArguments;
    expected = Distorted(expected, shape, {operations[layer]},
                         {begin, begin + kArguments}, 1, choices);
  }
  if (result != expected) Fail("layers differ from single operations", seed);
  return Checksum(result, sum);
}

}  // namespace

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const double limit = argc > 1 ? std::atof(argv[1]) : 1;
  const auto start = Clock::now();
  const auto is_over = [&](uint64_t done) {
    if (limit < 0) return static_cast<double>(done) >= -limit;
    return std::chrono::duration<double>(Clock::now() - start).count() > limit;
  };
  uint64_t sum = 14695981039346656037u;
  uint64_t images = 0;
  for (; !is_over(images); ++images) sum = Try(images, sum);
  std::printf("%llu images, checksum %016llx\n",
              static_cast<unsigned long long>(images),
              static_cast<unsigned long long>(sum));
}
