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

/// The gradients of a small block, some channels of all rows at a time. For each key, its weight as it decays down the
/// rows, and what rows give it as that decays on its way back: their product at two neighbours is a decay's gradient.
struct LowerDecayedScoresGrad : TilePattern<tile::DecayedScoresGradOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DecayedScoresGradOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getQuery());
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getQuery()), shape[1]);
    SmallVector<Value> results =
        llvm::map_to_vector(op.getResults(), [&](Value result) { return loops.destination(result); });
    results = loops.loop(0, shape[1], vector.getNumElements(), results, [&](Value channel, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (auto [tile, rows] : llvm::zip_equal(next, computeChannels(op, loops, vector, channel)))
        for (auto [i, row] : llvm::enumerate(rows))
          tile = loops.write(row, tile, {loops.index(i), channel});
      return next;
    });
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// The rows of the three results.
  static std::array<SmallVector<Value>, 3> computeChannels(tile::DecayedScoresGradOp op, VectorLoops &loops,
                                                           VectorType vector, Value channel) {
    int64_t rows = shapeOf(op.getQuery())[0];
    auto read = [&](Value tile) {
      SmallVector<Value> vectors;
      for (int64_t row = 0; row < rows; ++row)
        vectors.push_back(loops.read(tile, {loops.index(row), channel}, vector));
      return vectors;
    };
    SmallVector<Value> query = read(op.getQuery()), key = read(op.getKey()), decay = read(op.getDecay());
    SmallVector<Value> queryGrad(rows, loops.constant(vector, 0)), decayGrad = queryGrad, keyGrad;
    for (int64_t at = 0; at < rows; ++at) {
      SmallVector<Value> given, weights{key[at]};
      for (int64_t row = at; row < rows; ++row) {
        given.push_back(loops.splat(vector, loops.extract(op.getScoresGrad(), {loops.index(row), loops.index(at)})));
        if (row > at)
          weights.push_back(multiply(loops, weights.back(), decay[row]));
        queryGrad[row] = buildFma(loops, given.back(), weights.back(), queryGrad[row]);
      }
      Value sum = multiply(loops, given.back(), query.back());
      for (int64_t row = rows - 1; row > at; --row) {
        decayGrad[row] = buildFma(loops, weights[row - at - 1], sum, decayGrad[row]);
        sum = buildFma(loops, given[row - at - 1], query[row - 1], multiply(loops, decay[row], sum));
      }
      keyGrad.push_back(sum);
    }
    return {queryGrad, keyGrad, decayGrad};
  }
};

/// Row i is row i - 1 times f_i, with a one on the diagonal; or what row i is made of, where that is exclusive.
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
                               Value written = op.getExclusive() ? carried[1] : next;
                               return {loops.write(written, carried[0], {row, column}), next};
                             })[0]};
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Each row adds to what the rows before it have made, decayed between the two.
struct LowerDecayedScan : TilePattern<tile::DecayedScanOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DecayedScanOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getInput());
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getInput()), shape[1]);
    Value zero = loops.constant(vector, 0);
    SmallVector<Value> tile{loops.destination(op.getResult())};
    tile = loops.loop(
        0, shape[1], vector.getNumElements(), tile, [&](Value column, ValueRange columns) -> SmallVector<Value> {
          return {loops.loop(0, shape[0], 1, ValueRange{columns[0], zero, zero}, [&](Value step, ValueRange carried) {
            return scanRow(op, loops, vector, step, column, carried);
          })[0]};
        });
    rewriter.replaceOp(op, tile);
    return success();
  }

private:
  /// What is carried: the tile, the row that was made last, and its token's decay, which is the one on the way back.
  static SmallVector<Value> scanRow(tile::DecayedScanOp op, VectorLoops &loops, VectorType vector, Value step,
                                    Value column, ValueRange carried) {
    auto shape = shapeOf(op.getInput());
    Value row = op.getReverse() ? loops.sub(loops.index(shape[0] - 1), step) : step;
    Value decay = shapeOf(op.getDecay())[1] == shape[1]
                      ? loops.read(op.getDecay(), {row, column}, vector)
                      : loops.splat(vector, loops.extract(op.getDecay(), {row, loops.index(0)}));
    Value sum = buildFma(loops, op.getReverse() ? carried[2] : decay, carried[1],
                         loops.read(op.getInput(), {row, column}, vector));
    Value tile = loops.write(op.getExclusive() ? carried[1] : sum, carried[0], {row, column});
    return {tile, sum, decay};
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
  patterns.add<LowerDecayedScores, LowerDecayedScoresGrad, LowerDecayMatrix, LowerDecayedScan, LowerDecayedSum>(
      patterns.getContext(), vectorBits);
}
