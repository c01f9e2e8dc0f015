// Operations in which a value depends on the value at its place only.

#ifndef NS_NOISE_NATIVE_POINTWISE_H_
#define NS_NOISE_NATIVE_POINTWISE_H_

#include <cstdint>

#include "ns/noise/native/image.h"

namespace noisy_student {

// 255 less each value.
void Invert(const uint8_t* source, const Shape& shape, uint8_t* target);

// Keeps the highest `bits` of each value.
void Posterize(const uint8_t* source, const Shape& shape, float bits,
               uint8_t* target);

// Inverts values from `threshold` on.
void Solarize(const uint8_t* source, const Shape& shape, float threshold,
              uint8_t* target);

// Adds to values below 128, up to 255; an `addition` below 0 is 0.
void SolarizeAdd(const uint8_t* source, const Shape& shape, float addition,
                 uint8_t* target);

// Blends with black.
void Brightness(const uint8_t* source, const Shape& shape, float factor,
                uint8_t* target);

// The grey that Contrast blends with: as released (pixels / 256, at most 255),
// or the mean of the pixels' luma as PIL has it.
int ReleasedGrey(const Shape& shape);
int MeanGrey(const uint8_t* source, const Shape& shape);

// Blends with one grey.
void Contrast(const uint8_t* source, const Shape& shape, int grey,
              float factor, uint8_t* target);

// Blends each pixel with its own grey; an image of one channel stays.
void Color(const uint8_t* source, const Shape& shape, float factor,
           uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_POINTWISE_H_
