//===- DType.cpp - Element types ------------------------------------------===//

#include "runtime/DType.h"

using namespace fgla::runtime;

// Indexed by the enum's value.
static constexpr DTypeInfo table[] = {
    {FGLA_F64, "f64", "F64", "f8", 8, true},  {FGLA_F32, "f32", "F32", "f4", 4, true},
    {FGLA_F16, "f16", "F16", "f2", 2, true},  {FGLA_BF16, "bf16", "BF16", nullptr, 2, true},
    {FGLA_I64, "i64", "I64", "i8", 8, false}, {FGLA_I32, "i32", "I32", "i4", 4, false},
    {FGLA_I16, "i16", "I16", "i2", 2, false}, {FGLA_I8, "i8", "I8", "i1", 1, false},
    {FGLA_U8, "u8", "U8", "u1", 1, false},    {FGLA_BOOL, "bool", "BOOL", "b1", 1, false},
};

std::span<const DTypeInfo> fgla::runtime::dtypeTable() { return table; }

const DTypeInfo *fgla::runtime::findDType(int dtype) {
  if (dtype < 0 || dtype >= static_cast<int>(std::size(table)))
    return nullptr;
  return &table[dtype];
}

std::optional<DType> fgla::runtime::dtypeFromName(std::string_view name) {
  for (const DTypeInfo &row : table)
    if (name == row.name)
      return row.dtype;
  return std::nullopt;
}

std::optional<int64_t> fgla::runtime::byteSize(DType dtype, std::span<const int64_t> shape) {
  int64_t bytes = static_cast<int64_t>(dtypeSize(dtype));
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return std::nullopt;
    // A zero must not hide an overflow elsewhere: strides are products of the
    // other dims.
    empty |= dim == 0;
    if (dim != 0 && __builtin_mul_overflow(bytes, dim, &bytes))
      return std::nullopt;
  }
  return empty ? 0 : bytes;
}
