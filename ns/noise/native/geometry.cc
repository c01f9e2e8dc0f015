#include "ns/noise/native/geometry.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ns/noise/native/arithmetic.h"
#include "ns/noise/native/image.h"

namespace noisy_student {
namespace {

constexpr int32_t kOutside = -1;

// More than any height or width (Shape).
constexpr float kFar = 1 << 30;

// Rounded, halves away from zero. What is far outside, or not a number, is
// somewhere outside, so that the conversion to int is defined.
NS_INLINE int32_t Nearest(float value) {
  value = value > -1.0f ? value : -1.0f;
  value = value < kFar ? value : kFar;
  const int32_t whole = static_cast<int32_t>(value);
  const float rest = value - static_cast<float>(whole);  // Exact.
  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

// Which pixel of the image, counted row by row, comes to each place of row `y`,
// or kOutside.
NS_CLONES void Locate(const float* __restrict matrix, int32_t y,
                      uint32_t height, uint32_t width,
                      int32_t* __restrict pixels) {
  const float a = matrix[0], b = matrix[1], c = matrix[2];
  const float d = matrix[3], e = matrix[4], f = matrix[5];
  const float along_x = b * static_cast<float>(y);
  const float along_y = e * static_cast<float>(y);
  for (uint32_t x = 0; x < width; ++x) {
    const float place = static_cast<float>(static_cast<int32_t>(x));
    const uint32_t column = Nearest(a * place + along_x + c);
    const uint32_t row = Nearest(d * place + along_y + f);
    // Without a sign, what is below 0 is large.
    pixels[x] = (column < width) & (row < height)
                    ? static_cast<int32_t>(row * width + column)
                    : kOutside;
  }
}

// Whether the pixels follow one another.
NS_CLONES bool Adjacent(const int32_t* pixels, int32_t count) {
  int32_t gaps = 0;
  for (int32_t x = 1; x < count; ++x) gaps |= pixels[x] - pixels[x - 1] - 1;
  return gaps == 0;
}

template <int channels>
void CopyPixels(const uint8_t* __restrict source,
                const int32_t* __restrict pixels, int32_t count,
                uint8_t* __restrict target) {
  for (int32_t x = 0; x < count; ++x) {
    std::memcpy(target + size_t{channels} * x,
                source + size_t{channels} * pixels[x], channels);
  }
}

}  // namespace

void Transform(const uint8_t* source, const Shape& shape, const float* matrix,
               uint8_t fill, int32_t* pixels, uint8_t* target) {
  const size_t channels = shape.channels;
  // Without d, and only then, a row comes from one row.
  const bool keeps_rows = matrix[3] == 0.0f;
  for (int32_t y = 0; y < shape.height; ++y, target += shape.row()) {
    Locate(matrix, y, shape.height, shape.width, pixels);
    // Along a row both coordinates rise or fall, rounding included: what comes
    // from inside the image is in one piece.
    int32_t begin = 0;
    int32_t end = shape.width;
    while (begin < end && pixels[begin] == kOutside) ++begin;
    while (begin < end && pixels[end - 1] == kOutside) --end;
    const int32_t count = end - begin;
    std::memset(target, fill, begin * channels);
    std::memset(target + end * channels, fill, (shape.width - end) * channels);
    if (count == 0) continue;
    uint8_t* const to = target + begin * channels;
    if (keeps_rows && Adjacent(pixels + begin, count)) {
      std::memcpy(to, source + pixels[begin] * channels, count * channels);
    } else if (channels == 3) {
      CopyPixels<3>(source, pixels + begin, count, to);
    } else {
      CopyPixels<1>(source, pixels + begin, count, to);
    }
  }
}

void Cutout(const uint8_t* source, const Shape& shape, float side, float row,
            float column, uint8_t fill, uint8_t* target) {
  std::memcpy(target, source, shape.size());
  const int64_t size = ToInt(side);
  if (size <= 0) return;
  // Where the hole begins and ends along an axis; 64 bits, because each number
  // may be any int.
  const auto clip = [size](float fraction, int length, int64_t* begin,
                           int64_t* end) {
    const int64_t middle = ToInt(fraction * static_cast<float>(length));
    *begin = std::clamp<int64_t>(middle - size / 2, 0, length);
    *end = std::clamp<int64_t>(middle - size / 2 + size, 0, length);
  };
  int64_t top, bottom, left, right;
  clip(row, shape.height, &top, &bottom);
  clip(column, shape.width, &left, &right);
  const size_t channels = shape.channels;
  for (int64_t y = top; y < bottom; ++y) {
    std::memset(target + y * shape.row() + left * channels, fill,
                (right - left) * channels);
  }
}

}  // namespace noisy_student
