//===- LowerToReferenceAttention.cpp - The recurrence, token by token -----===//

#include "dialect/fgla/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/LowerToReference.h"
#include <limits>

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

static constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

static Value buildMaximum(OpBuilder &b, Location loc, ValueRange v) {
  return arith::MaximumFOp::create(b, loc, v[0], v[1]);
}
static Value buildMultiplyAdd(OpBuilder &b, Location loc, ValueRange v) {
  return arith::AddFOp::create(b, loc, v[2], arith::MulFOp::create(b, loc, v[0], v[1]));
}
static Value buildMultiply(OpBuilder &b, Location loc, ValueRange v) {
  return arith::MulFOp::create(b, loc, v[0], v[1]);
}

namespace {
/// What the loop carries: the state and, where the stabilizer needs it, the maximum its keys are relative to.
struct State {
  Value matrix;  ///< S [B, H, K, V]
  Value maximum; ///< m [B, H] or null
};

/// What the loop has for one token: [B, H, D] each.
struct Token {
  Value query, key, value, decay, beta;
};

/// Builds the recurrence of one attention. All arithmetic is in the computation type. Each step of a token's work
/// writes onto the tensor that the loop carries, never beside it, so that bufferization finds it equivalent to what is
/// yielded.
class Recurrence {
public:
  Recurrence(OpBuilder &builder, AttentionOp op)
      : builder(builder), loc(op.getLoc()), op(op), compute(getComputeType(op.getQuery().getType().getElementType())),
        batch(tensor::getMixedSize(builder, loc, op.getQuery(), 0)), heads(builder.getIndexAttr(op.getNumHeads())),
        keyDim(builder.getIndexAttr(op.getKeyDim())), valueDim(builder.getIndexAttr(op.getValueDim())) {}

  SmallVector<Value> build();

private:
  State buildInitialState();
  /// The maximum of the keys `[B, H, K]` of a token, for each batch and head.
  Value buildKeyMaximum(Value keys);
  /// That of all tokens, but for those that have none: a key of NaN or +inf reaches no earlier token.
  Value buildSequenceMaximum();
  /// m_new = max(m, `maximum`), S relative to it: S exp(m - m_new).
  State raiseMaximum(State state, Value maximum);

  Token sliceToken(Value t);
  Value sliceToken(Value tensor, Value t);
  /// The key's features and, for `running`, the state relative to the new maximum.
  Value buildKeyFeatures(Token token, State &state);
  Value buildDecayedState(Token token, Value matrix);
  Value buildUpdate(Token token, Value features, Value matrix);
  Value buildReadOut(Token token, Value matrix, Value output, Value t);

  Value fill(ArrayRef<OpFoldResult> sizes, double value) { return buildFill(builder, loc, sizes, compute, value); }
  Value empty(ArrayRef<OpFoldResult> sizes) { return buildEmpty(builder, loc, sizes, compute); }
  Value generic(StringRef notation, ValueRange inputs, Value init, ScalarBody body, int64_t group = 1) {
    return buildGeneric(builder, loc, notation, inputs, init, body, group);
  }

  OpBuilder &builder;
  Location loc;
  AttentionOp op;
  Type compute;
  OpFoldResult batch, heads, keyDim, valueDim;
};
} // namespace

SmallVector<Value> Recurrence::build() {
  State state = buildInitialState();
  if (op.getStabilizer() == Stabilizer::Sequence)
    state = raiseMaximum(state, buildSequenceMaximum());

  SmallVector<OpFoldResult> outputSizes = tensor::getMixedSizes(builder, loc, op.getQuery());
  outputSizes.back() = valueDim;
  Value output = buildEmpty(builder, loc, outputSizes, op.getOutput().getType().getElementType());

  Value zero = arith::ConstantIndexOp::create(builder, loc, 0), one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value tokens = getValueOrCreateConstantIndexOp(builder, loc, outputSizes[1]);
  bool carriesMaximum = op.getStabilizer() == Stabilizer::Running;
  SmallVector<Value> carried{output, state.matrix};
  if (carriesMaximum)
    carried.push_back(state.maximum);

  auto loop = scf::ForOp::create(builder, loc, zero, tokens, one, carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value t = loop.getInductionVar();
    ValueRange args = loop.getRegionIterArgs();
    State current{args[1], carriesMaximum ? args[2] : state.maximum};
    Token token = sliceToken(t);
    Value features = buildKeyFeatures(token, current);
    Value decayed = buildDecayedState(token, current.matrix);
    Value updated = buildUpdate(token, features, decayed);
    SmallVector<Value> yielded{buildReadOut(token, updated, args[0], t), updated};
    if (carriesMaximum)
      yielded.push_back(current.maximum);
    scf::YieldOp::create(builder, loc, yielded);
  }

  SmallVector<Value> results{loop.getResult(0)};
  if (op.getFinalState())
    results.push_back(loop.getResult(1));
  if (op.getFinalMax())
    results.push_back(carriesMaximum ? loop.getResult(2) : state.maximum);
  for (auto [result, type] : llvm::zip_equal(results, op.getResultTypes()))
    result = castTensor(builder, loc,
                        convertTensor(builder, loc, result, cast<RankedTensorType>(type).getElementType()), type);
  return results;
}

//===----------------------------------------------------------------------===//
// Before the first token
//===----------------------------------------------------------------------===//

State Recurrence::buildInitialState() {
  State state{fill({batch, heads, keyDim, valueDim}, 0), {}};
  if (op.getInitialState())
    state.matrix =
        castTensor(builder, loc, convertTensor(builder, loc, op.getInitialState(), compute), state.matrix.getType());
  if (!op.hasMaxState())
    return state;
  state.maximum = fill({batch, heads}, kMinusInfinity);
  if (op.getInitialMax())
    state.maximum = castTensor(builder, loc, op.getInitialMax(), state.maximum.getType());
  return state;
}

Value Recurrence::buildKeyMaximum(Value keys) {
  return generic("bhk->bh", keys, fill({batch, heads}, kMinusInfinity), buildMaximum);
}

Value Recurrence::buildSequenceMaximum() {
  OpFoldResult tokens = tensor::getMixedSize(builder, loc, op.getKey(), 1);
  Value ofTokens = generic("bthk->bth", op.getKey(), fill({batch, tokens, heads}, kMinusInfinity), buildMaximum);
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

/// tensor[:, t, ...]
Value Recurrence::sliceToken(Value tensor, Value t) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  offsets[1] = t;
  sizes[1] = builder.getIndexAttr(1);
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + 1);
  return tensor::ExtractSliceOp::create(builder, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
                                        offsets, sizes, strides);
}

Token Recurrence::sliceToken(Value t) {
  Token token{sliceToken(op.getQuery(), t), sliceToken(op.getKey(), t), sliceToken(op.getValue(), t), {}, {}};
  if (Value decay = op.getAnyDecay())
    token.decay = op.getAxis() == DecayAxis::Constant ? decay : sliceToken(decay, t);
  if (op.getBeta())
    token.beta = sliceToken(op.getBeta(), t);
  return token;
}

Value Recurrence::buildKeyFeatures(Token token, State &state) {
  Value maximum;
  switch (op.getStabilizer()) {
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
Value Recurrence::buildDecayedState(Token token, Value matrix) {
  if (!token.decay)
    return matrix;
  // By the order of DecayAxis.
  static constexpr StringLiteral dims[] = {"bhk", "bhv", "bh1", "h"};
  std::string notation = (dims[static_cast<unsigned>(*op.getAxis())] + "->bhkv").str();
  bool isLog = static_cast<bool>(op.getLogDecay());
  return generic(notation, token.decay, matrix, [&](OpBuilder &b, Location l, ValueRange v) -> Value {
    Value factor = isLog ? math::ExpOp::create(b, l, v[0]).getResult() : v[0];
    return arith::MulFOp::create(b, l, factor, v[1]);
  });
}

/// S + k v^T, or the delta rules' S + beta k (v - S^T k)^T.
Value Recurrence::buildUpdate(Token token, Value features, Value matrix) {
  Value entering = token.value;
  if (op.isDeltaRule()) {
    Value recalled = generic("bhkv,bhk->bhv", {matrix, features}, fill({batch, heads, valueDim}, 0), buildMultiplyAdd);
    bool oneForAllHeads = cast<RankedTensorType>(token.beta.getType()).getDimSize(1) == 1;
    entering = generic(oneForAllHeads ? "bhv,bhv,b1->bhv" : "bhv,bhv,bh->bhv", {token.value, recalled, token.beta},
                       empty({batch, heads, valueDim}), [](OpBuilder &b, Location l, ValueRange v) -> Value {
                         return arith::MulFOp::create(b, l, v[2], arith::SubFOp::create(b, l, v[0], v[1]));
                       });
  }
  return generic("bhk,bhv->bhkv", {features, entering}, matrix, buildMultiplyAdd);
}

/// output[:, t] = scale * S^T q, where query head h reads state h / (Hq / H).
Value Recurrence::buildReadOut(Token token, Value matrix, Value output, Value t) {
  OpFoldResult queryHeads = builder.getIndexAttr(op.getNumQueryHeads());
  int64_t group = op.getNumQueryHeads() / op.getNumHeads();
  Value sum =
      generic("bHkv,bhk->bhv", {matrix, token.query}, fill({batch, queryHeads, valueDim}, 0), buildMultiplyAdd, group);
  Value scaled =
      generic("bhv->bhv", sum,
              buildEmpty(builder, loc, {batch, queryHeads, valueDim}, op.getOutput().getType().getElementType()),
              [&](OpBuilder &b, Location l, ValueRange v) {
                Value scale = buildConstant(b, l, compute, op.getEffectiveScale());
                return buildMultiply(b, l, {v[0], scale});
              });
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  return tensor::InsertSliceOp::create(builder, loc, scaled, output, {zero, t, zero, zero},
                                       {batch, one, queryHeads, valueDim}, {one, one, one, one});
}

SmallVector<Value> graph::buildReference(OpBuilder &builder, AttentionOp op) { return Recurrence(builder, op).build(); }
