//===- Fusion.h - What becomes one kernel ---------------------------------===//
#ifndef FGLA_PASSES_TILED_FUSION_H
#define FGLA_PASSES_TILED_FUSION_H

#include "dialect/fgla/FGLA.h"
#include "llvm/ADT/SetVector.h"

namespace mlir {
class DominanceInfo;
} // namespace mlir

namespace fgla {
/// An attention and the ops around it that are computed with it, tile by tile.
struct Fusion {
  AttentionOp root;
  /// Ops with a tile form that feed nothing but the fusion.
  llvm::SmallPtrSet<mlir::Operation *, 8> producers;
  /// The chain of ops with a tile form that starts at the attention's output.
  llvm::SmallVector<TileFormInterface> consumers;
  /// The tensors that the kernel reads.
  llvm::SetVector<mlir::Value> inputs;

  /// The tensor that leaves the chain.
  mlir::Value getOutput() { return consumers.empty() ? mlir::Value(root.getOutput()) : consumers.back()->getResult(0); }
};

/// Grows the largest fusion around `root`. Ops that compute the other operands of consumers are moved in front of
/// `root`.
Fusion growFusion(AttentionOp root, mlir::DominanceInfo &dominance);
} // namespace fgla

#endif // FGLA_PASSES_TILED_FUSION_H
