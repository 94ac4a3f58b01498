//===- Targets.h - The machines that fgla compiles for --------------------===//
#ifndef FGLA_PASSES_TARGETS_H
#define FGLA_PASSES_TARGETS_H

#include "dialect/fgla/FGLA.h"
#include "runtime/Status.h"

namespace fgla {

/// Names of all targets, "cpu" first.
llvm::ArrayRef<llvm::StringRef> getTargetNames();

/// The attribute of the target `name`. For the CPU it describes the machine
/// that this runs on. An error for a name that is not known, or known and not
/// there yet.
runtime::Result<TargetAttr> getTarget(mlir::MLIRContext &context, llvm::StringRef name);

/// "+avx,+avx2,-sse4a": what this machine has and has not, sorted, so that one machine always has one text.
std::string getHostFeatures();

/// Processor and features of this machine, for the key of a cache.
std::string getHostDescription();

/// Which compiler this is, for the key of a cache: its version, LLVM's, and
/// which build of the running program.
std::string getCompilerId();

} // namespace fgla

#endif // FGLA_PASSES_TARGETS_H
