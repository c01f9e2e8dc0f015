#include "ns/noise/native/sharpness.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ns/noise/native/arithmetic.h"
#include "ns/noise/native/image.h"

namespace noisy_student {
namespace {

// A row of the image, divided by 13.
NS_CLONES void Weigh(const uint8_t* __restrict source, size_t row,
                     float* __restrict weighted) {
  for (size_t i = 0; i < row; ++i) {
    weighted[i] = static_cast<float>(source[i]) * static_cast<float>(1 / 13.0);
  }
}

// The values from `begin` to `end` of one row. `above`, `beside` and `below`
// are that row and its neighbours, divided by 13.
NS_CLONES void SharpenRow(const uint8_t* __restrict source, size_t channels,
                          size_t begin, size_t end,
                          const float* __restrict above,
                          const float* __restrict beside,
                          const float* __restrict below, float factor,
                          uint8_t* __restrict target) {
  for (size_t i = begin; i < end; ++i) {
    const float value = source[i];
    // Row by row, from the left: another order rounds differently.
    float smooth = above[i - channels];
    smooth += above[i];
    smooth += above[i + channels];
    smooth += beside[i - channels];
    smooth += value * static_cast<float>(5 / 13.0);
    smooth += beside[i + channels];
    smooth += below[i - channels];
    smooth += below[i];
    smooth += below[i + channels];
    // At most 255 and a little, so that an int holds it.
    const float base = static_cast<float>(static_cast<int>(smooth));
    target[i] = Blend(base, value, factor);
  }
}

}  // namespace

void Sharpness(const uint8_t* source, const Shape& shape, float factor,
               float* rows, uint8_t* target) {
  const size_t row = shape.row();
  const size_t channels = shape.channels;
  std::memcpy(target, source, shape.size());
  if (shape.height < 3 || shape.width < 3) return;
  // Of the rows divided by 13, three are needed at a time.
  float* above = rows;
  float* beside = rows + row;
  float* below = rows + 2 * row;
  Weigh(source, row, above);
  Weigh(source + row, row, beside);
  for (int y = 1; y + 1 < shape.height; ++y) {
    const uint8_t* const values = source + y * row;
    Weigh(values + row, row, below);
    SharpenRow(values, channels, channels, row - channels, above, beside,
               below, factor, target + y * row);
    float* const unused = above;
    above = beside;
    beside = below;
    below = unused;
  }
}

}  // namespace noisy_student
