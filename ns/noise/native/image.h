// What the operations work on: the values of one image.

#ifndef NS_NOISE_NATIVE_IMAGE_H_
#define NS_NOISE_NATIVE_IMAGE_H_

#include <cstddef>
#include <cstdint>

namespace noisy_student {

// The shape of an image whose values lie one after the other, row by row, and
// within a pixel channel by channel. There are at most 2**30 of them.
struct Shape {
  int height;
  int width;
  int channels;  // 1 or 3.

  // Values in a row, and in the whole image.
  size_t row() const { return static_cast<size_t>(width) * channels; }
  size_t size() const { return row() * height; }
};

// Every operation has this form: it reads all of `source`, writes all of
// `target`, and the two do not overlap. So two buffers in turn serve any number
// of layers, and the compiler may work on many values at once.
//
//   void Operation(const uint8_t* source, const Shape& shape, ...,
//                  uint8_t* target);

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_IMAGE_H_
