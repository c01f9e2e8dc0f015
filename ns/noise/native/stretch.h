// Operations that spread each channel's values over the whole range.

#ifndef NS_NOISE_NATIVE_STRETCH_H_
#define NS_NOISE_NATIVE_STRETCH_H_

#include <cstdint>

#include "ns/noise/native/image.h"

namespace noisy_student {

// Stretches each channel, linearly, to reach from 0 to 255.
//
// `rows` has room for two rows of values, `bounds` likewise.
void AutoContrast(const uint8_t* source, const Shape& shape, float* rows,
                  uint8_t* bounds, uint8_t* target);

// Spreads each channel's values evenly.
void Equalize(const uint8_t* source, const Shape& shape, uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_STRETCH_H_
