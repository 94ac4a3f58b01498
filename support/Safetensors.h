//===- Safetensors.h - The safetensors format -------------------*- C++ -*-===//
//
// https://huggingface.co/docs/safetensors: 8 bytes of header length, a JSON
// header, the tensors' bytes without holes. Little-endian, row-major.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_SUPPORT_SAFETENSORS_H
#define FGLA_SUPPORT_SAFETENSORS_H

#include "support/Tensor.h"

#include <functional>
#include <map>

namespace fgla::runtime {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct Safetensors {
  std::vector<NamedTensor> tensors; ///< in the order of their bytes
  std::map<std::string, std::string> metadata;

  /// Null when there is none.
  const Tensor *find(std::string_view name) const;
};

/// Says by its name whether a tensor is wanted.
using IsWanted = std::function<bool(std::string_view)>;

/// Files are hostile input: whatever is in one, the result is its tensors or
/// one error that names the file, the tensor and the rule. What is not wanted
/// is left in the file, and may have a dtype that there is no tensor of.
Result<Safetensors> readSafetensors(const std::string &path, const IsWanted &isWanted = {});

/// Writes the whole file or nothing. Names must be distinct, UTF-8, and not
/// "__metadata__".
Status writeSafetensors(const std::string &path, std::span<const NamedTensor> tensors,
                        const std::map<std::string, std::string> &metadata = {});

} // namespace fgla::runtime

#endif // FGLA_SUPPORT_SAFETENSORS_H
