//===- ExpandDecays.cpp - Splits decayed diagonal blocks ------------------===//

#include "dialect/fgla/Derivatives.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/tiled/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_EXPANDDECAYS
#include "passes/tiled/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
/// A part of a tile.
struct Block2D {
  int64_t row, column, rows, columns;

  SmallVector<OpFoldResult> offsets(OpBuilder &builder) const {
    return {builder.getIndexAttr(row), builder.getIndexAttr(column)};
  }
  SmallVector<OpFoldResult> sizes(OpBuilder &builder) const {
    return {builder.getIndexAttr(rows), builder.getIndexAttr(columns)};
  }
};
} // namespace

static Value extract(OpBuilder &builder, Location loc, Value tile, Block2D block) {
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, tile, block.offsets(builder), block.sizes(builder), strides);
}

static Value insert(OpBuilder &builder, Location loc, Value part, Value tile, Block2D block) {
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, part, tile, block.offsets(builder), block.sizes(builder), strides);
}

namespace {
/// What the rows of the second half of a block see of the keys of the first: both are decayed, from the middle to the
/// query and from the key to the middle.
struct Crossing {
  Value query, queryDecay, key, keyDecay; ///< the halves that it is computed from
  Value scores;

  Crossing(OpBuilder &builder, Location loc, Value queries, Value keys, Value decays, int64_t first, int64_t half) {
    int64_t channels = tile::shapeOf(queries)[1];
    Block2D later{first + half, 0, half, channels}, earlier{first, 0, half, channels};
    query = extract(builder, loc, queries, later);
    queryDecay = extract(builder, loc, decays, later);
    key = extract(builder, loc, keys, earlier);
    keyDecay = extract(builder, loc, decays, earlier);
    Value fromMiddle = tile::ScanOp::create(builder, loc, queryDecay.getType(), queryDecay, Value(),
                                            tile::ReduceKind::Mul, /*exclusive=*/false, /*reverse=*/false);
    Value toMiddle = tile::ScanOp::create(builder, loc, keyDecay.getType(), keyDecay, Value(), tile::ReduceKind::Mul,
                                          /*exclusive=*/true, /*reverse=*/true);
    auto type = RankedTensorType::get({half, half}, cast<RankedTensorType>(queries.getType()).getElementType());
    scores = tile::DotOp::create(builder, loc, type, tile::buildProduct(builder, loc, query, fromMiddle),
                                 tile::buildProduct(builder, loc, key, toMiddle), /*acc=*/Value(),
                                 /*transpose_a=*/false, /*transpose_b=*/true);
  }
};

/// Writes the scores of rows and columns [first, first + size) into `scores`.
struct ScoreSplitter {
  OpBuilder &builder;
  tile::DecayedScoresOp op;
  int64_t base;

  Value split(Value scores, int64_t first, int64_t size) {
    Location loc = op.getLoc();
    if (size <= base) {
      Block2D all{first, 0, size, tile::shapeOf(op.getQuery())[1]};
      auto type = RankedTensorType::get({size, size}, op.getResult().getType().getElementType());
      Value block = tile::DecayedScoresOp::create(builder, loc, type, extract(builder, loc, op.getQuery(), all),
                                                  extract(builder, loc, op.getKey(), all),
                                                  extract(builder, loc, op.getDecay(), all));
      return insert(builder, loc, block, scores, {first, first, size, size});
    }
    int64_t half = size / 2;
    scores = split(scores, first, half);
    scores = split(scores, first + half, half);
    Crossing crossing(builder, loc, op.getQuery(), op.getKey(), op.getDecay(), first, half);
    return insert(builder, loc, crossing.scores, scores, {first + half, first, half, half});
  }
};

/// Writes the gradients that rows and columns [first, first + size) of the scores give into the tiles for queries, keys
/// and decays.
struct GradientSplitter {
  OpBuilder &builder;
  tile::DecayedScoresGradOp op;
  int64_t base;
  SmallVector<Value> grads;
  enum { Query, Key, Decay };

  LogicalResult split(int64_t first, int64_t size) {
    Location loc = op.getLoc();
    int64_t half = size / 2;
    if (size <= base) {
      Block2D all = rows(first, size);
      auto block = tile::DecayedScoresGradOp::create(
          builder, loc, extract(builder, loc, op.getQuery(), all), extract(builder, loc, op.getKey(), all),
          extract(builder, loc, op.getDecay(), all),
          extract(builder, loc, op.getScoresGrad(), {first, first, size, size}));
      for (auto [grad, part] : llvm::zip_equal(grads, block.getResults()))
        grad = insert(builder, loc, part, grad, all);
      return success();
    }
    if (failed(split(first, half)) || failed(split(first + half, half)))
      return failure();
    Crossing crossing(builder, loc, op.getQuery(), op.getKey(), op.getDecay(), first, half);
    Value given = extract(builder, loc, op.getScoresGrad(), {first + half, first, half, half});
    Value inputs[] = {crossing.query, crossing.queryDecay, crossing.key, crossing.keyDecay};
    FailureOr<SmallVector<Value>> made = buildTileAdjoint(builder, crossing.scores, given, inputs);
    if (failed(made))
      return failure();
    add(Query, first + half, (*made)[0]);
    add(Decay, first + half, (*made)[1]);
    add(Key, first, (*made)[2]);
    add(Decay, first, (*made)[3]);
    return success();
  }

private:
  Block2D rows(int64_t first, int64_t count) { return {first, 0, count, tile::shapeOf(op.getQuery())[1]}; }

  void add(unsigned grad, int64_t first, Value part) {
    Location loc = op.getLoc();
    Block2D block = rows(first, tile::shapeOf(part)[0]);
    Value there = extract(builder, loc, grads[grad], block);
    Value sum = tile::buildMap(
        builder, loc, {there, part}, tile::shapeOf(part),
        [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); });
    grads[grad] = insert(builder, loc, sum, grads[grad], block);
  }
};

struct SplitDecayedScoresGrad : OpRewritePattern<tile::DecayedScoresGradOp> {
  SplitDecayedScoresGrad(MLIRContext *context, int64_t base) : OpRewritePattern(context), base(base) {}

  LogicalResult matchAndRewrite(tile::DecayedScoresGradOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getQuery().getType();
    int64_t size = type.getDimSize(0);
    if (size <= base || size % 2 != 0)
      return rewriter.notifyMatchFailure(op, "small enough, or an odd number of rows");
    Value room = tensor::EmptyOp::create(rewriter, op.getLoc(), type.getShape(), type.getElementType());
    GradientSplitter splitter{rewriter, op, base, SmallVector<Value>(op.getNumResults(), room)};
    if (failed(splitter.split(0, size)))
      return failure();
    rewriter.replaceOp(op, splitter.grads);
    return success();
  }

  int64_t base;
};

struct SplitDecayedScores : OpRewritePattern<tile::DecayedScoresOp> {
  SplitDecayedScores(MLIRContext *context, int64_t base) : OpRewritePattern(context), base(base) {}

  LogicalResult matchAndRewrite(tile::DecayedScoresOp op, PatternRewriter &rewriter) const override {
    auto type = op.getResult().getType();
    if (type.getDimSize(0) <= base)
      return rewriter.notifyMatchFailure(op, "small enough");
    if (type.getDimSize(0) % 2 != 0)
      return rewriter.notifyMatchFailure(op, "odd number of rows");
    Value zeros = tile::buildSplat(rewriter, op.getLoc(), type.getShape(), type.getElementType(), 0);
    rewriter.replaceOp(op, ScoreSplitter{rewriter, op, base}.split(zeros, 0, type.getDimSize(0)));
    return success();
  }

  int64_t base;
};

struct ExpandDecays : fgla::impl::ExpandDecaysBase<ExpandDecays> {
  using ExpandDecaysBase::ExpandDecaysBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitDecayedScores, SplitDecayedScoresGrad>(&getContext(), base);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
