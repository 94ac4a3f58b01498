//===- Inputs.h - Tensors for the arguments of a function -----------------===//
#ifndef FGLA_TOOLS_FGLA_RUN_INPUTS_H
#define FGLA_TOOLS_FGLA_RUN_INPUTS_H

#include "runtime/Function.h"
#include "support/Tensor.h"

namespace fgla::tools {

/// Reads a tensor for each argument of `function`, by its name: from `pairs`
/// ("NAME=FILE.npy"), else from the safetensors files. Tensors that no argument
/// has the name of are left alone in a file, and are an error in `pairs`.
runtime::Result<std::vector<runtime::Tensor>> readInputs(const runtime::Function &function,
                                                         std::span<const std::string> safetensors,
                                                         std::span<const std::string> pairs);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_RUN_INPUTS_H
