//===- Artifacts.h - Compiled programs ------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_ARTIFACTS_H
#define FGLA_FRONTENDS_TORCH_ARTIFACTS_H

#include "frontends/torch/Program.h"
#include "runtime/fgla.h"

namespace fgla::ops {

/// A function that can be called. It is never unloaded.
struct Function {
  const fgla_function *handle = nullptr;
  std::vector<std::string> arguments, results;
};

/// The function for a call: from this process, from the compiler's cache on disk, or compiled.
const Function &getFunction(const Call &call, const Sizes &sizes);

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_ARTIFACTS_H
