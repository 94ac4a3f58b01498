//===- TensorMap.h - What the copy engine knows of a tensor ---------------===//
#ifndef FGLA_TEST_EMULATOR_TENSORMAP_H
#define FGLA_TEST_EMULATOR_TENSORMAP_H

#include <array>
#include <cstdint>
#include <cstring>

namespace fgla::emulator {

/// In the 128 bytes of a CUtensorMap, whose own form is not public. Dims from the innermost on.
struct TensorMap {
  static constexpr uint32_t mostDims = 5, kMagic = 0x746d6170;

  uint32_t magic = kMagic, rank = 0;
  uint64_t base = 0;
  std::array<uint64_t, mostDims - 1> strides{}; // in bytes, from the second dim on
  std::array<uint32_t, mostDims> sizes{};
  std::array<uint16_t, mostDims> box{};
  uint8_t elementBytes = 0;
  bool isPermuted = false; // the 16-byte parts of lines of 128 bytes, by the number of the line

  /// Copies the box at `corner` to address `to`, with zeros for what is outside: `write(address, from, bytes)` for each
  /// element. Returns the number of bytes.
  template <typename Write> int64_t copy(const std::array<int32_t, mostDims> &corner, uint64_t to, Write write) const {
    int64_t count = elementBytes;
    for (uint32_t dim = 0; dim < rank; ++dim)
      count *= box[dim];
    std::array<int64_t, mostDims> at{};
    for (int64_t offset = 0; offset < count; offset += elementBytes) {
      bool isInside = true;
      uint64_t from = base;
      for (uint32_t dim = 0; dim < rank; ++dim) {
        int64_t position = corner[dim] + at[dim];
        isInside &= position >= 0 && position < int64_t(sizes[dim]);
        from += position * (dim == 0 ? elementBytes : strides[dim - 1]);
      }
      uint64_t address = to + offset;
      if (isPermuted)
        address ^= (address >> 7 & 7) << 4;
      uint64_t zero = 0;
      write(address, isInside ? reinterpret_cast<const void *>(from) : &zero, elementBytes);
      for (uint32_t dim = 0; dim < rank && ++at[dim] == box[dim]; ++dim)
        at[dim] = 0;
    }
    return count;
  }
};
static_assert(sizeof(TensorMap) <= 128);

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_TENSORMAP_H
