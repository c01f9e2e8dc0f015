#include "ns/noise/native/distort.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ns/noise/native/geometry.h"
#include "ns/noise/native/image.h"
#include "ns/noise/native/pointwise.h"
#include "ns/noise/native/sharpness.h"
#include "ns/noise/native/stretch.h"

namespace noisy_student {
namespace {

void Apply(Operation operation, const float* arguments, const uint8_t* source,
           const Shape& shape, const Choices& choices, Scratch* scratch,
           uint8_t* target) {
  const float argument = arguments[0];
  switch (operation) {
    case Operation::kNothing:
      std::memcpy(target, source, shape.size());
      break;
    case Operation::kAutoContrast:
      AutoContrast(source, shape, scratch->rows.get(), scratch->bounds.get(),
                   target);
      break;
    case Operation::kEqualize:
      Equalize(source, shape, target);
      break;
    case Operation::kInvert:
      Invert(source, shape, target);
      break;
    case Operation::kPosterize:
      Posterize(source, shape, argument, target);
      break;
    case Operation::kSolarize:
      Solarize(source, shape, argument, target);
      break;
    case Operation::kColor:
      Color(source, shape, argument, target);
      break;
    case Operation::kContrast:
      Contrast(source, shape,
               choices.correct_contrast ? MeanGrey(source, shape)
                                        : ReleasedGrey(shape),
               argument, target);
      break;
    case Operation::kBrightness:
      Brightness(source, shape, argument, target);
      break;
    case Operation::kSharpness:
      Sharpness(source, shape, argument, scratch->rows.get(), target);
      break;
    case Operation::kRotate:
    case Operation::kShearX:
    case Operation::kShearY:
    case Operation::kTranslateX:
    case Operation::kTranslateY:
      Transform(source, shape, arguments, choices.fill, scratch->pixels.get(),
                target);
      break;
    case Operation::kSolarizeAdd:
      SolarizeAdd(source, shape, argument, target);
      break;
    case Operation::kCutout:
      Cutout(source, shape, arguments[0], arguments[1], arguments[2],
             choices.fill, target);
      break;
  }
}

}  // namespace

// Not filled: every operation writes before it reads.
Scratch::Scratch(const Shape& shape)
    : image(new uint8_t[shape.size()]),
      bounds(new uint8_t[2 * shape.row()]),
      rows(new float[3 * shape.row()]),
      pixels(new int32_t[shape.width]) {}

void Distort(const uint8_t* source, const Shape& shape,
             const int32_t* operations, const float* arguments, size_t layers,
             const Choices& choices, Scratch* scratch, uint8_t* target) {
  const auto is_done = [](int32_t operation) {
    return operation != static_cast<int32_t>(Operation::kNothing);
  };
  size_t ahead = std::count_if(operations, operations + layers, is_done);
  if (ahead == 0) {
    std::memcpy(target, source, shape.size());
    return;
  }
  // From the source into the two buffers in turn, such that the last operation
  // writes into the target.
  for (size_t layer = 0; layer < layers; ++layer) {
    if (!is_done(operations[layer])) continue;
    --ahead;
    uint8_t* const next = ahead % 2 == 0 ? target : scratch->image.get();
    Apply(static_cast<Operation>(operations[layer]),
          arguments + layer * kArguments, source, shape, choices, scratch,
          next);
    source = next;
  }
}

}  // namespace noisy_student
