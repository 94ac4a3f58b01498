//===- Numbers.h - Floats that are not the host's -------------------------===//
#ifndef FGLA_TEST_EMULATOR_NUMBERS_H
#define FGLA_TEST_EMULATOR_NUMBERS_H

#include <cstdint>
#include <cstring>

namespace fgla::emulator {

using Float16 = _Float16;

/// The upper half of an f32, rounded to the nearest, ties to even.
struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value) {
    uint32_t wide;
    std::memcpy(&wide, &value, 4);
    bool isNaN = value != value;
    bits = isNaN ? 0x7fff : static_cast<uint16_t>((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
  }
  operator float() const {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
};

/// Two in a register, the first in its low half.
template <typename Half> struct Pair {
  Half low, high;
};

enum class TF32Rounding { TiesToEven, TiesAway, Cut };
/// An f32 with 11 bits of significand. Products cut what is after them off.
inline float roundToTF32(float value, TF32Rounding rounding) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bool isFinite = (bits & 0x7f800000) != 0x7f800000;
  if (isFinite && rounding == TF32Rounding::TiesToEven)
    bits += 0xfff + ((bits >> 13) & 1);
  if (isFinite && rounding == TF32Rounding::TiesAway)
    bits += 0x1000;
  bits &= ~uint32_t(0x1fff);
  std::memcpy(&value, &bits, 4);
  return value;
}

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_NUMBERS_H
