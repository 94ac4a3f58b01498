//===- Passes.h - From tensors to tile programs ---------------------------===//
#ifndef FGLA_PASSES_TILED_PASSES_H
#define FGLA_PASSES_TILED_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/tiled/Passes.h.inc"

/// No side of a GPU's tiles is longer: tiles of whole rows fit no shared memory long before.
inline constexpr int64_t kMostTileSide = int64_t(1) << 17;
} // namespace fgla

#endif // FGLA_PASSES_TILED_PASSES_H
