//===- TensorData.h - a tensor as it is in a file -------------------------===//
//
// Standard C++ only: neither protobuf nor MLIR shows through.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_TENSORDATA_H
#define FGLA_FRONTENDS_ONNX_TENSORDATA_H

#include <cstdint>
#include <string>
#include <vector>

namespace fgla::onnx {

enum class ElementType { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool };

/// "f32", "bf16", "i64", "u8", "bool" …
const char *elementTypeName(ElementType type);
/// Bytes of one element; a boolean takes one.
int64_t elementSize(ElementType type);

/// A dense tensor: elements in row-major order, little-endian.
struct TensorData {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;
  std::string bytes;

  int64_t numElements() const;
};

/// Reads a serialized TensorProto (the .pb files of ONNX's test data). Returns
/// false and sets `error` (one line) on failure.
bool readTensorProto(const std::string &path, TensorData &tensor, std::string &error);

/// Likewise from memory.
bool readTensorProtoFromMemory(const char *data, size_t size, TensorData &tensor, std::string &error);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_TENSORDATA_H
