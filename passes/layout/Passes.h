//===- Passes.h - Where each element of a tile lies -----------------------===//
#ifndef FGLA_PASSES_LAYOUT_PASSES_H
#define FGLA_PASSES_LAYOUT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/layout/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_LAYOUT_PASSES_H
