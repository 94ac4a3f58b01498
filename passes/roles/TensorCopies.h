//===- TensorCopies.h - What the copy engine loads ------------------------===//
#ifndef FGLA_PASSES_ROLES_TENSORCOPIES_H
#define FGLA_PASSES_ROLES_TENSORCOPIES_H

#include "dialect/tile/Tile.h"
#include "dialect/warp/Warp.h"
#include "passes/Targets.h"

namespace fgla {

/// What one copy moves of the array that `op` loads, a size for each dim: the tile.
/// Empty where `op` loads no tile of tokens, or the copy engine cannot: where the target has none, tiles are not made
/// of lines of 128 bytes, or rows of the array are not.
llvm::SmallVector<int64_t> getTensorCopyBox(mlir::Operation *op, const GPUTarget &target);

/// Whether the copy engine loads all that the role puts.
bool hasOnlyTensorCopies(warp::RoleOp role, const GPUTarget &target);

} // namespace fgla

#endif // FGLA_PASSES_ROLES_TENSORCOPIES_H
