//===- TileLowering.h - Tile ops as loops over vectors --------------------===//
//
// What the lowerings of single tile ops share. All of it works on tensors; memory comes with bufferization.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_CPU_TILELOWERING_H
#define FGLA_PASSES_CPU_TILELOWERING_H

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

namespace fgla::cpu {
/// Builds loops that carry tensors and vectors.
class VectorLoops {
public:
  VectorLoops(mlir::OpBuilder &builder, mlir::Location loc, unsigned vectorBits)
      : builder(builder), loc(loc), vectorBits(vectorBits) {}

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)>;
  /// for i = begin to end step, carrying values. The body gets i and the values and returns the next ones.
  llvm::SmallVector<mlir::Value> loop(mlir::Value begin, mlir::Value end, int64_t step, mlir::ValueRange carried,
                                      Body body);
  llvm::SmallVector<mlir::Value> loop(int64_t begin, int64_t end, int64_t step, mlir::ValueRange carried, Body body);

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value constant(mlir::Type type, double value);

  /// The vector for `count` elements next to each other: the widest power of two that fits the machine and divides the
  /// count. Vectors of a narrow type have as many lanes as those of f32, which they are computed in.
  mlir::VectorType vectorFor(mlir::Type element, int64_t count);

  /// Elements [row, column...] of a tensor or memref [..., D] as a vector. `indices` is where it starts.
  mlir::Value read(mlir::Value source, mlir::ValueRange indices, mlir::VectorType type);
  mlir::Value write(mlir::Value vector, mlir::Value dest, mlir::ValueRange indices);
  mlir::Value extract(mlir::Value tile, mlir::ValueRange indices);
  mlir::Value insert(mlir::Value scalar, mlir::Value tile, mlir::ValueRange indices);
  mlir::Value splat(mlir::VectorType type, mlir::Value scalar);
  /// The tensor that the result of a tile op is written to: what the loop around it carries, where the result is the
  /// next value of that; else a new one. Bufferization then updates a carried tile in place.
  mlir::Value destination(mlir::Value result);
  mlir::Value empty(mlir::RankedTensorType type);

  /// A tile [R, 1] as the tensor [R], and back: its elements are next to each other.
  mlir::Value collapse(mlir::Value tile);
  mlir::Value expand(mlir::Value tensor, mlir::RankedTensorType type);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  unsigned vectorBits;
};

/// The operation of a dot, reduction or scan on scalars or vectors.
mlir::Value buildFma(VectorLoops &loops, mlir::Value a, mlir::Value b, mlir::Value c);

/// The patterns for matrix products, and for the ops with decays.
void populateTileDotPatterns(mlir::RewritePatternSet &patterns, unsigned vectorBits);
void populateTileDecayPatterns(mlir::RewritePatternSet &patterns, unsigned vectorBits);
/// The patterns for loads, stores, maps, reductions, scans and transpositions.
void populateTileRowPatterns(mlir::RewritePatternSet &patterns, unsigned vectorBits);

/// A pattern that lowers one tile op for vectors of `vectorBits`.
template <typename OpTy> struct TilePattern : mlir::OpRewritePattern<OpTy> {
  TilePattern(mlir::MLIRContext *context, unsigned vectorBits)
      : mlir::OpRewritePattern<OpTy>(context), vectorBits(vectorBits) {}
  unsigned vectorBits;
};
} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_TILELOWERING_H
