#include "ns/images/native/decoder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tensorflow/core/framework/node_def.pb.h"
#include "tensorflow/core/framework/node_def_builder.h"
#include "tensorflow/core/framework/op.h"

namespace noisy_student {
namespace {

using ::tensorflow::AllocatorAttributes;
using ::tensorflow::NodeDef;
using ::tensorflow::NodeDefBuilder;
using ::tensorflow::OpKernel;
using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::Tensor;
using ::tensorflow::TensorShape;
using ::tensorflow::TensorValue;
using ::tensorflow::tstring;

// No more values in an image than TensorFlow allows a PNG: a few kilobytes can
// claim to be gigabytes.
constexpr int64_t kMaxValues = int64_t{1} << 29;

// libjpeg interpolates the colours of a JPEG, often stored at half the width,
// inside the window only. With this many more columns the window is exact.
constexpr int kMargin = 2;

bool StartsWith(const Tensor& image, absl::string_view start) {
  const tstring& bytes = image.scalar<tstring>()();
  return absl::string_view(bytes.data(), bytes.size()).substr(
             0, start.size()) == start;
}

bool IsJpeg(const Tensor& image) { return StartsWith(image, "\xff\xd8\xff"); }

bool IsPng(const Tensor& image) {
  return StartsWith(image, "\x89PNG\r\n\x1a\n");
}

bool IsBmp(const Tensor& image) { return StartsWith(image, "BM"); }

// Whether it is a WebP of several frames, as its flags say, or they are none:
// TensorFlow writes beyond its memory there (`ns/images/decode.py`).
bool Moves(const Tensor& image) {
  const tstring& bytes = image.scalar<tstring>()();
  if (!StartsWith(image, "RIFF") || bytes.size() < 16 ||
      std::memcmp(bytes.data() + 12, "VP8X", 4) != 0) {
    return false;
  }
  if (bytes.size() < 21) return true;
  const uint8_t flags = static_cast<uint8_t>(bytes[20]);
  return flags >= 64 || (flags & 2) != 0;
}

// A kernel of TensorFlow's on the device of the op that is being built.
std::unique_ptr<OpKernel> Make(OpKernelConstruction* construction,
                               NodeDefBuilder builder) {
  NodeDef node;
  absl::Status status = builder.Finalize(&node);
  std::unique_ptr<OpKernel> kernel;
  if (status.ok()) {
    kernel = tensorflow::CreateOpKernel(
        construction->device_type(), construction->device(),
        construction->device()->GetAllocator(AllocatorAttributes()), node,
        construction->graph_def_version(), &status);
  }
  if (!status.ok()) construction->CtxFailure(status);
  return kernel;
}

// (a * x + b * (255 - x)) / 255, rounded to the nearest, for 8-bit values.
int Blend(int a, int b, int x) { return (a * x + b * (255 - x) + 127) / 255; }

// ITU-R BT.601 in parts of 65,536.
uint8_t Luma(int red, int green, int blue) {
  return static_cast<uint8_t>(
      (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

// Pixels of four channels without their fourth.
Tensor FirstThree(const Tensor& pixels) {
  Tensor result(tensorflow::DT_UINT8,
                TensorShape({pixels.dim_size(0), pixels.dim_size(1), 3}));
  const uint8_t* source = pixels.flat<uint8_t>().data();
  uint8_t* target = result.flat<uint8_t>().data();
  const int64_t count = pixels.dim_size(0) * pixels.dim_size(1);
  for (int64_t i = 0; i < count; ++i, source += 4, target += 3) {
    std::memcpy(target, source, 3);
  }
  return result;
}

// The colours of a BMP of 8 bits, or greys if all of its palette is grey, in
// place of the indices; false where the pixels are run lengths, or the palette
// is not in the file. As `_looked_up` in ns/images/decode.py.
bool LookUp(const Tensor& image, Tensor* pixels) {
  const tstring& bytes = image.scalar<tstring>()();
  if (bytes.size() < 34) return false;
  const auto number = [&bytes](size_t first) {
    int64_t result = 0;
    for (size_t i = 4; i > 0; --i) {
      result = result << 8 | static_cast<uint8_t>(bytes[first + i - 1]);
    }
    return result;
  };
  const int64_t size = static_cast<int64_t>(bytes.size());
  const int64_t first = 14 + number(14);
  if (number(30) != 0 || first > size) return false;
  const int64_t end = std::min({number(10), first + 1024, size});
  uint8_t palette[256][3] = {};
  bool is_grey = true;
  for (int64_t i = 0; first + 4 * i + 4 <= end; ++i) {
    for (int channel = 0; channel < 3; ++channel) {
      palette[i][channel] =
          static_cast<uint8_t>(bytes[first + 4 * i + 2 - channel]);
    }
    is_grey = is_grey && palette[i][0] == palette[i][1] &&
              palette[i][0] == palette[i][2];
  }
  const int channels = is_grey ? 1 : 3;
  Tensor result(
      tensorflow::DT_UINT8,
      TensorShape({pixels->dim_size(0), pixels->dim_size(1), channels}));
  const uint8_t* source = pixels->flat<uint8_t>().data();
  uint8_t* target = result.flat<uint8_t>().data();
  const int64_t count = pixels->NumElements();
  for (int64_t i = 0; i < count; ++i, target += channels) {
    std::memcpy(target, palette[source[i]], channels);
  }
  *pixels = result;
  return true;
}

}  // namespace

bool Window::IsInside(int rows, int columns) const {
  return top >= 0 && left >= 0 && height > 0 && width > 0 && top < rows &&
         left < columns && height <= rows - top && width <= columns - left;
}

Decoder::Decoder(OpKernelConstruction* construction) {
  using ::tensorflow::DT_INT32;
  using ::tensorflow::DT_STRING;
  using ::tensorflow::DT_UINT8;
  // An attribute that is not given has its default, as in the Python API.
  decode_image_ = Make(construction, NodeDefBuilder("image", "DecodeImage")
                                         .Input("contents", 0, DT_STRING)
                                         .Attr("dtype", DT_UINT8)
                                         .Attr("expand_animations", false));
  if (!construction->status().ok()) return;
  decode_and_crop_jpeg_ =
      Make(construction, NodeDefBuilder("window", "DecodeAndCropJpeg")
                             .Input("contents", 0, DT_STRING)
                             .Input("crop_window", 0, DT_INT32));
  if (!construction->status().ok()) return;
  extract_jpeg_shape_ =
      Make(construction, NodeDefBuilder("shape", "ExtractJpegShape")
                             .Input("contents", 0, DT_STRING)
                             .Attr("output_type", DT_INT32));
}

bool Decoder::Run(OpKernelContext* context, OpKernel* kernel,
                  std::initializer_list<Tensor> inputs, Tensor* output) const {
  std::vector<Tensor> held(inputs);
  std::vector<TensorValue> values;
  for (Tensor& tensor : held) values.emplace_back(&tensor);
  const std::vector<AllocatorAttributes> attributes(held.size());
  const AllocatorAttributes output_attributes;
  OpKernelContext::Params params;
  params.step_id = context->step_id();
  params.op_kernel = kernel;
  params.device = context->device();
  params.resource_manager = context->resource_manager();
  params.cancellation_manager = context->cancellation_manager();
  params.runner = context->runner();
  params.frame_iter = context->frame_iter();
  params.inputs = values;
  params.input_alloc_attrs = attributes;
  params.output_attr_array = &output_attributes;
  OpKernelContext inner(&params, 1);
  kernel->Compute(&inner);
  if (!inner.status().ok() || inner.mutable_output(0) == nullptr) return false;
  *output = *inner.mutable_output(0);
  return true;
}

bool Decoder::ReadJpegShape(OpKernelContext* context, const Tensor& image,
                            int* height, int* width) const {
  Tensor shape;
  if (!Run(context, extract_jpeg_shape_.get(), {image}, &shape)) return false;
  const auto sides = shape.vec<int32_t>();
  *height = sides(0);
  *width = sides(1);
  // Two products of which neither overflows: a JPEG's sides have 16 bits.
  return int64_t{sides(0)} * sides(1) * sides(2) <= kMaxValues;
}

bool Decoder::ReadShape(OpKernelContext* context, const Tensor& image,
                        int* height, int* width) const {
  if (IsJpeg(image)) return ReadJpegShape(context, image, height, width);
  if (IsPng(image)) {
    // The first chunk, IHDR, starts with the width and the height.
    const tstring& bytes = image.scalar<tstring>()();
    if (bytes.size() < 24) return false;
    const auto number = [&bytes](size_t first) {
      uint32_t result = 0;
      for (size_t i = first; i < first + 4; ++i) {
        result = result << 8 | static_cast<uint8_t>(bytes[i]);
      }
      return result;
    };
    const uint32_t columns = number(16), rows = number(20);
    if (columns > kMaxValues || rows > kMaxValues) return false;
    *width = static_cast<int>(columns);
    *height = static_cast<int>(rows);
    return true;
  }
  Tensor pixels;
  if (!Decode(context, image, &pixels)) return false;
  *height = static_cast<int>(pixels.dim_size(0));
  *width = static_cast<int>(pixels.dim_size(1));
  return true;
}

bool Decoder::Decode(OpKernelContext* context, const Tensor& image,
                     Tensor* pixels) const {
  int height, width;
  if (IsJpeg(image) && !ReadJpegShape(context, image, &height, &width)) {
    return false;
  }
  if (Moves(image) ||
      !Run(context, decode_image_.get(), {image}, pixels) ||
      pixels->dims() != 3 || pixels->dim_size(2) < 1 ||
      pixels->dim_size(2) > 4 || pixels->NumElements() == 0) {
    return false;
  }
  if (!IsBmp(image)) return true;
  if (pixels->dim_size(2) == 4) *pixels = FirstThree(*pixels);
  return pixels->dim_size(2) != 1 || LookUp(image, pixels);
}

bool Decoder::DecodeWindow(OpKernelContext* context, const Tensor& image,
                           const Window& window, int channels, Tensor* pixels,
                           View* view) const {
  int top = window.top, left = window.left;
  if (IsJpeg(image)) {
    int rows, columns;
    if (!ReadJpegShape(context, image, &rows, &columns) ||
        !window.IsInside(rows, columns)) {
      return false;
    }
    const int first = std::max(left - kMargin, 0);
    const int end = std::min(left + window.width + kMargin, columns);
    Tensor wider(tensorflow::DT_INT32, TensorShape({4}));
    auto numbers = wider.vec<int32_t>();
    numbers(0) = top;
    numbers(1) = first;
    numbers(2) = window.height;
    numbers(3) = end - first;
    if (!Run(context, decode_and_crop_jpeg_.get(), {image, wider}, pixels)) {
      return false;
    }
    top = 0;
    left -= first;
  } else if (!Decode(context, image, pixels) ||
             !window.IsInside(static_cast<int>(pixels->dim_size(0)),
                              static_cast<int>(pixels->dim_size(1)))) {
    return false;
  }
  const int present = static_cast<int>(pixels->dim_size(2));
  const size_t stride = static_cast<size_t>(pixels->dim_size(1)) * present;
  const uint8_t* values = pixels->flat<uint8_t>().data() + top * stride +
                          static_cast<size_t>(left) * present;
  *view = {values, stride, window.height, window.width, channels};
  if (present == channels) return true;
  Tensor converted(tensorflow::DT_UINT8,
                   TensorShape({window.height, window.width, channels}));
  view->values = converted.flat<uint8_t>().data();
  view->stride = static_cast<size_t>(window.width) * channels;
  for (int row = 0; row < window.height; ++row) {
    Convert(values + row * stride, window.width, present, channels,
            converted.flat<uint8_t>().data() + row * view->stride);
  }
  *pixels = converted;
  return true;
}

void Convert(const uint8_t* source, int64_t count, int present, int channels,
             uint8_t* target) {
  constexpr int kWhite = 255;
  const bool has_alpha = present % 2 == 0;
  const bool is_colour = present > 2;
  for (int64_t i = 0; i < count; ++i, source += present, target += channels) {
    const int alpha = has_alpha ? source[present - 1] : 255;
    const int red = Blend(source[0], kWhite, alpha);
    const int green = is_colour ? Blend(source[1], kWhite, alpha) : red;
    const int blue = is_colour ? Blend(source[2], kWhite, alpha) : red;
    if (channels == 1) {
      target[0] = Luma(red, green, blue);
    } else {
      target[0] = static_cast<uint8_t>(red);
      target[1] = static_cast<uint8_t>(green);
      target[2] = static_cast<uint8_t>(blue);
    }
  }
}

}  // namespace noisy_student
