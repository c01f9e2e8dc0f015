// TensorFlow 1's bicubic on values of one byte: bit for bit what
// ns/images/resize.py gives, several times faster.

#ifndef NS_IMAGES_NATIVE_BICUBIC_H_
#define NS_IMAGES_NATIVE_BICUBIC_H_

#include <cstddef>
#include <cstdint>

namespace noisy_student {

// A window of an image: the first value of its first pixel, and how to go on.
struct View {
  const uint8_t* values;
  size_t stride;  // From a row to the next, in values.
  int height;     // At least 1.
  int width;      // At least 1.
  int channels;   // 1 or 3.
};

// The window at `size` by `size` pixels, mirrored left to right if `flip`, in
// `target`: size * size * channels values. Overshoots are cut to [0, 255],
// fractions are cut off.
void Bicubic(const View& source, int size, bool flip, uint8_t* target);

}  // namespace noisy_student

#endif  // NS_IMAGES_NATIVE_BICUBIC_H_
