#include "ns/noise/native/stretch.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ns/noise/native/arithmetic.h"
#include "ns/noise/native/image.h"

namespace noisy_student {
namespace {

// AutoContrast. Channels alternate along a row and rows are alike, so bounds
// and scales are held for each place in a row: then a walk along a row needs no
// channel, and does many values at once.

// The least and the greatest value of each column of values.
NS_CLONES void Bounds(const uint8_t* __restrict source, size_t height,
                      size_t row, uint8_t* __restrict low,
                      uint8_t* __restrict high) {
  std::memcpy(low, source, row);
  std::memcpy(high, source, row);
  for (size_t y = 1; y < height; ++y) {
    const uint8_t* __restrict values = source + y * row;
    for (size_t i = 0; i < row; ++i) {
      low[i] = values[i] < low[i] ? values[i] : low[i];
      high[i] = values[i] > high[i] ? values[i] : high[i];
    }
  }
}

NS_CLONES void ScaleRows(const uint8_t* __restrict source, size_t height,
                         size_t row, const float* __restrict scale,
                         const float* __restrict offset,
                         uint8_t* __restrict target) {
  for (size_t y = 0; y < height; ++y) {
    for (size_t i = 0; i < row; ++i) {
      const float value = source[y * row + i];
      target[y * row + i] = ToUint8(value * scale[i] + offset[i]);
    }
  }
}

// Equalize.

using Counts = std::array<uint32_t, 256>;
using Levels = std::array<uint8_t, 256>;

// How often each value is in each channel. One value after another goes to
// another table: to raise the number that was just raised is to wait for it.
template <int channels>
void Count(const uint8_t* source, size_t pixels, Counts* counts) {
  constexpr int kTables = 4;
  Counts tables[kTables][channels] = {};
  size_t pixel = 0;
  for (; pixel + kTables <= pixels; pixel += kTables) {
    const uint8_t* values = source + pixel * channels;
    for (int table = 0; table < kTables; ++table) {
      for (int channel = 0; channel < channels; ++channel) {
        ++tables[table][channel][values[table * channels + channel]];
      }
    }
  }
  for (; pixel < pixels; ++pixel) {
    for (int channel = 0; channel < channels; ++channel) {
      ++tables[0][channel][source[pixel * channels + channel]];
    }
  }
  for (int channel = 0; channel < channels; ++channel) {
    for (int value = 0; value < 256; ++value) {
      counts[channel][value] = 0;
      for (const auto& table : tables) {
        counts[channel][value] += table[channel][value];
      }
    }
  }
}

// What each value becomes. `step` pixels share an output level; those of the
// highest value present are left out of the division.
Levels EvenLevels(const Counts& counts, uint32_t pixels) {
  uint32_t highest = 255;
  while (highest > 0 && counts[highest] == 0) --highest;
  const uint32_t step = (pixels - counts[highest]) / 255;
  Levels levels;
  uint32_t below = 0;
  for (uint32_t value = 0; value < 256; ++value) {
    levels[value] = static_cast<uint8_t>(
        step == 0 ? value  // Too few pixels: the channel stays.
                  : std::min<uint32_t>((below + step / 2) / step, 255));
    below += counts[value];
  }
  return levels;
}

template <int channels>
void EqualizeChannels(const uint8_t* __restrict source, size_t pixels,
                      uint8_t* __restrict target) {
  Counts counts[channels];
  Count<channels>(source, pixels, counts);
  Levels levels[channels];
  for (int channel = 0; channel < channels; ++channel) {
    levels[channel] =
        EvenLevels(counts[channel], static_cast<uint32_t>(pixels));
  }
  for (size_t pixel = 0; pixel < pixels; ++pixel) {
    for (int channel = 0; channel < channels; ++channel) {
      const size_t i = pixel * channels + channel;
      target[i] = levels[channel][source[i]];
    }
  }
}

}  // namespace

void AutoContrast(const uint8_t* source, const Shape& shape, float* rows,
                  uint8_t* bounds, uint8_t* target) {
  const size_t row = shape.row();
  const size_t channels = shape.channels;
  uint8_t* const low = bounds;
  uint8_t* const high = bounds + row;
  Bounds(source, shape.height, row, low, high);
  for (size_t i = channels; i < row; ++i) {
    low[i % channels] = std::min(low[i % channels], low[i]);
    high[i % channels] = std::max(high[i % channels], high[i]);
  }
  float* const scale = rows;
  float* const offset = rows + row;
  for (size_t channel = 0; channel < channels; ++channel) {
    const float least = low[channel];
    const float range = static_cast<float>(high[channel]) - least;
    scale[channel] = range > 0 ? 255.0f / range : 1.0f;  // Flat: it stays.
    offset[channel] = range > 0 ? -(least * scale[channel]) : 0.0f;
  }
  for (size_t i = channels; i < row; ++i) {
    scale[i] = scale[i - channels];
    offset[i] = offset[i - channels];
  }
  ScaleRows(source, shape.height, row, scale, offset, target);
}

void Equalize(const uint8_t* source, const Shape& shape, uint8_t* target) {
  const size_t pixels = shape.size() / shape.channels;
  if (shape.channels == 3) {
    EqualizeChannels<3>(source, pixels, target);
  } else {
    EqualizeChannels<1>(source, pixels, target);
  }
}

}  // namespace noisy_student
