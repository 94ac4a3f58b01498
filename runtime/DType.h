//===- DType.h - Element types ----------------------------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_DTYPE_H
#define FGLA_RUNTIME_DTYPE_H

#include "runtime/fgla.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace fgla::runtime {

using DType = fgla_dtype;

/// One row per element type: every name that some format has for it.
struct DTypeInfo {
  DType dtype;
  const char *name;        ///< manifest, messages: "f32"
  const char *safetensors; ///< "F32"
  const char *npy;         ///< "f4"; null where NumPy has none
  size_t size;             ///< bytes
  bool isFloat;
};

std::span<const DTypeInfo> dtypeTable();

/// Null when `dtype` is no value of the enum (the C ABI takes any integer).
const DTypeInfo *findDType(int dtype);
std::optional<DType> dtypeFromName(std::string_view name);

/// For dtypes that are known to be valid.
inline const DTypeInfo &info(DType dtype) { return dtypeTable()[dtype]; }
inline const char *dtypeName(DType dtype) { return info(dtype).name; }
inline size_t dtypeSize(DType dtype) { return info(dtype).size; }

/// Bytes of a dense tensor, or nothing when a dim is negative or the product
/// does not fit in an int64.
std::optional<int64_t> byteSize(DType dtype, std::span<const int64_t> shape);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_DTYPE_H
