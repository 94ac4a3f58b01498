//===- Inputs.h - Tensors for the arguments of a function -----------------===//
#ifndef FGLA_TOOLS_SUPPORT_INPUTS_H
#define FGLA_TOOLS_SUPPORT_INPUTS_H

#include "runtime/Function.h"
#include "support/Tensor.h"

namespace fgla::tools {

/// Where the tensors for a function come from, as command lines say it.
struct InputOptions {
  std::vector<std::string> files; ///< safetensors, or "random" alone
  std::vector<std::string> pairs; ///< "NAME=FILE.npy"
  std::string shape;              ///< sizes of random tensors: "B=1,T=4096"
  uint64_t seed = 1;              ///< of random tensors
  bool hasDefaultSizes = false;   ///< for dims that `shape` says nothing of
};

/// A tensor for each argument of `function`: by its name from `pairs`, else from the files; or random ones. Tensors
/// that no argument has the name of are left alone in a file, and are an error in `pairs`. One name in two files is an
/// error.
runtime::Result<std::vector<runtime::Tensor>> getInputs(const runtime::Function &function, const InputOptions &options);

} // namespace fgla::tools

#endif // FGLA_TOOLS_SUPPORT_INPUTS_H
