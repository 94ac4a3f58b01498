//===- LowerToReferenceGradient.cpp - Gradients, token by token -----------===//
//
// The recurrence of one head, differentiated token by token. A first walk keeps the state at the start of every chunk;
// a second one, from the end, makes the states of one chunk again and goes back through it with the gradient of the
// state. What one token's work gives for its operands is what Adjoint.h makes of it: there is no formula of a gradient
// here.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/Adjoint.h"
#include "passes/graph/LowerToReference.h"
#include "passes/graph/Recurrence.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

/// Tokens whose states are kept at once. Of a sequence of T tokens, T / kChunk + kChunk states are.
static constexpr int64_t kChunk = 32;

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

namespace {
/// What is differentiated, in the order of the op's operands and results.
enum Operand { Query, Key, Values, Decay, Beta, InitialState, NumOperands };
using PerOperand = std::array<Value, NumOperands>;

/// The gradients of one batch and head.
class HeadAdjoint {
public:
  HeadAdjoint(OpBuilder &builder, AttentionGradOp op, const RecurrenceOperands &operands, Value outputGrad,
              Value stateGrad, const PerOperand &results)
      : builder(builder), loc(op.getLoc()), op(op), operands(operands), recurrence(builder, op, operands),
        outputGrad(outputGrad), stateGrad(stateGrad), results(results) {}

  /// Writes onto the tensors that `results` has, null for what is not asked for.
  FailureOr<PerOperand> build();

private:
  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  scf::ForOp loop(Value end, ValueRange carried,
                  llvm::function_ref<SmallVector<Value>(Value position, ValueRange carried)> body);
  /// The state as what a loop carries, and back.
  SmallVector<Value> pack(State state) const;
  State unpack(ValueRange carried) const {
    return {carried[0], recurrence.carriesMaximum() ? carried[1] : initial.maximum};
  }
  /// Room for the states of `count` tokens, each at one position of a new first dim.
  SmallVector<Value> buildHistory(Value count);
  SmallVector<Value> record(State state, ValueRange history, Value position);
  State recall(ValueRange history, Value position);

  /// The states at the starts of the chunks.
  SmallVector<Value> walkForward(Value chunks);
  /// One chunk, backwards. `carried` are the gradient of the state and the results.
  FailureOr<SmallVector<Value>> walkBack(Value begin, Value count, State start, ValueRange carried);
  FailureOr<SmallVector<Value>> visitToken(Value t, State before, ValueRange carried);

  OpBuilder &builder;
  Location loc;
  AttentionGradOp op;
  RecurrenceOperands operands;
  Recurrence recurrence;
  Value outputGrad, stateGrad;
  PerOperand results;
  State initial;
  Value tokens;
};
} // namespace

scf::ForOp HeadAdjoint::loop(Value end, ValueRange carried,
                             llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  return scf::ForOp::create(builder, loc, index(0), end, index(1), carried,
                            [&](OpBuilder &, Location, Value position, ValueRange args) {
                              scf::YieldOp::create(builder, loc, body(position, args));
                            });
}

SmallVector<Value> HeadAdjoint::pack(State state) const {
  SmallVector<Value> carried{state.matrix};
  if (recurrence.carriesMaximum())
    carried.push_back(state.maximum);
  return carried;
}

SmallVector<Value> HeadAdjoint::buildHistory(Value count) {
  SmallVector<Value> history;
  for (Value part : pack(initial)) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, part);
    sizes.insert(sizes.begin(), getAsOpFoldResult(count));
    history.push_back(buildEmpty(builder, loc, sizes, typeOf(part).getElementType()));
  }
  return history;
}

/// The part of a history that is one state.
static std::array<SmallVector<OpFoldResult>, 3> getPosition(OpBuilder &builder, Value history, Value position) {
  SmallVector<OpFoldResult> offsets(typeOf(history).getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(typeOf(history).getRank(), builder.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, history.getLoc(), history);
  offsets[0] = position;
  sizes[0] = builder.getIndexAttr(1);
  return {offsets, sizes, strides};
}

SmallVector<Value> HeadAdjoint::record(State state, ValueRange history, Value position) {
  SmallVector<Value> next;
  for (auto [part, kept] : llvm::zip_equal(pack(state), history)) {
    auto [offsets, sizes, strides] = getPosition(builder, kept, position);
    next.push_back(tensor::InsertSliceOp::create(builder, loc, part, kept, offsets, sizes, strides));
  }
  return next;
}

State HeadAdjoint::recall(ValueRange history, Value position) {
  SmallVector<Value> parts;
  for (auto [part, kept] : llvm::zip_equal(pack(initial), history)) {
    auto [offsets, sizes, strides] = getPosition(builder, kept, position);
    parts.push_back(tensor::ExtractSliceOp::create(builder, loc, typeOf(part), kept, offsets, sizes, strides));
  }
  return unpack(parts);
}

SmallVector<Value> HeadAdjoint::walkForward(Value chunks) {
  SmallVector<Value> carried = pack(initial);
  unsigned parts = carried.size();
  llvm::append_range(carried, buildHistory(chunks));
  auto walk = loop(chunks, carried, [&](Value chunk, ValueRange args) {
    SmallVector<Value> history = record(unpack(args.take_front(parts)), args.drop_front(parts), chunk);
    Value begin = arith::MulIOp::create(builder, loc, chunk, index(kChunk));
    Value rest = arith::SubIOp::create(builder, loc, tokens, begin);
    Value count = arith::MinSIOp::create(builder, loc, rest, index(kChunk));
    auto inChunk = loop(count, args.take_front(parts), [&](Value i, ValueRange states) {
      Value t = arith::AddIOp::create(builder, loc, begin, i);
      return pack(recurrence.buildUpdate(recurrence.sliceToken(t), unpack(states)));
    });
    SmallVector<Value> next(inChunk.getResults());
    llvm::append_range(next, history);
    return next;
  });
  return SmallVector<Value>(walk.getResults().drop_front(parts));
}

FailureOr<SmallVector<Value>> HeadAdjoint::walkBack(Value begin, Value count, State start, ValueRange carried) {
  SmallVector<Value> again = pack(start);
  unsigned parts = again.size();
  llvm::append_range(again, buildHistory(index(kChunk)));
  auto states = loop(count, again, [&](Value i, ValueRange args) {
    State state = unpack(args.take_front(parts));
    SmallVector<Value> history = record(state, args.drop_front(parts), i);
    Value t = arith::AddIOp::create(builder, loc, begin, i);
    SmallVector<Value> next = pack(recurrence.buildUpdate(recurrence.sliceToken(t), state));
    llvm::append_range(next, history);
    return next;
  });
  bool hasFailed = false;
  auto back = loop(count, carried, [&](Value i, ValueRange args) {
    Value left = arith::SubIOp::create(builder, loc, count, i);
    Value position = arith::SubIOp::create(builder, loc, left, index(1));
    Value t = arith::AddIOp::create(builder, loc, begin, position);
    auto next = visitToken(t, recall(states.getResults().drop_front(parts), position), args);
    hasFailed |= failed(next);
    return succeeded(next) ? *next : SmallVector<Value>(args);
  });
  if (hasFailed)
    return failure();
  return SmallVector<Value>(back.getResults());
}

/// Through one token, from the gradient of the state after it to that of the state before it.
FailureOr<SmallVector<Value>> HeadAdjoint::visitToken(Value t, State before, ValueRange carried) {
  Token token = recurrence.sliceToken(t);
  State after = recurrence.buildUpdate(token, before);
  SmallVector<Value> outputs{after.matrix}, cotangents{carried[0]};
  if (outputGrad) {
    outputs.push_back(recurrence.buildReadOut(token, after.matrix, typeOf(before.matrix).getElementType()));
    cotangents.push_back(recurrence.sliceToken(outputGrad, t));
  }
  // One for all tokens: its gradient is a sum over them.
  bool isConstant = op.getAxis() == DecayAxis::Constant;
  SmallVector<Value> inputs{before.matrix};
  SmallVector<unsigned> wanted;
  std::array<Value, NumOperands> primals{token.query, token.key, token.value, token.decay, token.beta, {}};
  for (unsigned i = 0; i < InitialState; ++i)
    if (results[i]) {
      wanted.push_back(i);
      inputs.push_back(primals[i]);
      if (i == Decay && isConstant) {
        outputs.push_back(token.decay);
        cotangents.push_back(carried[wanted.size()]);
      }
    }
  FailureOr<SmallVector<Value>> gradients = buildAdjoint(builder, outputs, cotangents, inputs, Maxima::Constant);
  if (failed(gradients))
    return failure();
  SmallVector<Value> next{gradients->front()};
  for (auto [i, gradient, sum] : llvm::zip_equal(wanted, llvm::drop_begin(*gradients), carried.drop_front())) {
    if (i == Decay && isConstant) {
      next.push_back(gradient);
      continue;
    }
    Type element = typeOf(sum).getElementType();
    Value part = gradient ? convertTensor(builder, loc, gradient, element)
                          : buildFill(builder, loc, tensor::getMixedSizes(builder, loc, primals[i]), element, 0);
    next.push_back(recurrence.insertToken(part, sum, t));
  }
  return next;
}

FailureOr<PerOperand> HeadAdjoint::build() {
  initial = recurrence.buildInitialState();
  tokens = tensor::DimOp::create(builder, loc, operands.key, 1);
  Value chunks = arith::CeilDivSIOp::create(builder, loc, tokens, index(kChunk));
  SmallVector<Value> starts = walkForward(chunks);
  SmallVector<Value> carried{stateGrad};
  SmallVector<unsigned> wanted;
  for (unsigned i = 0; i < InitialState; ++i)
    if (results[i]) {
      wanted.push_back(i);
      carried.push_back(results[i]);
    }
  bool hasFailed = false;
  auto walk = loop(chunks, carried, [&](Value i, ValueRange args) {
    Value left = arith::SubIOp::create(builder, loc, chunks, i);
    Value chunk = arith::SubIOp::create(builder, loc, left, index(1));
    Value begin = arith::MulIOp::create(builder, loc, chunk, index(kChunk));
    Value rest = arith::SubIOp::create(builder, loc, tokens, begin);
    Value count = arith::MinSIOp::create(builder, loc, rest, index(kChunk));
    auto next = walkBack(begin, count, recall(starts, chunk), args);
    hasFailed |= failed(next);
    return succeeded(next) ? *next : SmallVector<Value>(args);
  });
  if (hasFailed)
    return failure();
  PerOperand made{};
  for (auto [i, result] : llvm::zip_equal(wanted, walk.getResults().drop_front()))
    made[i] = result;
  if (!results[InitialState])
    return made;
  // `sequence` makes the initial state relative to its maximum first.
  auto gradient = buildAdjoint(builder, initial.matrix, walk.getResult(0), operands.initialState, Maxima::Constant);
  if (failed(gradient))
    return failure();
  made[InitialState] = gradient->front();
  return made;
}

//===----------------------------------------------------------------------===//
// All heads
//===----------------------------------------------------------------------===//

namespace {
/// Where an operand of one batch and head is in the whole.
struct HeadSlice {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  RankedTensorType type;
};
} // namespace

/// `batchDim` and `headDim` are the dims of `tensor`, -1 where it has none.
static HeadSlice sliceHead(OpBuilder &builder, Location loc, Value tensor, int64_t batchDim, int64_t headDim,
                           ValueRange position) {
  HeadSlice slice;
  slice.sizes = tensor::getMixedSizes(builder, loc, tensor);
  slice.offsets.assign(slice.sizes.size(), builder.getIndexAttr(0));
  slice.strides.assign(slice.sizes.size(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape(typeOf(tensor).getShape());
  for (auto [dim, at] : {std::pair(batchDim, position[0]), std::pair(headDim, position[1])})
    if (dim >= 0) {
      slice.offsets[dim] = at;
      slice.sizes[dim] = builder.getIndexAttr(1);
      shape[dim] = 1;
    }
  slice.type = typeOf(tensor).clone(shape);
  return slice;
}

namespace {
class AttentionAdjoint {
public:
  AttentionAdjoint(OpBuilder &builder, AttentionGradOp op)
      : builder(builder), loc(op.getLoc()), op(op), operands(Recurrence::getOperands(builder, op)),
        compute(getComputeType(op.getQuery().getType().getElementType())),
        batch(tensor::getMixedSize(builder, loc, op.getKey(), 0)) {}

  FailureOr<SmallVector<Value>> build();

private:
  /// A result before it is summed over batches and heads: [B, H] for a decay that is constant, [B, T, H] for beta.
  Value buildRoom(unsigned operand, Value primal);
  HeadSlice sliceOf(unsigned operand, Value tensor, ValueRange position);
  Value extract(unsigned operand, Value tensor, ValueRange position);
  FailureOr<PerOperand> buildHead(ValueRange position, const PerOperand &rooms, Value outputGrad);
  Value finish(unsigned operand, Value made, Type type);

  OpBuilder &builder;
  Location loc;
  AttentionGradOp op;
  RecurrenceOperands operands;
  Type compute;
  OpFoldResult batch;
};
} // namespace

Value AttentionAdjoint::buildRoom(unsigned operand, Value primal) {
  OpFoldResult heads = builder.getIndexAttr(op.getNumHeads());
  if (operand == Decay && op.getAxis() == DecayAxis::Constant)
    return buildFill(builder, loc, {batch, heads}, compute, 0);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, primal);
  bool isSummed = operand == Beta;
  if (isSummed)
    sizes.back() = heads;
  return buildEmpty(builder, loc, sizes, isSummed ? compute : typeOf(op.getGradients()[operand]).getElementType());
}

HeadSlice AttentionAdjoint::sliceOf(unsigned operand, Value tensor, ValueRange position) {
  int64_t rank = typeOf(tensor).getRank();
  if (operand == InitialState)
    return sliceHead(builder, loc, tensor, 0, 1, position);
  if (operand == Decay && op.getAxis() == DecayAxis::Constant)
    return sliceHead(builder, loc, tensor, rank == 2 ? 0 : -1, rank - 1, position);
  bool oneForAllHeads = operand == Beta && typeOf(tensor).getDimSize(2) != op.getNumHeads();
  return sliceHead(builder, loc, tensor, 0, oneForAllHeads ? -1 : 2, position);
}

Value AttentionAdjoint::extract(unsigned operand, Value tensor, ValueRange position) {
  if (!tensor)
    return {};
  HeadSlice slice = sliceOf(operand, tensor, position);
  return tensor::ExtractSliceOp::create(builder, loc, slice.type, tensor, slice.offsets, slice.sizes, slice.strides);
}

FailureOr<PerOperand> AttentionAdjoint::buildHead(ValueRange position, const PerOperand &rooms, Value outputGrad) {
  RecurrenceOperands head{extract(Query, operands.query, position),
                          extract(Key, operands.key, position),
                          extract(Values, operands.value, position),
                          extract(Decay, operands.decay, position),
                          extract(Beta, operands.beta, position),
                          extract(InitialState, operands.initialState, position),
                          extract(InitialState, operands.initialMax, position)};
  Value stateGrad = extract(InitialState, op.getFinalStateGrad(), position);
  if (!stateGrad) {
    OpFoldResult one = builder.getIndexAttr(1);
    stateGrad =
        buildFill(builder, loc,
                  {one, one, builder.getIndexAttr(op.getKeyDim()), builder.getIndexAttr(op.getValueDim())}, compute, 0);
  }
  PerOperand results{};
  for (unsigned i = 0; i < NumOperands; ++i)
    results[i] = extract(i, rooms[i], position);
  // The sum over the tokens of one head.
  if (results[Decay] && op.getAxis() == DecayAxis::Constant)
    results[Decay] = buildFill(builder, loc, {builder.getIndexAttr(1)}, compute, 0);
  return HeadAdjoint(builder, op, head, extract(Query, outputGrad, position), stateGrad, results).build();
}

/// Sums what was made for each batch and head where the operand has one for all, as `type`.
Value AttentionAdjoint::finish(unsigned operand, Value made, Type type) {
  auto wanted = cast<RankedTensorType>(type);
  auto add = [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); };
  if (operand == Query)
    made = Recurrence::mergeHeads(builder, loc, made);
  if (operand == Decay && op.getAxis() == DecayAxis::Constant)
    made = buildGeneric(builder, loc, "bh->h", made,
                        buildFill(builder, loc, {builder.getIndexAttr(op.getNumHeads())}, compute, 0), add);
  if (operand == Beta && typeOf(made).getDimSize(2) != wanted.getDimSize(2)) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, made);
    Value sum = buildGeneric(builder, loc, "bth->bt", made,
                             buildFill(builder, loc, ArrayRef(sizes).drop_back(), compute, 0), add);
    sizes.back() = builder.getIndexAttr(1);
    SmallVector<int64_t> shape(typeOf(sum).getShape());
    shape.push_back(1);
    SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
    made = tensor::ExpandShapeOp::create(builder, loc, typeOf(sum).clone(shape), sum, groups, sizes);
  }
  return castTensor(builder, loc, convertTensor(builder, loc, made, wanted.getElementType()), type);
}

FailureOr<SmallVector<Value>> AttentionAdjoint::build() {
  Value outputGrad = op.getOutputGrad();
  if (outputGrad)
    outputGrad = Recurrence::splitHeads(builder, loc, outputGrad, op.getNumHeads());
  Value primals[] = {operands.query, operands.key,  operands.value,
                     operands.decay, operands.beta, operands.initialState};
  SmallVector<Value> rooms;
  SmallVector<unsigned> wanted;
  for (auto [i, gradient] : llvm::enumerate(op.getGradients()))
    if (gradient) {
      wanted.push_back(i);
      rooms.push_back(buildRoom(i, primals[i]));
    }
  SmallVector<OpFoldResult> ends{batch, builder.getIndexAttr(op.getNumHeads())};
  bool hasFailed = false;
  auto heads = scf::ForallOp::create(builder, loc, ends, rooms, /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(heads.getBody());
    PerOperand shared{};
    for (auto [i, argument] : llvm::zip_equal(wanted, heads.getRegionIterArgs()))
      shared[i] = argument;
    FailureOr<PerOperand> made = buildHead(heads.getInductionVars(), shared, outputGrad);
    hasFailed = failed(made);
    for (unsigned i : hasFailed ? ArrayRef<unsigned>() : ArrayRef<unsigned>(wanted)) {
      HeadSlice slice = sliceOf(i, shared[i], heads.getInductionVars());
      builder.setInsertionPointToEnd(heads.getTerminator().getBody());
      tensor::ParallelInsertSliceOp::create(builder, loc, (*made)[i], shared[i], slice.offsets, slice.sizes,
                                            slice.strides);
      builder.setInsertionPoint(heads.getTerminator());
    }
  }
  if (hasFailed)
    return failure();
  SmallVector<Value> results;
  for (auto [i, made, type] : llvm::zip_equal(wanted, heads.getResults(), op.getResultTypes()))
    results.push_back(finish(i, made, type));
  return results;
}

FailureOr<SmallVector<Value>> graph::buildReference(OpBuilder &builder, AttentionGradOp op) {
  return AttentionAdjoint(builder, op).build();
}

//===----------------------------------------------------------------------===//
// Maps, gates and norms
//===----------------------------------------------------------------------===//

/// The region becomes plain ops, and these are differentiated.
FailureOr<SmallVector<Value>> graph::buildReference(RewriterBase &rewriter, VJPOp op) {
  Block *block = &op.getBody().front();
  for (Operation &inner : llvm::make_early_inc_range(block->without_terminator())) {
    rewriter.setInsertionPoint(&inner);
    rewriter.replaceOp(&inner, buildElementwiseReference(rewriter, &inner));
  }
  rewriter.setInsertionPoint(block->getTerminator());
  SmallVector<Value> inputs =
      llvm::map_to_vector(op.getWrt(), [&](int64_t i) -> Value { return block->getArgument(i); });
  auto made = buildAdjoint(rewriter, op.getYield().getValue(), op.getCotangent(), inputs, Maxima::Constant);
  if (failed(made))
    return failure();
  SmallVector<Value> results;
  for (auto [gradient, input, type] : llvm::zip_equal(*made, inputs, op.getResultTypes())) {
    Type element = cast<RankedTensorType>(type).getElementType();
    if (!gradient)
      gradient = buildFill(rewriter, op.getLoc(), tensor::getMixedSizes(rewriter, op.getLoc(), input), element, 0);
    gradient = convertTensor(rewriter, op.getLoc(), gradient, element);
    results.push_back(castTensor(rewriter, op.getLoc(), gradient, type));
  }
  rewriter.eraseOp(block->getTerminator());
  rewriter.inlineBlockBefore(block, op, op.getInputs());
  return results;
}
