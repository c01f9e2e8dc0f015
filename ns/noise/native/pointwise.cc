#include "ns/noise/native/pointwise.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ns/noise/native/arithmetic.h"
#include "ns/noise/native/image.h"

namespace noisy_student {
namespace {

// The loops. Each is a plain walk over values, which compilers do many at once.

NS_CLONES void Flip(const uint8_t* __restrict source, size_t size,
                    uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) target[i] = 255 - source[i];
}

NS_CLONES void Mask(const uint8_t* __restrict source, size_t size,
                    uint8_t mask, uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) target[i] = source[i] & mask;
}

NS_CLONES void FlipFrom(const uint8_t* __restrict source, size_t size,
                        uint8_t threshold, uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) {
    const uint8_t value = source[i];
    target[i] = value >= threshold ? 255 - value : value;
  }
}

NS_CLONES void AddToDark(const uint8_t* __restrict source, size_t size,
                         uint8_t addition, uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) {
    const uint8_t value = source[i];
    const uint8_t room = 255 - value;
    const uint8_t added = room < addition ? room : addition;
    target[i] = value < 128 ? value + added : value;
  }
}

NS_CLONES void Scale(const uint8_t* __restrict source, size_t size,
                     float factor, uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) {
    target[i] = ToUint8(static_cast<float>(source[i]) * factor);
  }
}

NS_CLONES void BlendWithOne(const uint8_t* __restrict source, size_t size,
                            float base, float factor,
                            uint8_t* __restrict target) {
  for (size_t i = 0; i < size; ++i) {
    target[i] = Blend(base, static_cast<float>(source[i]), factor);
  }
}

// The sum of the luma of pixels of three channels, as PIL's mode L has it.
NS_CLONES int64_t SumOfLuma(const uint8_t* __restrict source, size_t pixels) {
  int64_t sum = 0;
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* pixel = source + 3 * i;
    sum += (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 32768) >>
           16;
  }
  return sum;
}

NS_CLONES int64_t Sum(const uint8_t* __restrict source, size_t size) {
  int64_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum += source[i];
  return sum;
}

NS_CLONES void BlendWithOwnGrey(const uint8_t* __restrict source,
                                size_t pixels, float factor,
                                uint8_t* __restrict target) {
  for (size_t i = 0; i < pixels; ++i) {
    const float red = source[3 * i];
    const float green = source[3 * i + 1];
    const float blue = source[3 * i + 2];
    // In the order, and with the roundings, of `tf.image.rgb_to_grayscale`.
    const float scale = static_cast<float>(1 / 255.0);
    const float luma =
        red * scale * 0.2989f + green * scale * 0.5870f + blue * scale * 0.1140f;
    const float grey = static_cast<float>(static_cast<int>(luma * 255.5f));
    target[3 * i] = Blend(grey, red, factor);
    target[3 * i + 1] = Blend(grey, green, factor);
    target[3 * i + 2] = Blend(grey, blue, factor);
  }
}

}  // namespace

void Invert(const uint8_t* source, const Shape& shape, uint8_t* target) {
  Flip(source, shape.size(), target);
}

void Posterize(const uint8_t* source, const Shape& shape, float bits,
               uint8_t* target) {
  // Wraps around as TensorFlow's subtraction. A shift by less than 0 drops
  // nothing, by more than 8 all.
  const int shift = static_cast<int>(8u - static_cast<unsigned>(ToInt(bits)));
  const int dropped = std::clamp(shift, 0, 8);
  Mask(source, shape.size(), static_cast<uint8_t>(0xff << dropped), target);
}

void Solarize(const uint8_t* source, const Shape& shape, float threshold,
              uint8_t* target) {
  const int least = ToInt(threshold);
  if (least > 255) {
    std::memcpy(target, source, shape.size());
  } else {
    FlipFrom(source, shape.size(), static_cast<uint8_t>(std::max(least, 0)),
             target);
  }
}

void SolarizeAdd(const uint8_t* source, const Shape& shape, float addition,
                 uint8_t* target) {
  // The smaller first: what is too large for an int would be the least one.
  const int added = ToInt(std::min(addition, 255.0f));
  AddToDark(source, shape.size(), static_cast<uint8_t>(std::max(added, 0)),
            target);
}

void Brightness(const uint8_t* source, const Shape& shape, float factor,
                uint8_t* target) {
  Scale(source, shape.size(), factor, target);
}

int ReleasedGrey(const Shape& shape) {
  const int64_t pixels = int64_t{shape.height} * shape.width;
  return static_cast<int>(std::min<int64_t>(pixels / 256, 255));
}

int MeanGrey(const uint8_t* source, const Shape& shape) {
  const int64_t pixels = int64_t{shape.height} * shape.width;
  const int64_t sum = shape.channels == 3
                          ? SumOfLuma(source, static_cast<size_t>(pixels))
                          : Sum(source, static_cast<size_t>(pixels));
  return static_cast<int>((2 * sum + pixels) / (2 * pixels));  // Halves up.
}

void Contrast(const uint8_t* source, const Shape& shape, int grey,
              float factor, uint8_t* target) {
  BlendWithOne(source, shape.size(), static_cast<float>(grey), factor, target);
}

void Color(const uint8_t* source, const Shape& shape, float factor,
           uint8_t* target) {
  if (shape.channels == 1) {
    std::memcpy(target, source, shape.size());
  } else {
    BlendWithOwnGrey(source, shape.size() / 3, factor, target);
  }
}

}  // namespace noisy_student
