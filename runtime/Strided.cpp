//===- Strided.cpp - Strides and packing ----------------------------------===//

#include "runtime/Strided.h"

#include <algorithm>
#include <cstring>

using namespace fgla::runtime;

std::vector<int64_t> fgla::runtime::contiguousStrides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size());
  writeContiguousStrides(shape, strides.data());
  return strides;
}

void fgla::runtime::writeContiguousStrides(std::span<const int64_t> shape, int64_t *strides) {
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
}

bool fgla::runtime::isContiguous(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= shape[i];
  }
  return true;
}

std::optional<Reach> fgla::runtime::reach(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  Reach result;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t extent;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &extent))
      return std::nullopt;
    int64_t &end = extent < 0 ? result.low : result.high;
    if (__builtin_add_overflow(end, extent, &end))
      return std::nullopt;
  }
  return result;
}

template <size_t Size> static void packRow(const char *from, int64_t count, int64_t stride, char *to) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + i * Size, from + i * stride * int64_t(Size), Size);
}

void fgla::runtime::pack(const void *from, size_t elementSize, std::span<const int64_t> shape,
                         std::span<const int64_t> strides, void *to) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end())
    return;
  auto *source = static_cast<const char *>(from);
  auto *target = static_cast<char *>(to);
  auto size = static_cast<int64_t>(elementSize);
  size_t outer = shape.empty() ? 0 : shape.size() - 1;
  int64_t count = shape.empty() ? 1 : shape[outer];
  int64_t stride = shape.empty() ? 1 : strides[outer];
  std::vector<int64_t> index(outer, 0);
  int64_t offset = 0; // of the row, in elements
  while (true) {
    const char *row = source + offset * size;
    if (stride == 1)
      std::memcpy(target, row, static_cast<size_t>(count * size));
    else if (size == 1)
      packRow<1>(row, count, stride, target);
    else if (size == 2)
      packRow<2>(row, count, stride, target);
    else if (size == 4)
      packRow<4>(row, count, stride, target);
    else
      packRow<8>(row, count, stride, target);
    target += count * size;

    size_t i = outer;
    while (i-- > 0) { // the next row, like an odometer
      if (++index[i] < shape[i]) {
        offset += strides[i];
        break;
      }
      offset -= strides[i] * (shape[i] - 1);
      index[i] = 0;
    }
    if (i == size_t(-1))
      return;
  }
}
