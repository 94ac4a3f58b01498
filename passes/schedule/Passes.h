//===- Passes.h - Passes that decide how kernels run ----------------------===//
#ifndef FGLA_PASSES_SCHEDULE_PASSES_H
#define FGLA_PASSES_SCHEDULE_PASSES_H

#include "dialect/fgla/FGLA.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/schedule/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_PASSES_H
