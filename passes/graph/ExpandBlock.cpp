//===- ExpandBlock.cpp - Takes blocks and one-token steps apart -----------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

namespace fgla {
#define GEN_PASS_DEF_EXPANDBLOCK
#include "passes/graph/Passes.h.inc"
} // namespace fgla

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

static SmallVector<int64_t> staticSizes(ArrayRef<OpFoldResult> sizes) {
  return llvm::map_to_vector(
      sizes, [](OpFoldResult size) { return getConstantIntValue(size).value_or(ShapedType::kDynamic); });
}

//===----------------------------------------------------------------------===//
// Block
//===----------------------------------------------------------------------===//

namespace {
/// Builds the parts of one block.
class BlockExpansion {
public:
  BlockExpansion(RewriterBase &rewriter, BlockOp op)
      : rewriter(rewriter), loc(NameLoc::get(rewriter.getStringAttr("'fgla.block'"), op.getLoc())), op(op),
        element(op.getInput().getType().getElementType()), sizes(tensor::getMixedSizes(rewriter, loc, op.getInput())) {}

  SmallVector<Value> build();

private:
  /// The product of `x` and `weight` summed as `notation` says, of shape `shape`, summed in the computation type.
  Value multiply(StringRef notation, Value x, Value weight, ArrayRef<OpFoldResult> shape);
  /// x W + bias as [B, T, H, D].
  Value project(Value weight, Value bias = {});
  /// concat_h(y) Wo as [B, T, M].
  Value projectOut(Value y);

  RewriterBase &rewriter;
  Location loc;
  BlockOp op;
  Type element;
  SmallVector<OpFoldResult> sizes; ///< B, T, M
};
} // namespace

Value BlockExpansion::multiply(StringRef notation, Value x, Value weight, ArrayRef<OpFoldResult> shape) {
  Value zero = buildFill(rewriter, loc, shape, getComputeType(element), 0);
  return buildGeneric(rewriter, loc, notation, {x, weight}, zero, [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::AddFOp::create(b, l, v[2], arith::MulFOp::create(b, l, v[0], v[1]));
  });
}

Value BlockExpansion::project(Value weight, Value bias) {
  SmallVector<OpFoldResult> shape{sizes[0], sizes[1], rewriter.getIndexAttr(typeOf(weight).getDimSize(1)),
                                  rewriter.getIndexAttr(typeOf(weight).getDimSize(2))};
  Value product = multiply("btm,mhd->bthd", op.getInput(), weight, shape);
  if (bias)
    return buildGeneric(
        rewriter, loc, "bthd,hd->bthd", {product, bias}, buildEmpty(rewriter, loc, shape, element),
        [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); });
  return convertTensor(rewriter, loc, product, element);
}

Value BlockExpansion::projectOut(Value y) {
  Value product = multiply("bthv,hvm->btm", y, op.getOutputWeight(), sizes);
  return castTensor(rewriter, loc, convertTensor(rewriter, loc, product, element), op.getOutput().getType());
}

SmallVector<Value> BlockExpansion::build() {
  auto named = [&](GateKind kind) { return GateKindAttr::get(op.getContext(), kind); };
  Value zq = project(op.getQueryWeight()), zk = project(op.getKeyWeight()), v = project(op.getValueWeight());
  Value zg = project(op.getGateWeight(), op.getGateBias());
  Value zr = project(op.getRefineWeight(), op.getRefineBias());
  Value q = FeatureMapOp::create(rewriter, loc, zq.getType(), zq, /*weight=*/Value(),
                                 FeatureKindAttr::get(op.getContext(), FeatureKind::SafeExp));
  Value f =
      GateOp::create(rewriter, loc, zg.getType(), ValueRange{zg, zr}, named(GateKind::Refined), /*log=*/UnitAttr());
  Type stateType = op.getFinalState() ? op.getFinalState().getType() : Type();
  Type maxType = op.getFinalMax() ? op.getFinalMax().getType() : Type();
  auto attention =
      AttentionOp::create(rewriter, loc, v.getType(), stateType, maxType, q, zk, v, f, /*log_decay=*/Value(),
                          /*beta=*/Value(), op.getInitialState(), op.getInitialMax(), /*sequences=*/Value(),
                          DecayAxisAttr::get(op.getContext(), DecayAxis::Key), op.getStabilizerAttr(),
                          UpdateRuleAttr::get(op.getContext(), UpdateRule::Gated), op.getScaleAttr());
  Value y = NormOp::create(rewriter, loc, attention.getOutput(), op.getNormWeight(), /*bias=*/Value(), op.getNormAttr(),
                           op.getEpsAttr());
  if (op.getOutputGateWeight())
    y = OutputGateOp::create(rewriter, loc, y, project(op.getOutputGateWeight()));
  SmallVector<Value> results(attention.getResults());
  results[0] = projectOut(y);
  return results;
}

//===----------------------------------------------------------------------===//
// Step
//===----------------------------------------------------------------------===//

/// [B, ...] as [B, 1, ...]
static Value insertTokenAxis(OpBuilder &builder, Location loc, Value value) {
  if (!value)
    return {};
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(builder, loc, value);
  shape.insert(shape.begin() + 1, builder.getIndexAttr(1));
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim < static_cast<int64_t>(shape.size()); ++dim)
    groups.push_back({dim});
  auto type = RankedTensorType::get(staticSizes(shape), typeOf(value).getElementType());
  return tensor::ExpandShapeOp::create(builder, loc, type, value, groups, shape);
}

/// [B, 1, ...] as [B, ...]
static Value removeTokenAxis(OpBuilder &builder, Location loc, Value value) {
  SmallVector<ReassociationIndices> groups{{0, 1}};
  for (int64_t dim = 2; dim < typeOf(value).getRank(); ++dim)
    groups.push_back({dim});
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

static SmallVector<Value> expandStep(RewriterBase &rewriter, StepOp op) {
  Location loc = op.getLoc();
  auto withToken = [&](Value value) { return insertTokenAxis(rewriter, loc, value); };
  bool isConstant = op.getAxis() == DecayAxis::Constant;
  RankedTensorType type = op.getOutput().getType();
  auto outputType =
      RankedTensorType::get({type.getDimSize(0), 1, type.getDimSize(1), type.getDimSize(2)}, type.getElementType());
  auto attention = AttentionOp::create(
      rewriter, loc, outputType, op.getFinalState().getType(), op.getFinalMax() ? op.getFinalMax().getType() : Type(),
      withToken(op.getQuery()), withToken(op.getKey()), withToken(op.getValue()),
      isConstant ? op.getDecay() : withToken(op.getDecay()),
      isConstant ? op.getLogDecay() : withToken(op.getLogDecay()), withToken(op.getBeta()), op.getInitialState(),
      op.getInitialMax(), /*sequences=*/Value(), op.getAxisAttr(), op.getStabilizerAttr(), op.getRuleAttr(),
      op.getScaleAttr());
  SmallVector<Value> results(attention.getResults());
  results[0] = removeTokenAxis(rewriter, loc, attention.getOutput());
  return results;
}

/// A map, gate or norm of one token as one of a sequence of one token.
static Value expandOneToken(RewriterBase &rewriter, TileFormInterface op) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands())
    if (op.isTokenOperand(operand.getOperandNumber()))
      mapping.map(operand.get(), insertTokenAxis(rewriter, op.getLoc(), operand.get()));
  Operation *expanded = rewriter.clone(*op, mapping);
  RankedTensorType type = typeOf(op->getResult(0));
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + 1, 1);
  expanded->getResult(0).setType(RankedTensorType::get(shape, type.getElementType()));
  return removeTokenAxis(rewriter, op.getLoc(), expanded->getResult(0));
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ExpandBlock : fgla::impl::ExpandBlockBase<ExpandBlock> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      bool isOneToken = isa<TileFormInterface>(op) && typeOf(op->getResult(0)).getRank() == 3;
      if (isa<BlockOp, StepOp>(op) || isOneToken)
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      if (auto block = dyn_cast<BlockOp>(op))
        rewriter.replaceOp(op, BlockExpansion(rewriter, block).build());
      else if (auto step = dyn_cast<StepOp>(op))
        rewriter.replaceOp(op, expandStep(rewriter, step));
      else
        rewriter.replaceOp(op, expandOneToken(rewriter, cast<TileFormInterface>(op)));
    }
  }
};
} // namespace
