// The TensorFlow op NoisyStudentDistort: `Distort` on a batch of images.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ns/noise/native/distort.h"
#include "ns/noise/native/image.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/util/work_sharder.h"

namespace noisy_student {
namespace {

// An image larger than this has places that an int32 cannot count.
constexpr int64_t kLargestImage = int64_t{1} << 30;

template <typename... Parts>
absl::Status Invalid(const Parts&... sentence) {
  return absl::InvalidArgumentError(absl::StrCat(sentence...));
}

absl::Status InferShape(tensorflow::shape_inference::InferenceContext* context) {
  tensorflow::shape_inference::ShapeHandle images, ops, arguments;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &images));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 2, &ops));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 3, &arguments));
  tensorflow::shape_inference::DimensionHandle batch, unused;
  TF_RETURN_IF_ERROR(
      context->Merge(context->Dim(images, 0), context->Dim(ops, 0), &batch));
  TF_RETURN_IF_ERROR(
      context->Merge(batch, context->Dim(arguments, 0), &batch));
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(ops, 1),
                                    context->Dim(arguments, 1), &unused));
  TF_RETURN_IF_ERROR(
      context->WithValue(context->Dim(arguments, 2), kArguments, &unused));
  TF_RETURN_IF_ERROR(context->ReplaceDim(images, 0, batch, &images));
  context->set_output(0, images);
  return absl::OkStatus();
}

REGISTER_OP("NoisyStudentDistort")
    .Input("images: uint8")
    .Input("ops: int32")
    .Input("arguments: float")
    .Output("distorted: uint8")
    .Attr("fill: int = 128")
    .Attr("contrast: {'released', 'correct'} = 'released'")
    .SetShapeFn(InferShape)
    .Doc(R"doc(
Applies drawn image operations; see ns/noise/distort.py.

images: [batch, height, width, channels], of 1 or 3 channels.
ops: [batch, layers], places in `image_ops.NAMES`, -1 for no operation.
arguments: [batch, layers, 6], what each operation takes.
distorted: The shape of `images`.
fill: What comes in from outside an image and fills holes, in [0, 255].
contrast: Which grey Contrast blends with.
)doc");

class DistortOp : public tensorflow::OpKernel {
 public:
  explicit DistortOp(tensorflow::OpKernelConstruction* context)
      : OpKernel(context) {
    int fill;
    OP_REQUIRES_OK(context, context->GetAttr("fill", &fill));
    OP_REQUIRES(context, fill >= 0 && fill <= 255,
                Invalid(
                    "`fill` should be in [0, 255], but is ", fill, "."));
    std::string contrast;
    OP_REQUIRES_OK(context, context->GetAttr("contrast", &contrast));
    choices_.fill = static_cast<uint8_t>(fill);
    choices_.correct_contrast = contrast == "correct";
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& images = context->input(0);
    const tensorflow::Tensor& ops = context->input(1);
    const tensorflow::Tensor& arguments = context->input(2);
    OP_REQUIRES_OK(context, Check(images, ops, arguments));
    tensorflow::Tensor* distorted;
    OP_REQUIRES_OK(context, context->allocate_output(0, images.shape(),
                                                     &distorted));
    if (images.NumElements() == 0) return;

    const Shape shape{static_cast<int>(images.dim_size(1)),
                      static_cast<int>(images.dim_size(2)),
                      static_cast<int>(images.dim_size(3))};
    const size_t layers = ops.dim_size(1);
    const uint8_t* const source = images.flat<uint8_t>().data();
    const int32_t* const operations = ops.flat<int32_t>().data();
    const float* const numbers = arguments.flat<float>().data();
    uint8_t* const target = distorted->flat<uint8_t>().data();
    const auto distort = [&](int64_t begin, int64_t end) {
      Scratch scratch(shape);
      for (int64_t i = begin; i < end; ++i) {
        Distort(source + i * shape.size(), shape, operations + i * layers,
                numbers + i * layers * kArguments, layers, choices_, &scratch,
                target + i * shape.size());
      }
    };
    // An operation takes some half a cycle for a value (15,000 images of
    // 224x224 a second on a core of 2.5 GHz, of two layers).
    const int64_t cycles = 1 + shape.size() * layers / 2;
    const auto& workers = *context->device()->tensorflow_cpu_worker_threads();
    tensorflow::Shard(workers.num_threads, workers.workers,
                      images.dim_size(0), cycles, distort);
  }

 private:
  static absl::Status Check(const tensorflow::Tensor& images,
                            const tensorflow::Tensor& ops,
                            const tensorflow::Tensor& arguments) {
    const std::string shape = images.shape().DebugString();
    if (images.dims() != 4) {
      return Invalid(
          "`images` should be of shape [batch, height, width, channels], but "
          "is of shape ", shape, ".");
    }
    const int64_t channels = images.dim_size(3);
    if (channels != 1 && channels != 3) {
      return Invalid(
          "`images` should have 1 or 3 channels, but is of shape ", shape,
          ".");
    }
    const int64_t batch = images.dim_size(0);
    if (batch > 0 && images.NumElements() / batch > kLargestImage) {
      return Invalid(
          "`images` should be of at most ", kLargestImage,
          " values each, but is of shape ", shape, ".");
    }
    if (ops.dims() != 2 || ops.dim_size(0) != batch) {
      return Invalid(
          "`ops` should be of shape [", batch,
          ", layers], for as many images as `images` has, but is of shape ",
          ops.shape().DebugString(), ".");
    }
    const int64_t layers = ops.dim_size(1);
    if (arguments.shape() !=
        tensorflow::TensorShape({batch, layers, kArguments})) {
      return Invalid(
          "`arguments` should be of shape [", batch, ", ", layers, ", ",
          kArguments, "], as `ops` asks for, but is of shape ",
          arguments.shape().DebugString(), ".");
    }
    const auto operations = ops.flat<int32_t>();
    for (int64_t i = 0; i < operations.size(); ++i) {
      if (operations(i) < static_cast<int32_t>(Operation::kNothing) ||
          operations(i) >= kOperations) {
        return Invalid(
            "`ops` should be of places in `image_ops.NAMES`, 0 to ",
            kOperations - 1, ", or -1 for none, but image ", i / layers,
            " has ", operations(i), ".");
      }
    }
    return absl::OkStatus();
  }

  Choices choices_;
};

REGISTER_KERNEL_BUILDER(
    Name("NoisyStudentDistort").Device(tensorflow::DEVICE_CPU), DistortOp);

}  // namespace
}  // namespace noisy_student
