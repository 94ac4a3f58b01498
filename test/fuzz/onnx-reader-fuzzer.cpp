//===- onnx-reader-fuzzer.cpp - Feeds noise to the ONNX reader ------------===//
//
// The first byte chooses what the rest is: a model in protobuf, a model in ONNX's text format, or a tensor.
//
//===----------------------------------------------------------------------===//
#include "frontends/onnx/Reader.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const char *bytes = reinterpret_cast<const char *>(data + 1);
  std::string error;
  if (data[0] % 4 == 2) {
    fgla::onnx::TensorData tensor;
    bool read = fgla::onnx::readTensorProtoFromMemory(bytes, size - 1, tensor, error);
    // What is accepted fits together.
    if (read &&
        static_cast<int64_t>(tensor.bytes.size()) != tensor.numElements() * fgla::onnx::elementSize(tensor.type))
      std::abort();
    if (!read && error.empty())
      std::abort();
    return 0;
  }
  bool isText = data[0] % 4 == 1;
  // A folder that does not exist: external weights are looked for, never found.
  auto model = fgla::onnx::readModelFromMemory(bytes, size - 1, isText, "/nonexistent", error);
  if (!model && (error.empty() || error.find('\n') != std::string::npos))
    std::abort();
  return 0;
}
