// The ops of ns/images/native/kernel.py. All are stateless, and none fails on
// an image, whatever its bytes.

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ns/images/native/bicubic.h"
#include "ns/images/native/decoder.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace noisy_student {
namespace {

using ::tensorflow::DEVICE_CPU;
using ::tensorflow::OpKernel;
using ::tensorflow::OpKernelConstruction;
using ::tensorflow::OpKernelContext;
using ::tensorflow::Tensor;
using ::tensorflow::TensorShape;
using ::tensorflow::TensorShapeUtils;
using ::tensorflow::shape_inference::DimensionHandle;
using ::tensorflow::shape_inference::InferenceContext;
using ::tensorflow::shape_inference::ShapeHandle;

template <typename... Parts>
absl::Status InvalidArgument(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// [size, size, channels] for an output, out of attributes.
absl::Status Square(InferenceContext* c, int output) {
  int size, channels;
  TF_RETURN_IF_ERROR(c->GetAttr("size", &size));
  TF_RETURN_IF_ERROR(c->GetAttr("channels", &channels));
  c->set_output(output, c->MakeShape({size, size, channels}));
  return absl::OkStatus();
}

REGISTER_OP("NoisyStudentImageShape")
    .Input("image: string")
    .Output("height: int32")
    .Output("width: int32")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 0, &unused));
      c->set_output(0, c->Scalar());
      c->set_output(1, c->Scalar());
      return absl::OkStatus();
    })
    .Doc("Height and width of an encoded image; 1 and 1 where it is broken.");

REGISTER_OP("NoisyStudentDecode")
    .Input("image: string")
    .Attr("size: int >= 1")
    .Attr("channels: int >= 1")
    .Output("pixels: uint8")
    .Output("is_good: bool")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 0, &unused));
      int channels;
      TF_RETURN_IF_ERROR(c->GetAttr("channels", &channels));
      c->set_output(0, c->MakeShape({c->UnknownDim(), c->UnknownDim(),
                                     c->MakeDim(channels)}));
      c->set_output(1, c->Scalar());
      return absl::OkStatus();
    })
    .Doc("The pixels of an encoded image; size by size black ones where it is "
         "broken.");

REGISTER_OP("NoisyStudentDecodeWindow")
    .Input("image: string")
    .Input("window: int32")
    .Input("flip: bool")
    .Attr("size: int >= 1")
    .Attr("channels: int >= 1")
    .Output("pixels: uint8")
    .Output("is_good: bool")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle unused;
      DimensionHandle four;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 0, &unused));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 1, &unused));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(unused, 0), 4, &four));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 0, &unused));
      c->set_output(1, c->Scalar());
      return Square(c, 0);
    })
    .Doc("A window (top, left, height, width) of an encoded image, resized; "
         "black where the image is broken or the window is outside.");

REGISTER_OP("NoisyStudentResize")
    .Input("pixels: uint8")
    .Input("flip: bool")
    .Attr("size: int >= 1")
    .Attr("channels: int >= 1")
    .Output("resized: uint8")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &unused));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 0, &unused));
      return Square(c, 0);
    })
    .Doc("Pixels with TensorFlow 1's bicubic at size by size.");

// What the ops share: their attributes, the decoder and black pixels.
class ImageOp : public OpKernel {
 public:
  explicit ImageOp(OpKernelConstruction* construction)
      : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("size", &size_));
    OP_REQUIRES_OK(construction, construction->GetAttr("channels", &channels_));
    OP_REQUIRES(construction, size_ >= 1 && size_ <= 1 << 14,
                InvalidArgument("`size` should be from 1 to 16384, but is ",
                                size_, "."));
    OP_REQUIRES(construction, channels_ == 1 || channels_ == 3,
                InvalidArgument("`channels` should be 1 or 3, but is ",
                                channels_, "."));
  }

 protected:
  // The square output `index`, or null where the op has failed.
  uint8_t* AllocateSquare(OpKernelContext* context, int index) const {
    Tensor* output = nullptr;
    const absl::Status status = context->allocate_output(
        index, TensorShape({size_, size_, channels_}), &output);
    if (!status.ok()) {
      context->CtxFailure(status);
      return nullptr;
    }
    return output->flat<uint8_t>().data();
  }

  size_t square() const {
    return static_cast<size_t>(size_) * size_ * channels_;
  }

  int size_;
  int channels_;
};

#define NS_SCALAR(context, index, name)                                    \
  OP_REQUIRES(context, TensorShapeUtils::IsScalar(                         \
                           context->input(index).shape()),                 \
              InvalidArgument("`" name "` should be a scalar, but has shape ", \
                              context->input(index).shape().DebugString(), \
                              "."))

class ImageShapeOp : public OpKernel {
 public:
  explicit ImageShapeOp(OpKernelConstruction* construction)
      : OpKernel(construction), decoder_(construction) {}

  void Compute(OpKernelContext* context) override {
    NS_SCALAR(context, 0, "image");
    int height, width;
    if (!decoder_.ReadShape(context, context->input(0), &height, &width) ||
        height < 1 || width < 1) {
      height = width = 1;
    }
    Tensor* output;
    OP_REQUIRES_OK(context,
                   context->allocate_output(0, TensorShape({}), &output));
    output->scalar<int32_t>()() = height;
    OP_REQUIRES_OK(context,
                   context->allocate_output(1, TensorShape({}), &output));
    output->scalar<int32_t>()() = width;
  }

 private:
  const Decoder decoder_;
};

class DecodeOp : public ImageOp {
 public:
  explicit DecodeOp(OpKernelConstruction* construction)
      : ImageOp(construction), decoder_(construction) {}

  void Compute(OpKernelContext* context) override {
    NS_SCALAR(context, 0, "image");
    Tensor* is_good;
    OP_REQUIRES_OK(context,
                   context->allocate_output(1, TensorShape({}), &is_good));
    Tensor pixels;
    is_good->scalar<bool>()() =
        decoder_.Decode(context, context->input(0), &pixels);
    if (!is_good->scalar<bool>()()) {
      uint8_t* target = AllocateSquare(context, 0);
      if (target != nullptr) std::memset(target, 0, square());
      return;
    }
    const int present = static_cast<int>(pixels.dim_size(2));
    if (present == channels_) {
      context->set_output(0, pixels);
      return;
    }
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, TensorShape({pixels.dim_size(0),
                                                pixels.dim_size(1), channels_}),
                                &output));
    Convert(pixels.flat<uint8_t>().data(),
            pixels.dim_size(0) * pixels.dim_size(1), present, channels_,
            output->flat<uint8_t>().data());
  }

 private:
  const Decoder decoder_;
};

class DecodeWindowOp : public ImageOp {
 public:
  explicit DecodeWindowOp(OpKernelConstruction* construction)
      : ImageOp(construction), decoder_(construction) {}

  void Compute(OpKernelContext* context) override {
    NS_SCALAR(context, 0, "image");
    OP_REQUIRES(context, context->input(1).shape() == TensorShape({4}),
                InvalidArgument("`window` should have shape [4], but has ",
                                context->input(1).shape().DebugString(), "."));
    NS_SCALAR(context, 2, "flip");
    const auto numbers = context->input(1).vec<int32_t>();
    const Window window = {numbers(0), numbers(1), numbers(2), numbers(3)};
    Tensor* is_good;
    OP_REQUIRES_OK(context,
                   context->allocate_output(1, TensorShape({}), &is_good));
    uint8_t* target = AllocateSquare(context, 0);
    if (target == nullptr) return;
    Tensor pixels;
    View view;
    is_good->scalar<bool>()() = decoder_.DecodeWindow(
        context, context->input(0), window, channels_, &pixels, &view);
    if (is_good->scalar<bool>()()) {
      Bicubic(view, size_, context->input(2).scalar<bool>()(), target);
    } else {
      std::memset(target, 0, square());
    }
  }

 private:
  const Decoder decoder_;
};

class ResizeOp : public ImageOp {
 public:
  using ImageOp::ImageOp;

  void Compute(OpKernelContext* context) override {
    const Tensor& pixels = context->input(0);
    OP_REQUIRES(context,
                pixels.dims() == 3 && pixels.dim_size(2) == channels_ &&
                    pixels.NumElements() > 0 &&
                    pixels.NumElements() <= 1 << 30,
                InvalidArgument("`pixels` should be [height, width, ",
                                channels_, "] with pixels, but has shape ",
                                pixels.shape().DebugString(), "."));
    NS_SCALAR(context, 1, "flip");
    uint8_t* target = AllocateSquare(context, 0);
    if (target == nullptr) return;
    const int height = static_cast<int>(pixels.dim_size(0));
    const int width = static_cast<int>(pixels.dim_size(1));
    const View view = {pixels.flat<uint8_t>().data(),
                       static_cast<size_t>(width) * channels_, height, width,
                       channels_};
    Bicubic(view, size_, context->input(1).scalar<bool>()(), target);
  }
};

#undef NS_SCALAR

REGISTER_KERNEL_BUILDER(Name("NoisyStudentImageShape").Device(DEVICE_CPU),
                        ImageShapeOp);
REGISTER_KERNEL_BUILDER(Name("NoisyStudentDecode").Device(DEVICE_CPU),
                        DecodeOp);
REGISTER_KERNEL_BUILDER(Name("NoisyStudentDecodeWindow").Device(DEVICE_CPU),
                        DecodeWindowOp);
REGISTER_KERNEL_BUILDER(Name("NoisyStudentResize").Device(DEVICE_CPU),
                        ResizeOp);

}  // namespace
}  // namespace noisy_student
