//===- TileDot.cpp - Matrix products of tiles as register blocks ----------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/cpu/TileLowering.h"

using namespace mlir;
using namespace fgla::cpu;
namespace tile = fgla::tile;
using tile::shapeOf;

namespace {
/// The block of the result that is kept in registers: rows times vectors of columns.
struct RegisterBlock {
  int64_t rows, vectors;
  VectorType vector;

  int64_t columns() const { return vectors * vector.getNumElements(); }

  /// The block for an [M, N] product. 16 accumulators, or 8 where vectors are narrow and there are 16 registers, leave
  /// enough for the operands and hide the latency of the multiply-add (4 cycles at 2 a cycle).
  static RegisterBlock choose(VectorLoops &loops, int64_t m, int64_t n, Type element) {
    RegisterBlock block;
    block.vector = loops.vectorFor(element, n);
    int64_t accumulators = loops.vectorBits >= 512 ? 16 : 8;
    block.vectors = (n / block.vector.getNumElements()) % 2 == 0 ? 2 : 1;
    block.rows = accumulators / block.vectors;
    while (m % block.rows != 0)
      block.rows /= 2;
    return block;
  }
};

/// b^T a second time, so that its rows are vectors.
struct SplitTransposedDot : OpRewritePattern<tile::DotOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tile::DotOp op, PatternRewriter &rewriter) const override {
    if (!op.getTransposeB())
      return rewriter.notifyMatchFailure(op, "rows of b are vectors already");
    auto shape = shapeOf(op.getB());
    auto type = RankedTensorType::get({shape[1], shape[0]}, getElementTypeOrSelf(op.getB()));
    Value transposed = tile::TransposeOp::create(rewriter, op.getLoc(), type, op.getB());
    rewriter.replaceOpWithNewOp<tile::DotOp>(op, op.getResult().getType(), op.getA(), transposed, op.getAcc(),
                                             op.getTransposeA(), /*transpose_b=*/false, op.getLowerA());
    return success();
  }
};

struct LowerDot : TilePattern<tile::DotOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::DotOp op, PatternRewriter &rewriter) const override {
    if (op.getTransposeB())
      return rewriter.notifyMatchFailure(op, "b is transposed first");
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getResult());
    RegisterBlock block = RegisterBlock::choose(loops, shape[0], shape[1], getElementTypeOrSelf(op.getResult()));
    Value destination = loops.destination(op.getResult());
    SmallVector<Value> result{destination};
    result = loops.loop(0, shape[0], block.rows, result, [&](Value row, ValueRange rows) {
      return loops.loop(0, shape[1], block.columns(), rows, [&](Value column, ValueRange tiles) -> SmallVector<Value> {
        // An accumulator that the result takes the place of is read from where it is overwritten, block after block.
        Value acc = op.getAcc() == destination ? tiles[0] : op.getAcc();
        return {computeBlock(op, loops, block, acc, row, column, tiles[0])};
      });
    });
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  static Value computeBlock(tile::DotOp op, VectorLoops &loops, const RegisterBlock &block, Value acc, Value row,
                            Value column, Value result) {
    SmallVector<Value> rows, columns, sums;
    for (int64_t i = 0; i < block.rows; ++i)
      rows.push_back(loops.add(row, loops.index(i)));
    for (int64_t j = 0; j < block.vectors; ++j)
      columns.push_back(loops.add(column, loops.index(j * block.vector.getNumElements())));
    for (Value r : rows)
      for (Value c : columns)
        sums.push_back(acc ? loops.read(acc, {r, c}, block.vector) : loops.constant(block.vector, 0));

    auto addProducts = [&](Value k, ValueRange carried, int64_t firstRow) {
      SmallVector<Value> next(carried.take_front(firstRow * block.vectors)), b;
      for (Value c : columns)
        b.push_back(loops.read(op.getB(), {k, c}, block.vector));
      for (int64_t i = firstRow; i < block.rows; ++i) {
        Value scalar = loops.extract(op.getA(), op.getTransposeA() ? ValueRange{k, rows[i]} : ValueRange{rows[i], k});
        Value a = loops.splat(block.vector, scalar);
        for (int64_t j = 0; j < block.vectors; ++j)
          next.push_back(buildFma(loops, a, b[j], carried[i * block.vectors + j]));
      }
      return next;
    };
    Value end = op.getLowerA() ? row : loops.index(shapeOf(op.getB())[0]);
    sums = loops.loop(loops.index(0), end, 1, sums,
                      [&](Value k, ValueRange carried) { return addProducts(k, carried, /*firstRow=*/0); });
    if (op.getLowerA()) // and the triangle on the diagonal
      for (auto [i, r] : llvm::enumerate(rows))
        sums = addProducts(r, sums, /*firstRow=*/i);

    for (auto [i, r] : llvm::enumerate(rows))
      for (auto [j, c] : llvm::enumerate(columns))
        result = loops.write(sums[i * block.vectors + j], result, {r, c});
    return result;
  }
};
} // namespace

void fgla::cpu::populateTileDotPatterns(RewritePatternSet &patterns, unsigned vectorBits) {
  patterns.add<SplitTransposedDot>(patterns.getContext());
  patterns.add<LowerDot>(patterns.getContext(), vectorBits);
}
