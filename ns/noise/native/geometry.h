// Operations that move values: the geometric ones and Cutout.

#ifndef NS_NOISE_NATIVE_GEOMETRY_H_
#define NS_NOISE_NATIVE_GEOMETRY_H_

#include <cstdint>

#include "ns/noise/native/image.h"

namespace noisy_student {

// Moves pixels by nearest neighbour: the pixel at (x, y) of `target` is that at
// (a x + b y + c, d x + e y + f) of `source`, with x to the right and y down
// from the middle of the first pixel, or `fill` where that lies outside.
//
// `matrix` is a, b, c, d, e, f; `pixels` has room for a row of pixels. The
// arithmetic is that of TensorFlow's ImageProjectiveTransformV3.
void Transform(const uint8_t* source, const Shape& shape, const float* matrix,
               uint8_t fill, int32_t* pixels, uint8_t* target);

// Fills a square of `side` pixels, clipped at the image's edges. Its middle is
// at the fractions `row` and `column`, in [0, 1), of the height and the width.
void Cutout(const uint8_t* source, const Shape& shape, float side, float row,
            float column, uint8_t fill, uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_GEOMETRY_H_
