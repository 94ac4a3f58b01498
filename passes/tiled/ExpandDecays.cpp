//===- ExpandDecays.cpp - Splits decayed diagonal blocks ------------------===//

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
/// Writes the scores of rows and columns [first, first + size) into `scores`.
struct ScoreSplitter {
  OpBuilder &builder;
  tile::DecayedScoresOp op;
  int64_t base;

  Value split(Value scores, int64_t first, int64_t size) {
    Location loc = op.getLoc();
    int64_t keyDim = tile::shapeOf(op.getQuery())[1];
    Block2D all{first, 0, size, keyDim};
    Type element = op.getResult().getType().getElementType();
    if (size <= base) {
      auto type = RankedTensorType::get({size, size}, element);
      Value block = tile::DecayedScoresOp::create(builder, loc, type, extract(builder, loc, op.getQuery(), all),
                                                  extract(builder, loc, op.getKey(), all),
                                                  extract(builder, loc, op.getDecay(), all));
      return insert(builder, loc, block, scores, {first, first, size, size});
    }
    int64_t half = size / 2;
    scores = split(scores, first, half);
    scores = split(scores, first + half, half);
    // Rows of the second half see keys of the first: from the middle to the query, from the key to the middle.
    Block2D queries{first + half, 0, half, keyDim}, keys{first, 0, half, keyDim};
    Value queryDecay = extract(builder, loc, op.getDecay(), queries);
    Value keyDecay = extract(builder, loc, op.getDecay(), keys);
    Value fromMiddle = tile::ScanOp::create(builder, loc, queryDecay.getType(), queryDecay, Value(),
                                            tile::ReduceKind::Mul, /*exclusive=*/false, /*reverse=*/false);
    Value toMiddle = tile::ScanOp::create(builder, loc, keyDecay.getType(), keyDecay, Value(), tile::ReduceKind::Mul,
                                          /*exclusive=*/true, /*reverse=*/true);
    Value query = tile::buildProduct(builder, loc, extract(builder, loc, op.getQuery(), queries), fromMiddle);
    Value key = tile::buildProduct(builder, loc, extract(builder, loc, op.getKey(), keys), toMiddle);
    Value block = tile::DotOp::create(builder, loc, RankedTensorType::get({half, half}, element), query, key,
                                      /*acc=*/Value(), /*transpose_a=*/false, /*transpose_b=*/true);
    return insert(builder, loc, block, scores, {first + half, first, half, half});
  }
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
    patterns.add<SplitDecayedScores>(&getContext(), base);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
