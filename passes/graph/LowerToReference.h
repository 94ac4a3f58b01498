//===- LowerToReference.h - The sequential form of each op ----------------===//
#ifndef FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H
#define FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H

#include "dialect/fgla/FGLA.h"

namespace fgla::graph {
/// Each builds what the op computes in front of it and returns its results.
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, FeatureMapOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, GateOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, AttentionOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, NormOp op);
llvm::SmallVector<mlir::Value> buildReference(mlir::OpBuilder &builder, OutputGateOp op);
} // namespace fgla::graph

#endif // FGLA_PASSES_GRAPH_LOWERTOREFERENCE_H
