//===- Manifest.h - What an artifact says about itself ----------*- C++ -*-===//
//
// The artifact contract (README.md) in data. A manifest is checked as hostile
// input: parse() either gives one that keeps every rule, or one error.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_MANIFEST_H
#define FGLA_RUNTIME_MANIFEST_H

#include "runtime/DType.h"
#include "runtime/Status.h"

#include <array>
#include <vector>

namespace fgla::runtime {

struct DimSpec {
  static constexpr int64_t dynamic = -1;

  int64_t size = dynamic; ///< >= 0 when static
  std::string symbol;     ///< dynamic: its name, "?" when unconstrained

  bool isStatic() const { return size >= 0; }
  bool isConstrained() const { return !isStatic() && symbol != "?"; }
};

struct ValueSpec {
  std::string name;
  DType dtype = FGLA_F32;
  std::vector<DimSpec> dims;

  size_t rank() const { return dims.size(); }
  /// `[B, T, 4, 64]`
  std::string shapeText() const;
};

struct FunctionSpec {
  std::string name;
  std::string entry;      ///< symbol of the code
  std::string shapeEntry; ///< symbol of the shape function
  std::vector<ValueSpec> args, results;

  size_t numResultDims() const;
};

/// A kernel of a GPU artifact. Code launches it by its position in the manifest.
struct KernelSpec {
  std::string name;
  std::string image; ///< symbol of the module it is in
  std::array<uint32_t, 3> block = {1, 1, 1};
  uint32_t sharedBytes = 0;
  bool isDependent = false; ///< may start while the kernel before it ends, and waits by itself
};

struct Manifest {
  std::string target, compiler;
  std::vector<std::string> requirements; ///< extensions of the processor that the code may use
  std::vector<FunctionSpec> functions;
  std::vector<KernelSpec> kernels; ///< none for the CPU

  bool isForCPU() const { return target == "cpu"; }

  /// FGLA_ABI_MISMATCH when "abi" is another version, else
  /// FGLA_INVALID_ARTIFACT with the path of what is wrong.
  static Result<Manifest> parse(std::string_view text);
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_MANIFEST_H
