// The rounding that all operations share.
//
// Results equal those of ns/noise/image_ops.py bit for bit: arithmetic is in
// float32, in the same order, and one operation at a time. The compiler must
// not contract a product and a sum (-ffp-contract=off).

#ifndef NS_NOISE_NATIVE_ARITHMETIC_H_
#define NS_NOISE_NATIVE_ARITHMETIC_H_

#include <cstdint>
#include <limits>

// Compiles a function for several generations of processors, of which the best
// is taken where it runs. All give the same results: none of these has fused
// multiply-add. NS_ONE_CLONE is for the tests, which compare them.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(NS_ONE_CLONE)
#define NS_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NS_CLONES
#endif

// What a clone calls must become part of it.
#define NS_INLINE inline __attribute__((always_inline))

namespace noisy_student {

// Clipped to [0, 255] and truncated; not a number is 0.
NS_INLINE uint8_t ToUint8(float value) {
  value = value > 0.0f ? value : 0.0f;
  value = value < 255.0f ? value : 255.0f;
  return static_cast<uint8_t>(static_cast<int>(value));
}

// From `base` (factor 0) to `value` (factor 1) and beyond.
NS_INLINE uint8_t Blend(float base, float value, float factor) {
  return ToUint8(base + factor * (value - base));
}

// Truncated; what does not fit, or is not a number, is the least int, as it is
// for the processor and so for TensorFlow. C++ itself leaves it open.
NS_INLINE int ToInt(float value) {
  const float limit = 2147483648.0f;  // 2**31
  return value >= -limit && value < limit ? static_cast<int>(value)
                                          : std::numeric_limits<int>::min();
}

}  // namespace noisy_student

#endif  // NS_NOISE_NATIVE_ARITHMETIC_H_
