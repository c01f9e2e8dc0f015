// Sharpness: blends with the image smoothed.

#ifndef NS_NOISE_NATIVE_SHARPNESS_H_
#define NS_NOISE_NATIVE_SHARPNESS_H_

#include <cstdint>

#include "ns/noise/native/image.h"

namespace noisy_student {

// The outermost pixels stay, and so does an image without others. The kernel is
// 5 / 13 in the middle and 1 / 13 around it.
//
// `rows` has room for three rows of values.
void Sharpness(const uint8_t* source, const Shape& shape, float factor,
               float* rows, uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_SHARPNESS_H_
