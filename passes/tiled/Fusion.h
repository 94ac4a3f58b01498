//===- Fusion.h - What becomes one kernel ---------------------------------===//
#ifndef FGLA_PASSES_TILED_FUSION_H
#define FGLA_PASSES_TILED_FUSION_H

#include "dialect/fgla/FGLA.h"
#include "llvm/ADT/SetVector.h"

namespace mlir {
class DominanceInfo;
} // namespace mlir

namespace fgla {
/// The root of a kernel and the ops around it that are computed with it, tile by tile.
struct Fusion {
  KernelRootInterface root;
  /// Ops with a tile form that feed nothing but the fusion.
  llvm::SmallPtrSet<mlir::Operation *, 8> producers;
  /// The chain of ops with a tile form that starts at the root's result.
  llvm::SmallVector<TileFormInterface> consumers;
  /// The tensors that the kernel reads.
  llvm::SetVector<mlir::Value> inputs;

  /// The tensor that leaves the chain; null where the root has no result that starts one.
  mlir::Value getOutput() {
    return consumers.empty() ? mlir::Value(root.getFusedResult()) : consumers.back()->getResult(0);
  }
  /// What leaves the kernel: the tensor at the end of the chain, then the root's other results.
  llvm::SmallVector<mlir::Value> getResults();
};

/// Grows the largest fusion around `root`. Ops that compute the other operands of consumers are moved in front of
/// `root`.
Fusion growFusion(KernelRootInterface root, mlir::DominanceInfo &dominance);
} // namespace fgla

#endif // FGLA_PASSES_TILED_FUSION_H
