// Drawn operations, applied to one image: the native form of
// ns/noise/distort.py. Free of TensorFlow, allocations and randomness.

#ifndef NS_NOISE_NATIVE_DISTORT_H_
#define NS_NOISE_NATIVE_DISTORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ns/noise/native/image.h"

namespace noisy_student {

// In the order of `image_ops.NAMES`.
enum class Operation : int32_t {
  kNothing = -1,
  kAutoContrast,
  kEqualize,
  kInvert,
  kRotate,
  kPosterize,
  kSolarize,
  kColor,
  kContrast,
  kBrightness,
  kSharpness,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
  kSolarizeAdd,
  kCutout,
};
constexpr int32_t kOperations = 16;

// What an operation takes: the matrix' a b c d e f of a geometric one; side,
// row and column of Cutout; the first alone of the others.
constexpr size_t kArguments = 6;

// What is the same for all images.
struct Choices {
  uint8_t fill = 128;  // What comes in from outside, and fills holes.
  bool correct_contrast = false;
};

// Memory that one image after another of the same shape is worked on with.
struct Scratch {
  explicit Scratch(const Shape& shape);

  std::unique_ptr<uint8_t[]> image;   // A whole image.
  std::unique_ptr<uint8_t[]> bounds;  // Two rows of values.
  std::unique_ptr<float[]> rows;      // Three rows of values.
  std::unique_ptr<int32_t[]> pixels;  // A row of pixels.
};

// Applies `layers` operations, one after the other.
//
// `source` and `target` do not overlap; `operations` has `layers` places of
// Operation, `arguments` kArguments numbers for each. Any number is safe, also
// infinite ones and those that are none. The image has at least one value.
void Distort(const uint8_t* source, const Shape& shape,
             const int32_t* operations, const float* arguments, size_t layers,
             const Choices& choices, Scratch* scratch, uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_DISTORT_H_
