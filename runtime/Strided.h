//===- Strided.h - Strides and packing --------------------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_STRIDED_H
#define FGLA_RUNTIME_STRIDED_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fgla::runtime {

/// Row-major strides in elements, last dimension fastest. A dim of 0 counts as
/// 1, so that no stride is 0. The product must fit (byteSize()).
std::vector<int64_t> contiguousStrides(std::span<const int64_t> shape);
void writeContiguousStrides(std::span<const int64_t> shape, int64_t *strides);

/// Whether the elements lie as contiguousStrides() says; strides of dims of
/// size 1, and of empty tensors, do not matter.
bool isContiguous(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// Elements below and above element 0 that a view reaches: low <= 0 <= high.
/// Nothing when that does not fit in an int64. The shape must not be empty.
struct Reach {
  int64_t low = 0, high = 0;
};
std::optional<Reach> reach(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// Copies a strided view to `to`, row-major. `from` points at element 0.
void pack(const void *from, size_t elementSize, std::span<const int64_t> shape, std::span<const int64_t> strides,
          void *to);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_STRIDED_H
