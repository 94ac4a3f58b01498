//===- Program.h - A compiled function and calls of it --------------------===//
#ifndef FGLA_TOOLS_SUPPORT_PROGRAM_H
#define FGLA_TOOLS_SUPPORT_PROGRAM_H

#include "compiler/Compiler.h"
#include "support/Tensor.h"

namespace fgla::tools {

/// Loads an artifact (.so), or compiles a source and loads what comes out.
runtime::Result<std::unique_ptr<runtime::Module>> loadProgram(const std::string &path, const CompileOptions &options);

/// The function `entry`, or, if that is empty, the module's only function.
runtime::Result<const runtime::Function *> pickFunction(const runtime::Module &module, const std::string &entry);

/// Tensors for all results of a call with `args`.
runtime::Result<std::vector<runtime::Tensor>> allocateResults(const runtime::Function &function,
                                                              std::span<const runtime::Tensor> args);

/// One call, its results in `results`. For a GPU the tensors are copied to the first device and back.
runtime::Status call(const runtime::Function &function, std::span<const runtime::Tensor> args,
                     std::span<const runtime::Tensor> results);

/// Seconds of one call, over many calls. Nothing but the call is in it: tensors
/// are made before (on a GPU: copied there), results are reused. On a GPU each
/// call is waited for.
struct Timing {
  double median = 0, p10 = 0, p90 = 0, minimum = 0;
  int calls = 0;
};

/// Calls `warmUp` times without looking, then for `seconds`, but at least
/// `minCalls` times.
runtime::Result<Timing> timeCalls(const runtime::Function &function, std::span<const runtime::Tensor> args,
                                  std::span<const runtime::Tensor> results, int warmUp, double seconds, int minCalls);

/// "1.23 ms".
std::string formatSeconds(double seconds);

} // namespace fgla::tools

#endif // FGLA_TOOLS_SUPPORT_PROGRAM_H
