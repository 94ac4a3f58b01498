//===- ExpandSoftmaxAttention.cpp - Softmax attention in full -------------===//

#include "dialect/fgla/Expressions.h"
#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Recurrence.h"
#include <limits>

namespace fgla {
#define GEN_PASS_DEF_EXPANDSOFTMAXATTENTION
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
/// Builds one attention. Scores are [B, H, G, T, S], where G queries read one head; without G where that is one.
class Expansion {
public:
  Expansion(OpBuilder &builder, SoftmaxAttentionOp op)
      : builder(builder), loc(op.getLoc()), op(op), compute(getComputeType(op.getQuery().getType().getElementType())),
        groups(op.getNumQueryHeads() / op.getNumHeads()), heads(groups == 1 ? "h" : "hg") {
    query = Recurrence::splitHeads(builder, loc, op.getQuery(), op.getNumHeads());
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, query);
    batchAndHeads = {sizes[0], sizes[2]};
    if (groups != 1)
      batchAndHeads.push_back(sizes[3]);
    tokens = sizes[1];
    keys = tensor::getMixedSize(builder, loc, op.getKey(), 1);
  }

  Value build();

private:
  /// [B, H, G, then `last`].
  SmallVector<OpFoldResult> sizesWith(ArrayRef<OpFoldResult> last) {
    SmallVector<OpFoldResult> sizes(batchAndHeads);
    sizes.append(last.begin(), last.end());
    return sizes;
  }
  Value buildProducts();
  /// What goes into the softmax: scaled, capped, masked.
  Value buildScores();
  std::pair<Value, AffineMap> getMask(unsigned numLoops);
  Value buildIsSeen(OpBuilder &b, Location l, Value lengths);
  /// [H, G], or [H].
  Value getSinks();
  Value buildMaximum(Value scores);
  Value buildSum(Value weights, Value maximum);

  OpBuilder &builder;
  Location loc;
  SoftmaxAttentionOp op;
  Type compute;
  int64_t groups;
  std::string heads;
  Value query;
  SmallVector<OpFoldResult> batchAndHeads;
  OpFoldResult tokens, keys;
};
} // namespace

Value Expansion::buildProducts() {
  Value zero = buildFill(builder, loc, sizesWith({tokens, keys}), compute, 0);
  return buildGeneric(builder, loc, "bt" + heads + "k,bshk->b" + heads + "ts", {query, op.getKey()}, zero,
                      [](OpBuilder &b, Location l, ValueRange v) -> Value {
                        return arith::AddFOp::create(b, l, v[2], arith::MulFOp::create(b, l, v[0], v[1]));
                      });
}

/// The mask, its heads split like the scores', and how the loops over the scores read it.
std::pair<Value, AffineMap> Expansion::getMask(unsigned numLoops) {
  Value mask = op.getMask();
  auto type = cast<RankedTensorType>(mask.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (groups != 1) {
    bool isShared = shape[1] == 1;
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, mask);
    shape[1] = isShared ? 1 : op.getNumHeads();
    shape.insert(shape.begin() + 2, isShared ? 1 : groups);
    sizes[1] = builder.getIndexAttr(shape[1]);
    sizes.insert(sizes.begin() + 2, builder.getIndexAttr(shape[2]));
    SmallVector<ReassociationIndices> split{{0}, {1, 2}, {3}, {4}};
    mask = tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), mask, split, sizes);
  }
  SmallVector<AffineExpr> exprs;
  for (auto [dim, size] : llvm::enumerate(shape))
    exprs.push_back(size == 1 ? builder.getAffineConstantExpr(0) : builder.getAffineDimExpr(dim));
  return {mask, AffineMap::get(numLoops, 0, exprs, builder.getContext())};
}

/// Whether the key of this turn of the loops is near enough, and one of those that there are.
Value Expansion::buildIsSeen(OpBuilder &b, Location l, Value lengths) {
  unsigned numLoops = batchAndHeads.size() + 2;
  auto compare = [&](arith::CmpIPredicate predicate, Value left, Value right) -> Value {
    return arith::CmpIOp::create(b, l, predicate, left, right);
  };
  Value seen, key = linalg::IndexOp::create(b, l, numLoops - 1), count;
  auto demand = [&](Value condition) {
    seen = seen ? arith::AndIOp::create(b, l, seen, condition).getResult() : condition;
  };
  if (lengths) {
    count = arith::IndexCastOp::create(b, l, b.getIndexType(), lengths);
    demand(compare(arith::CmpIPredicate::slt, key, count));
  }
  if (!op.getAlignment())
    return seen;
  Value place = linalg::IndexOp::create(b, l, numLoops - 2);
  if (op.getAlignment() == Alignment::End) {
    if (!count)
      count = getValueOrCreateConstantIndexOp(b, l, keys);
    Value first = arith::SubIOp::create(b, l, count, getValueOrCreateConstantIndexOp(b, l, tokens));
    place = arith::AddIOp::create(b, l, place, first);
  }
  auto shifted = [&](Value from, int64_t by) -> Value {
    return arith::AddIOp::create(b, l, from, arith::ConstantIndexOp::create(b, l, by));
  };
  if (op.getAhead())
    demand(compare(arith::CmpIPredicate::sle, key, shifted(place, *op.getAhead())));
  if (op.getBehind())
    demand(compare(arith::CmpIPredicate::sle, place, shifted(key, *op.getBehind())));
  return seen;
}

Value Expansion::buildScores() {
  Value products = buildProducts();
  unsigned numLoops = batchAndHeads.size() + 2;
  AffineMap all = builder.getMultiDimIdentityMap(numLoops);
  SmallVector<Value> inputs{products};
  SmallVector<AffineMap> maps{all};
  if (op.getMask()) {
    auto [mask, map] = getMask(numLoops);
    inputs.push_back(mask);
    maps.push_back(map);
  }
  if (op.getLengths()) {
    inputs.push_back(op.getLengths());
    maps.push_back(AffineMap::get(numLoops, 0, builder.getAffineDimExpr(0), builder.getContext()));
  }
  maps.push_back(all);
  Value init = buildEmpty(builder, loc, sizesWith({tokens, keys}), compute);
  SmallVector<utils::IteratorType> loops(numLoops, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &b, Location l, ValueRange v) {
    Value hidden = buildConstant(b, l, compute, -kInfinity);
    Value score = arith::MulFOp::create(b, l, v[0], buildConstant(b, l, compute, op.getEffectiveScale()));
    if (op.getSoftcap()) {
      Value cap = buildConstant(b, l, compute, op.getSoftcap()->convertToDouble());
      Value bent = math::TanhOp::create(b, l, arith::DivFOp::create(b, l, score, cap));
      score = arith::MulFOp::create(b, l, cap, bent);
    }
    if (op.getMask() && v[1].getType().isInteger(1))
      score = arith::SelectOp::create(b, l, v[1], score, hidden);
    else if (op.getMask())
      score = arith::AddFOp::create(b, l, score, convertFloat(b, l, v[1], compute));
    if (Value seen = buildIsSeen(b, l, op.getLengths() ? v[v.size() - 2] : Value()))
      score = arith::SelectOp::create(b, l, seen, score, hidden);
    linalg::YieldOp::create(b, l, score);
  };
  return linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, maps, loops, body).getResult(0);
}

Value Expansion::getSinks() {
  if (groups == 1)
    return op.getSinks();
  auto type = op.getSinks().getType().clone({op.getNumHeads(), groups});
  return tensor::ExpandShapeOp::create(builder, loc, type, op.getSinks(), ArrayRef<ReassociationIndices>{{0, 1}});
}

Value Expansion::buildMaximum(Value scores) {
  Value lowest = buildFill(builder, loc, sizesWith({tokens}), compute, -kInfinity);
  auto maximum = [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::MaximumFOp::create(b, l, v[0], v[1]);
  };
  Value result = buildGeneric(builder, loc, "b" + heads + "ts->b" + heads + "t", scores, lowest, maximum);
  if (!op.getSinks())
    return result;
  Value init = buildEmpty(builder, loc, sizesWith({tokens}), compute);
  return buildGeneric(builder, loc, "b" + heads + "t," + heads + "->b" + heads + "t", {result, getSinks()}, init,
                      maximum);
}

Value Expansion::buildSum(Value weights, Value maximum) {
  auto sum = [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); };
  Value init = buildFill(builder, loc, sizesWith({tokens}), compute, 0);
  if (op.getSinks()) {
    Value empty = buildEmpty(builder, loc, sizesWith({tokens}), compute);
    init = buildGeneric(builder, loc, "b" + heads + "t," + heads + "->b" + heads + "t", {maximum, getSinks()}, empty,
                        [](OpBuilder &b, Location l, ValueRange v) { return buildExpBelow(b, l, v[1], v[0]); });
  }
  return buildGeneric(builder, loc, "b" + heads + "ts->b" + heads + "t", weights, init, sum);
}

Value Expansion::build() {
  Value scores = buildScores();
  Value maximum = buildMaximum(scores);
  Value weights = buildGeneric(builder, loc, "b" + heads + "ts,b" + heads + "t->b" + heads + "ts", {scores, maximum},
                               buildEmpty(builder, loc, sizesWith({tokens, keys}), compute),
                               [](OpBuilder &b, Location l, ValueRange v) { return buildExpBelow(b, l, v[0], v[1]); });
  Value sum = buildSum(weights, maximum);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, query);
  sizes.back() = builder.getIndexAttr(op.getValueDim());
  Value sums =
      buildGeneric(builder, loc, "b" + heads + "ts,bshv->bt" + heads + "v", {weights, op.getValue()},
                   buildFill(builder, loc, sizes, compute, 0), [](OpBuilder &b, Location l, ValueRange v) -> Value {
                     return arith::AddFOp::create(b, l, v[2], arith::MulFOp::create(b, l, v[0], v[1]));
                   });
  // The largest weight is one, so a smaller sum is that of no keys.
  Value output = buildGeneric(builder, loc, "bt" + heads + "v,b" + heads + "t->bt" + heads + "v", {sums, sum},
                              buildEmpty(builder, loc, sizes, op.getQuery().getType().getElementType()),
                              [](OpBuilder &b, Location l, ValueRange v) -> Value {
                                return arith::DivFOp::create(b, l, v[0], buildSoftmaxSum(b, l, v[1]));
                              });
  return castTensor(builder, loc, Recurrence::mergeHeads(builder, loc, output), op.getOutput().getType());
}

namespace {
struct ExpandSoftmaxAttention : fgla::impl::ExpandSoftmaxAttentionBase<ExpandSoftmaxAttention> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](SoftmaxAttentionOp op) {
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, Expansion(rewriter, op).build());
    });
  }
};
} // namespace
