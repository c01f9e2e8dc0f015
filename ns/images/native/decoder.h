// TensorFlow's own decoders, called so that a failure is a value.
//
// A broken image fails the op that decodes it, and that ends the pipeline. Here
// an op holds the kernels of DecodeImage and its kin, runs them itself, and
// looks at what became of them. So pixels are TensorFlow's bit for bit, and
// nothing of a decoder is written again.

#ifndef NS_IMAGES_NATIVE_DECODER_H_
#define NS_IMAGES_NATIVE_DECODER_H_

#include <cstdint>
#include <initializer_list>
#include <memory>

#include "ns/images/native/bicubic.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/platform/tstring.h"

namespace noisy_student {

struct Window {
  int top;
  int left;
  int height;
  int width;

  // Whether it has pixels, and all in an image of `rows` by `columns`.
  bool IsInside(int rows, int columns) const;
};

class Decoder {
 public:
  explicit Decoder(tensorflow::OpKernelConstruction* construction);

  // Height and width of an encoded image; false where it is broken. Reads the
  // header alone of a JPEG or PNG, which may claim what the rest does not keep.
  bool ReadShape(tensorflow::OpKernelContext* context,
                 const tensorflow::Tensor& image, int* height,
                 int* width) const;

  // All pixels, [height, width, 1 to 4] uint8, in `pixels`; false where the
  // image is broken.
  bool Decode(tensorflow::OpKernelContext* context,
              const tensorflow::Tensor& image,
              tensorflow::Tensor* pixels) const;

  // The pixels of a window with `channels` (1 or 3), held by `pixels`; false
  // where the image is broken or the window is not inside it. Of a JPEG, only
  // the window is decoded.
  bool DecodeWindow(tensorflow::OpKernelContext* context,
                    const tensorflow::Tensor& image, const Window& window,
                    int channels, tensorflow::Tensor* pixels,
                    View* view) const;

 private:
  bool Run(tensorflow::OpKernelContext* context, tensorflow::OpKernel* kernel,
           std::initializer_list<tensorflow::Tensor> inputs,
           tensorflow::Tensor* output) const;
  bool ReadJpegShape(tensorflow::OpKernelContext* context,
                     const tensorflow::Tensor& image, int* height,
                     int* width) const;

  std::unique_ptr<tensorflow::OpKernel> decode_image_;
  std::unique_ptr<tensorflow::OpKernel> decode_and_crop_jpeg_;
  std::unique_ptr<tensorflow::OpKernel> extract_jpeg_shape_;
};

// `count` pixels with `present` channels (1 to 4: grey, grey and alpha, colour,
// colour and alpha) to `channels` (1 or 3), as ns/images/decode.py does it.
void Convert(const uint8_t* source, int64_t count, int present, int channels,
             uint8_t* target);

}  // namespace noisy_student

#endif  // NS_IMAGES_NATIVE_DECODER_H_
