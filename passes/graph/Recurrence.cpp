//===- Recurrence.cpp - The recurrence, token by token --------------------===//

#include "passes/graph/Recurrence.h"
#include "dialect/fgla/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/graph/LowerToReference.h"
#include <limits>

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

static constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

static Value buildMaximum(OpBuilder &b, Location loc, ValueRange v) {
  return arith::MaximumFOp::create(b, loc, v[0], v[1]);
}
static Value buildMultiplyAdd(OpBuilder &b, Location loc, ValueRange v) {
  return arith::AddFOp::create(b, loc, v[2], arith::MulFOp::create(b, loc, v[0], v[1]));
}
static Value buildMultiply(OpBuilder &b, Location loc, ValueRange v) {
  return arith::MulFOp::create(b, loc, v[0], v[1]);
}

//===----------------------------------------------------------------------===//
// Heads that share a state
//===----------------------------------------------------------------------===//

static SmallVector<ReassociationIndices> getHeadGroups() { return {{0}, {1}, {2, 3}, {4}}; }

Value Recurrence::splitHeads(OpBuilder &builder, Location loc, Value tensor, int64_t heads) {
  RankedTensorType type = typeOf(tensor);
  int64_t group = type.getDimSize(2) / heads;
  if (group == 1)
    return tensor;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  sizes[2] = builder.getIndexAttr(heads);
  sizes.insert(sizes.begin() + 3, builder.getIndexAttr(group));
  SmallVector<int64_t> shape(type.getShape());
  shape[2] = heads;
  shape.insert(shape.begin() + 3, group);
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor, getHeadGroups(), sizes);
}

Value Recurrence::mergeHeads(OpBuilder &builder, Location loc, Value tensor) {
  if (typeOf(tensor).getRank() == 4)
    return tensor;
  return tensor::CollapseShapeOp::create(builder, loc, tensor, getHeadGroups());
}

//===----------------------------------------------------------------------===//
// Before the first token
//===----------------------------------------------------------------------===//

void Recurrence::setSizes() {
  compute = getComputeType(typeOf(operands.query).getElementType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, operands.key);
  batch = sizes[0];
  heads = sizes[2];
  keyDim = sizes[3];
  valueDim = builder.getIndexAttr(typeOf(operands.value).getDimSize(3));
}

State Recurrence::buildInitialState() {
  State state{fill({batch, heads, keyDim, valueDim}, 0), {}};
  if (operands.initialState)
    state.matrix =
        castTensor(builder, loc, convertTensor(builder, loc, operands.initialState, compute), state.matrix.getType());
  if (!hasMaxState)
    return state;
  state.maximum = fill({batch, heads}, kMinusInfinity);
  if (operands.initialMax)
    state.maximum = castTensor(builder, loc, operands.initialMax, state.maximum.getType());
  return stabilizer == Stabilizer::Sequence ? raiseMaximum(state, buildSequenceMaximum()) : state;
}

Value Recurrence::buildKeyMaximum(Value keys) {
  return generic("bhk->bh", keys, fill({batch, heads}, kMinusInfinity), buildMaximum);
}

Value Recurrence::buildSequenceMaximum() {
  OpFoldResult tokens = tensor::getMixedSize(builder, loc, operands.key, 1);
  Value ofTokens = generic("bthk->bth", operands.key, fill({batch, tokens, heads}, kMinusInfinity), buildMaximum);
  return generic("bth->bh", ofTokens, fill({batch, heads}, kMinusInfinity),
                 [](OpBuilder &b, Location l, ValueRange v) -> Value {
                   return arith::MaximumFOp::create(b, l, buildCountedMax(b, l, v[0]), v[1]);
                 });
}

State Recurrence::raiseMaximum(State state, Value maximum) {
  Value factor = generic("bh,bh->bh", {state.maximum, maximum}, empty({batch, heads}),
                         [](OpBuilder &b, Location l, ValueRange v) -> Value {
                           return buildExpBelow(b, l, v[0], arith::MaximumFOp::create(b, l, v[0], v[1]));
                         });
  return {generic("bh->bhkv", factor, state.matrix, buildMultiply),
          generic("bh->bh", maximum, state.maximum, buildMaximum)};
}

//===----------------------------------------------------------------------===//
// One token
//===----------------------------------------------------------------------===//

Value Recurrence::sliceToken(Value tensor, Value t, bool dropLast) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  offsets[1] = t;
  sizes[1] = builder.getIndexAttr(1);
  SmallVector<int64_t> shape(typeOf(tensor).getShape());
  shape.erase(shape.begin() + 1);
  Value token =
      tensor::ExtractSliceOp::create(builder, loc, typeOf(tensor).clone(shape), tensor, offsets, sizes, strides);
  if (!dropLast)
    return token;
  // Not by the slice: upstream takes another dim of size one for the one that is gone.
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0, rank = shape.size(); dim < rank - 1; ++dim)
    groups.push_back({dim});
  groups.back().push_back(shape.size() - 1);
  return tensor::CollapseShapeOp::create(builder, loc, token, groups);
}

Value Recurrence::insertToken(Value part, Value tensor, Value t) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  offsets[1] = t;
  sizes[1] = builder.getIndexAttr(1);
  return tensor::InsertSliceOp::create(builder, loc, part, tensor, offsets, sizes, strides);
}

Token Recurrence::sliceToken(Value t) {
  Token token{sliceToken(operands.query, t), sliceToken(operands.key, t), sliceToken(operands.value, t), {}, {}};
  if (operands.decay)
    token.decay = axis == DecayAxis::Constant ? operands.decay
                                              : sliceToken(operands.decay, t, /*dropLast=*/axis == DecayAxis::Head);
  if (operands.beta) {
    bool oneForAllHeads = typeOf(operands.beta).getDimSize(2) != typeOf(operands.key).getDimSize(2);
    token.beta = sliceToken(operands.beta, t, /*dropLast=*/oneForAllHeads);
  }
  return token;
}

Value Recurrence::buildKeyFeatures(const Token &token, State &state) {
  Value maximum;
  switch (stabilizer) {
  case Stabilizer::None:
    return generic("bhk->bhk", token.key, empty({batch, heads, keyDim}),
                   [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  case Stabilizer::Token:
    maximum = buildKeyMaximum(token.key);
    break;
  case Stabilizer::Running:
    state = raiseMaximum(state, buildKeyMaximum(token.key));
    maximum = state.maximum;
    break;
  case Stabilizer::Sequence:
    maximum = state.maximum;
    break;
  }
  return generic("bhk,bh->bhk", {token.key, maximum}, empty({batch, heads, keyDim}),
                 [](OpBuilder &b, Location l, ValueRange v) { return buildExpBelow(b, l, v[0], v[1]); });
}

/// f S
Value Recurrence::buildDecayedState(const Token &token, Value matrix) {
  if (!token.decay)
    return matrix;
  // By the order of DecayAxis.
  static constexpr StringLiteral dims[] = {"bhk", "bhv", "bh", "h"};
  std::string notation = (dims[static_cast<unsigned>(*axis)] + "->bhkv").str();
  return generic(notation, token.decay, matrix, [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value factor = isLog ? math::ExpOp::create(b, l, v[0]).getResult() : v[0];
    return arith::MulFOp::create(b, l, factor, v[1]);
  });
}

/// S + k v^T, or the delta rules' S + beta k (v - S^T k)^T.
Value Recurrence::buildEntered(const Token &token, Value features, Value matrix) {
  Value entering = token.value;
  if (isDelta) {
    Value recalled = generic("bhkv,bhk->bhv", {matrix, features}, fill({batch, heads, valueDim}, 0), buildMultiplyAdd);
    bool oneForAllHeads = typeOf(token.beta).getRank() == 1;
    entering = generic(oneForAllHeads ? "bhv,bhv,b->bhv" : "bhv,bhv,bh->bhv", {token.value, recalled, token.beta},
                       empty({batch, heads, valueDim}), [](OpBuilder &b, Location l, ValueRange v) -> Value {
                         return arith::MulFOp::create(b, l, v[2], arith::SubFOp::create(b, l, v[0], v[1]));
                       });
  }
  return generic("bhk,bhv->bhkv", {features, entering}, matrix, buildMultiplyAdd);
}

State Recurrence::buildUpdate(const Token &token, State state) {
  Value features = buildKeyFeatures(token, state);
  state.matrix = buildEntered(token, features, buildDecayedState(token, state.matrix));
  return state;
}

Value Recurrence::buildReadOut(const Token &token, Value matrix, Type element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, token.query);
  sizes.back() = valueDim;
  bool isSplit = sizes.size() == 4;
  Value sum =
      generic(isSplit ? "bhkv,bhgk->bhgv" : "bhkv,bhk->bhv", {matrix, token.query}, fill(sizes, 0), buildMultiplyAdd);
  return generic(isSplit ? "bhgv->bhgv" : "bhv->bhv", sum, buildEmpty(builder, loc, sizes, element),
                 [&](OpBuilder &b, Location l, ValueRange v) {
                   return buildMultiply(b, l, {v[0], buildConstant(b, l, compute, scale)});
                 });
}

//===----------------------------------------------------------------------===//
// All tokens
//===----------------------------------------------------------------------===//

SmallVector<Value> graph::buildReference(OpBuilder &builder, AttentionOp op) {
  Location loc = op.getLoc();
  RecurrenceOperands operands = Recurrence::getOperands(builder, op);
  Recurrence recurrence(builder, op, operands);
  State state = recurrence.buildInitialState();

  SmallVector<OpFoldResult> outputSizes = tensor::getMixedSizes(builder, loc, operands.query);
  outputSizes.back() = builder.getIndexAttr(op.getValueDim());
  Type element = op.getOutput().getType().getElementType();
  SmallVector<Value> carried{buildEmpty(builder, loc, outputSizes, element), state.matrix};
  if (recurrence.carriesMaximum())
    carried.push_back(state.maximum);

  Value zero = arith::ConstantIndexOp::create(builder, loc, 0), one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value tokens = getValueOrCreateConstantIndexOp(builder, loc, outputSizes[1]);
  auto loop = scf::ForOp::create(
      builder, loc, zero, tokens, one, carried, [&](OpBuilder &, Location, Value t, ValueRange args) {
        Token token = recurrence.sliceToken(t);
        State next = recurrence.buildUpdate(token, {args[1], recurrence.carriesMaximum() ? args[2] : state.maximum});
        Value output = recurrence.buildReadOut(token, next.matrix, element);
        SmallVector<Value> yielded{recurrence.insertToken(output, args[0], t), next.matrix};
        if (recurrence.carriesMaximum())
          yielded.push_back(next.maximum);
        scf::YieldOp::create(builder, loc, yielded);
      });

  SmallVector<Value> results{Recurrence::mergeHeads(builder, loc, loop.getResult(0))};
  if (op.getFinalState())
    results.push_back(loop.getResult(1));
  if (op.getFinalMax())
    results.push_back(recurrence.carriesMaximum() ? loop.getResult(2) : state.maximum);
  for (auto [result, type] : llvm::zip_equal(results, op.getResultTypes()))
    result = castTensor(builder, loc,
                        convertTensor(builder, loc, result, cast<RankedTensorType>(type).getElementType()), type);
  return results;
}
