#include "ns/images/native/bicubic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

// Compiles a function for several generations of processors, of which the best
// is taken where it runs. All give the same results: without contraction
// (-ffp-contract=off) each product and each sum is rounded by itself.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(NS_ONE_CLONE)
#define NS_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NS_CLONES
#endif

namespace noisy_student {
namespace {

// Weights are looked up at this many places between two pixels.
constexpr int kPlaces = 1024;

// Four neighbours in a row or column of the source, where their values begin,
// and their weights.
struct Taps {
  int index[4];
  float weight[4];
};

// Of a neighbour nearer than a pixel, and of one nearer than two: the cubic
// convolution with a = -0.75, computed in double as TensorFlow does.
struct Weights {
  std::array<float, kPlaces + 1> near;
  std::array<float, kPlaces + 1> far;

  Weights() {
    constexpr double a = -0.75;
    for (int i = 0; i <= kPlaces; ++i) {
      const double x = static_cast<double>(i) / kPlaces;
      near[i] = static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
      const double y = x + 1;
      far[i] = static_cast<float>(((a * y - 5 * a) * y + 8 * a) * y - 4 * a);
    }
  }
};

// The taps of each of `size` places along `length` pixels, `step` values apart.
void Place(int length, int step, int size, Taps* taps) {
  static const Weights& weights = *new Weights;
  const float scale = static_cast<float>(length) / static_cast<float>(size);
  for (int i = 0; i < size; ++i) {
    const float place = static_cast<float>(i) * scale;
    const int first = static_cast<int>(std::floor(place));
    const float rest = place - static_cast<float>(first);
    const int between = static_cast<int>(std::lrintf(rest * kPlaces));
    for (int k = 0; k < 4; ++k) {
      taps[i].index[k] = std::clamp(first - 1 + k, 0, length - 1) * step;
    }
    taps[i].weight[0] = weights.far[between];
    taps[i].weight[1] = weights.near[between];
    taps[i].weight[2] = weights.near[kPlaces - between];
    taps[i].weight[3] = weights.far[kPlaces - between];
  }
}

// One row between four rows of the source, `count` values.
NS_CLONES
void Mix(const uint8_t* row_0, const uint8_t* row_1, const uint8_t* row_2,
         const uint8_t* row_3, const float* weight, size_t count,
         float* __restrict target) {
  const float w0 = weight[0], w1 = weight[1], w2 = weight[2], w3 = weight[3];
  for (size_t i = 0; i < count; ++i) {
    target[i] = static_cast<float>(row_0[i]) * w0 +
                static_cast<float>(row_1[i]) * w1 +
                static_cast<float>(row_2[i]) * w2 +
                static_cast<float>(row_3[i]) * w3;
  }
}

uint8_t ToUint8(float value) {
  return static_cast<uint8_t>(std::min(std::max(value, 0.0f), 255.0f));
}

// One row of the result out of a mixed row: grey.
NS_CLONES
void PickGrey(const float* row, const Taps* taps, int size, uint8_t* target) {
  for (int x = 0; x < size; ++x) {
    const Taps& t = taps[x];
    const float value =
        row[t.index[0]] * t.weight[0] + row[t.index[1]] * t.weight[1] +
        row[t.index[2]] * t.weight[2] + row[t.index[3]] * t.weight[3];
    target[x] = ToUint8(value);
  }
}

// Four values at once, of a pixel and what follows it.
typedef float Float4 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef uint8_t Byte4 __attribute__((vector_size(4)));

inline __attribute__((always_inline)) Float4 Load(const float* values) {
  Float4 result;
  std::memcpy(&result, values, sizeof(result));
  return result;
}

// Likewise in colour. Reads one value past the last pixel of `row`, and writes
// one past the last of `target`.
NS_CLONES
void PickColour(const float* row, const Taps* taps, int size, uint8_t* target) {
  const Float4 least = {0.0f, 0.0f, 0.0f, 0.0f};
  const Float4 most = {255.0f, 255.0f, 255.0f, 255.0f};
  for (int x = 0; x < size; ++x) {
    const Taps& t = taps[x];
    Float4 value = Load(row + t.index[0]) * t.weight[0] +
                   Load(row + t.index[1]) * t.weight[1] +
                   Load(row + t.index[2]) * t.weight[2] +
                   Load(row + t.index[3]) * t.weight[3];
    value = value > least ? value : least;
    value = value < most ? value : most;
    const Byte4 bytes = __builtin_convertvector(
        __builtin_convertvector(value, Int4), Byte4);
    std::memcpy(target + 3 * x, &bytes, sizeof(bytes));
  }
}

}  // namespace

void Bicubic(const View& source, int size, bool flip, uint8_t* target) {
  const size_t count = static_cast<size_t>(source.width) * source.channels;
  const size_t result = static_cast<size_t>(size) * source.channels;
  std::vector<Taps> rows(size), columns(size);
  Place(source.height, 1, size, rows.data());
  Place(source.width, source.channels, size, columns.data());
  if (flip) std::reverse(columns.begin(), columns.end());
  const std::unique_ptr<float[]> mixed(new float[count + 1]);
  mixed[count] = 0.0f;
  const std::unique_ptr<uint8_t[]> picked(new uint8_t[result + 1]);
  for (int y = 0; y < size; ++y) {
    const Taps& t = rows[y];
    const auto row = [&](int k) {
      return source.values + t.index[k] * source.stride;
    };
    Mix(row(0), row(1), row(2), row(3), t.weight, count, mixed.get());
    if (source.channels == 1) {
      PickGrey(mixed.get(), columns.data(), size, target + y * result);
    } else {
      PickColour(mixed.get(), columns.data(), size, picked.get());
      std::memcpy(target + y * result, picked.get(), result);
    }
  }
}

}  // namespace noisy_student
