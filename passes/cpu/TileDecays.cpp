//===- TileDecays.cpp - Products with decays within a tile as loops -------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/cpu/TileLowering.h"

using namespace mlir;
using namespace fgla::cpu;
namespace tile = fgla::tile;
using tile::shapeOf;

static Value multiply(VectorLoops &loops, Value a, Value b) {
  return arith::MulFOp::create(loops.builder, loops.loc, a, b);
}

namespace {
/// A small block, one key after the other: the key decays on its way down the rows.
struct LowerDecayedScores : TilePattern<tile::DecayedScoresOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DecayedScoresOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    int64_t rows = shapeOf(op.getQuery())[0];
    Type element = getElementTypeOrSelf(op.getResult());
    Value zero = loops.constant(element, 0), result = loops.destination(op.getResult());
    for (int64_t key = 0; key < rows; ++key) {
      Value column = loops.index(key);
      for (int64_t row = 0; row < key; ++row)
        result = loops.insert(zero, result, {loops.index(row), column});
      for (auto [i, score] : llvm::enumerate(scoreKey(op, loops, key)))
        result = loops.insert(score, result, {loops.index(key + i), column});
    }
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// The scores of one key with the query of its own row and those below.
  static SmallVector<Value> scoreKey(tile::DecayedScoresOp op, VectorLoops &loops, int64_t key) {
    int64_t rows = shapeOf(op.getQuery())[0], channels = shapeOf(op.getQuery())[1];
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getQuery()), channels);
    SmallVector<Value> sums(rows - key, loops.constant(vector, 0));
    sums = loops.loop(0, channels, vector.getNumElements(), sums, [&](Value channel, ValueRange carried) {
      SmallVector<Value> next;
      Value weight = loops.read(op.getKey(), {loops.index(key), channel}, vector);
      for (int64_t row = key; row < rows; ++row) {
        Value at = loops.index(row);
        if (row > key)
          weight = multiply(loops, weight, loops.read(op.getDecay(), {at, channel}, vector));
        Value query = loops.read(op.getQuery(), {at, channel}, vector);
        next.push_back(buildFma(loops, query, weight, carried[row - key]));
      }
      return next;
    });
    for (Value &sum : sums)
      sum = vector::ReductionOp::create(loops.builder, loops.loc, vector::CombiningKind::ADD, sum);
    return sums;
  }
};

/// Row i is row i - 1 times f_i, with a one on the diagonal.
struct LowerDecayMatrix : TilePattern<tile::DecayMatrixOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DecayMatrixOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    VectorLoops loops(rewriter, loc, vectorBits);
    int64_t size = shapeOf(op.getResult())[0];
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getResult()), size);
    auto indexVector = VectorType::get(vector.getShape(), rewriter.getIndexType());
    Value lane = vector::StepOp::create(rewriter, loc, indexVector), one = loops.constant(vector, 1);
    SmallVector<Value> result{loops.destination(op.getResult())};
    result =
        loops.loop(0, size, vector.getNumElements(), result, [&](Value column, ValueRange tiles) -> SmallVector<Value> {
          Value columns = arith::AddIOp::create(rewriter, loc, lane, loops.splat(indexVector, column));
          return {loops.loop(0, size, 1, ValueRange{tiles[0], loops.constant(vector, 0)},
                             [&](Value row, ValueRange carried) -> SmallVector<Value> {
                               Value decay = loops.splat(vector, loops.extract(op.getDecay(), {row, loops.index(0)}));
                               Value decayed = multiply(loops, carried[1], decay);
                               Value isDiagonal = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                                                        columns, loops.splat(indexVector, row));
                               Value next = arith::SelectOp::create(rewriter, loc, isDiagonal, one, decayed);
                               return {loops.write(next, carried[0], {row, column}), next};
                             })[0]};
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// One value after the other is added to its own row and, decayed on the way, to those below.
struct LowerDecayedSum : TilePattern<tile::DecayedSumOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DecayedSumOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getResult());
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getResult()), shape[1]);
    SmallVector<Value> result{loops.destination(op.getResult())};
    result = loops.loop(0, shape[1], vector.getNumElements(), result,
                        [&](Value column, ValueRange tiles) -> SmallVector<Value> {
                          return {sumColumns(op, loops, vector, column, tiles[0])};
                        });
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  static Value sumColumns(tile::DecayedSumOp op, VectorLoops &loops, VectorType vector, Value column, Value result) {
    int64_t rows = shapeOf(op.getResult())[0];
    auto term = [&](Value row, Value key, Value weight, Value sum) {
      Value score = loops.splat(vector, loops.extract(op.getScores(), {row, key}));
      return buildFma(loops, score, weight, sum);
    };
    result = loops.loop(0, rows, 1, result, [&](Value row, ValueRange tiles) -> SmallVector<Value> {
      return {loops.write(loops.constant(vector, 0), tiles[0], {row, column})};
    })[0];
    return loops.loop(0, rows, 1, result, [&](Value key, ValueRange tiles) -> SmallVector<Value> {
      Value weight = loops.read(op.getValue(), {key, column}, vector);
      Value own = term(key, key, weight, loops.read(tiles[0], {key, column}, vector));
      Value tile = loops.write(own, tiles[0], {key, column});
      Value below = loops.add(key, loops.index(1));
      return {loops.loop(below, loops.index(rows), 1, ValueRange{tile, weight},
                         [&](Value row, ValueRange carried) -> SmallVector<Value> {
                           Value decayed =
                               multiply(loops, carried[1], loops.read(op.getDecay(), {row, column}, vector));
                           Value sum = term(row, key, decayed, loops.read(carried[0], {row, column}, vector));
                           return {loops.write(sum, carried[0], {row, column}), decayed};
                         })[0]};
    })[0];
  }
};
} // namespace

void fgla::cpu::populateTileDecayPatterns(RewritePatternSet &patterns, unsigned vectorBits) {
  patterns.add<LowerDecayedScores, LowerDecayMatrix, LowerDecayedSum>(patterns.getContext(), vectorBits);
}
