//===- LowerToReference.h - The sequential form of each op ----------------===//
#ifndef FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H
#define FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H

#include "dialect/fgla/FGLA.h"
#include "mlir/IR/PatternMatch.h"

namespace fgla::graph {
/// Each builds what the op computes in front of it and returns its results.
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, FeatureMapOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, GateOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, AttentionOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, NormOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, OutputGateOp op);
/// Of one of the above that has a tile form.
llvm::SmallVector<mlir::Value> buildElementwiseReference(mlir::OpBuilder &builder, mlir::Operation *op);

/// These fail, with an error, where an expression has no derivative.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildReference(mlir::OpBuilder &builder, AttentionGradOp op);
/// Takes the op's region.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildReference(mlir::RewriterBase &rewriter, VJPOp op);
} // namespace fgla::graph

#endif // FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H
