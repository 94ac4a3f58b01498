//===- Processors.h - The processors that fgla compiles for ---------------===//
#ifndef FGLA_PASSES_PROCESSORS_H
#define FGLA_PASSES_PROCESSORS_H

#include "dialect/fgla/FGLA.h"
#include "runtime/Status.h"

namespace fgla {

/// The target "cpu" with the processor `name`, as LLVM calls it ("x86-64-v3"), in the place of the one that this runs
/// on.
runtime::Result<TargetAttr> withProcessor(TargetAttr target, llvm::StringRef name);

/// The extensions that code for a CPU may use, of those that the runtime can look for (runtime/Processor.h).
std::vector<std::string> getRequiredExtensions(TargetAttr target);

} // namespace fgla

#endif // FGLA_PASSES_PROCESSORS_H
