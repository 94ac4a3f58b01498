//===- Passes.h - From tensors to tile programs ---------------------------===//
#ifndef FGLA_PASSES_TILED_PASSES_H
#define FGLA_PASSES_TILED_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_TILED_PASSES_H
