//===- AttentionOps.cpp - The recurrence, its one-token step, the block ---===//

#include "dialect/Segments.h"
#include "dialect/fgla/Verify.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace fgla;

namespace {
/// The sizes that the operands of a recurrence agree on.
struct Sizes {
  int64_t batch, tokens, queryHeads, heads, keyDim, valueDim;
  int64_t states; ///< of which there is one for each batch, or for each packed sequence
};

/// Verifies `attention`, and `step`, whose operands lack the token axis. Constraints have the same numbers in both. Of
/// `attention_grad` it verifies what it has in common with the attention.
template <typename OpTy> class RecurrenceVerifier {
public:
  explicit RecurrenceVerifier(OpTy op) : op(op), element(op.getQuery().getType().getElementType()) {}
  LogicalResult verify();

private:
  static constexpr bool hasTokens = !std::is_same_v<OpTy, StepOp>;
  static constexpr bool isGradient = std::is_same_v<OpTy, AttentionGradOp>;

  LogicalResult verifyMainOperands();
  LogicalResult verifyElementTypes();
  LogicalResult verifyDecay();
  LogicalResult verifyRule();
  LogicalResult verifySequences();
  LogicalResult verifyStates();

  std::string label(int number) {
    StringRef name = isGradient ? AttentionOp::getOperationName() : OpTy::getOperationName();
    return (name.substr(5) + "_c" + Twine(number)).str();
  }
  /// Checks a value with batch and, in `attention`, token axis in front of `dims` (named `names`, e.g. "H, K").
  LogicalResult check(Value value, StringRef what, StringRef names, SmallVector<int64_t> dims, int constraint);

  OpTy op;
  Type element;
  Sizes sizes{kAny, kAny, kAny, kAny, kAny, kAny, kAny};
};

/// The state and the maximum that its keys are relative to, as operands ("operand 'initial") or results ("result
/// 'final").
struct StateRule {
  StringRef what;
  SmallVector<int64_t> shape; ///< [B, H, K, V]
  Type compute, storage;      ///< of the arithmetic and of the arrays
  bool hasMax;                ///< the stabilizer keeps a maximum
  std::string stateLabel, maxLabel;
};
} // namespace

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }
static Type elementOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

static LogicalResult verifyState(Operation *op, Value state, Value max, const StateRule &rule) {
  std::string name = (rule.what + "_state'").str();
  if (state) {
    if (failed(verifyShape(op, state.getType(), {name, "[B, H, K, V]", rule.shape, rule.stateLabel, {1, 2, 3}})))
      return failure();
    if (elementOf(state) != rule.compute && elementOf(state) != rule.storage) {
      InFlightDiagnostic error = op->emitOpError() << name << " must hold " << rule.compute;
      if (rule.storage != rule.compute)
        error << " or " << rule.storage;
      return error << ", got " << elementOf(state) << " (" << rule.stateLabel << ")";
    }
  }
  name = (rule.what + "_max'").str();
  if ((state && rule.hasMax) != static_cast<bool>(max))
    return op->emitOpError() << name << " must be given if and only if the state is and the stabilizer is "
                             << "'running' or 'sequence', got " << (max ? "one" : "none") << " (" << rule.maxLabel
                             << ")";
  if (!max)
    return success();
  SmallVector<int64_t> shape(ArrayRef<int64_t>(rule.shape).take_front(2));
  if (failed(verifyShape(op, max.getType(), {name, "[B, H]", shape, rule.maxLabel, {1}})))
    return failure();
  if (elementOf(max) != rule.compute)
    return op->emitOpError() << name << " must hold " << rule.compute << ", got " << elementOf(max) << " ("
                             << rule.maxLabel << ")";
  return success();
}

template <typename OpTy>
LogicalResult RecurrenceVerifier<OpTy>::check(Value value, StringRef what, StringRef names, SmallVector<int64_t> dims,
                                              int constraint) {
  SmallVector<int64_t> required{sizes.batch};
  if (hasTokens)
    required.push_back(sizes.tokens);
  SmallVector<unsigned> isStatic;
  for (int64_t dim : dims) {
    isStatic.push_back(required.size());
    required.push_back(dim);
  }
  std::string text = ((hasTokens ? "[B, T, " : "[B, ") + names + "]").str();
  std::string number = label(constraint);
  if (failed(verifyShape(op, value.getType(), {what, text, required, number, isStatic})))
    return failure();
  // What this operand knows of the dynamic sizes holds for the next ones.
  ArrayRef<int64_t> shape = shapeOf(value);
  if (ShapedType::isDynamic(sizes.batch) || sizes.batch == kAny)
    sizes.batch = shape[0];
  if (hasTokens && (ShapedType::isDynamic(sizes.tokens) || sizes.tokens == kAny))
    sizes.tokens = shape[1];
  return success();
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifyMainOperands() {
  constexpr int heads = hasTokens ? 2 : 1;
  if (failed(check(op.getQuery(), "operand 'query'", "Hq, K", {kAny, kAny}, 1)))
    return failure();
  sizes.queryHeads = shapeOf(op.getQuery())[heads];
  sizes.keyDim = shapeOf(op.getQuery())[heads + 1];
  if (failed(check(op.getKey(), "operand 'key'", "H, K", {kAny, sizes.keyDim}, 1)))
    return failure();
  sizes.heads = shapeOf(op.getKey())[heads];
  if (failed(check(op.getValue(), "operand 'value'", "H, V", {sizes.heads, kAny}, 1)))
    return failure();
  sizes.valueDim = shapeOf(op.getValue())[heads + 1];
  if (sizes.queryHeads % sizes.heads != 0)
    return op.emitOpError() << "number of query heads must be a multiple of the number of key/value heads, got "
                            << sizes.queryHeads << " and " << sizes.heads << " (" << label(3) << ")";
  if constexpr (isGradient)
    return success();
  else
    return check(op.getOutput(), "the output", "Hq, V", {sizes.queryHeads, sizes.valueDim}, 10);
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifyElementTypes() {
  SmallVector<std::pair<Value, StringRef>> values{{op.getKey(), "operand 'key'"}, {op.getValue(), "operand 'value'"}};
  if constexpr (!isGradient)
    values.push_back({op.getOutput(), "the output"});
  for (auto [value, what] : values)
    if (elementOf(value) != element)
      return op.emitOpError() << what << " must have the element type of 'query', " << element << ", got "
                              << elementOf(value) << " (" << label(2) << ")";
  return success();
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifyDecay() {
  if (op.getDecay() && op.getLogDecay())
    return op.emitOpError() << "must have at most one of 'decay' and 'log_decay', got both (" << label(4) << ")";
  Value decay = op.getAnyDecay();
  if (static_cast<bool>(decay) != op.getAxis().has_value())
    return op.emitOpError() << "'axis' must be given if and only if a decay is, got "
                            << (decay ? "a decay without axis" : "an axis without decay") << " (" << label(4) << ")";
  if (!decay)
    return success();
  StringRef what = op.getDecay() ? "operand 'decay'" : "operand 'log_decay'";
  switch (*op.getAxis()) {
  case DecayAxis::Key:
    return check(decay, what, "H, K", {sizes.heads, sizes.keyDim}, 5);
  case DecayAxis::Value:
    return check(decay, what, "H, V", {sizes.heads, sizes.valueDim}, 5);
  case DecayAxis::Head:
    return check(decay, what, "H, 1", {sizes.heads, 1}, 5);
  case DecayAxis::Constant:
    return verifyShape(op, decay.getType(), {what, "[H]", {sizes.heads}, label(5), {0}});
  }
  return success();
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifyRule() {
  StringRef rule = stringifyUpdateRule(op.getRule());
  if (static_cast<bool>(op.getBeta()) != op.isDeltaRule())
    return op.emitOpError() << "operand 'beta' must be given if and only if the rule is 'delta' or 'gated_delta', got "
                            << (op.getBeta() ? "one" : "none") << " with rule '" << rule << "' (" << label(6) << ")";
  if (!op.isDeltaRule())
    return success();
  ArrayRef<int64_t> shape = shapeOf(op.getBeta());
  int64_t heads = !shape.empty() && shape.back() == 1 ? 1 : sizes.heads;
  if (failed(check(op.getBeta(), "operand 'beta'", "H or 1", {heads}, 6)))
    return failure();
  bool needsDecay = op.getRule() == UpdateRule::GatedDelta;
  if (needsDecay != static_cast<bool>(op.getAnyDecay()))
    return op.emitOpError() << "rule '" << rule << "' "
                            << (needsDecay ? "needs a decay, got none" : "takes no decay, got one") << " (" << label(7)
                            << ")";
  if (op.hasMaxState())
    return op.emitOpError() << "rule '" << rule << "' takes stabilizer 'none' or 'token', got '"
                            << stringifyStabilizer(op.getStabilizer()) << "' (" << label(7) << ")";
  return success();
}

/// Leaves the number of states in `sizes`.
template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifySequences() {
  sizes.states = sizes.batch;
  if constexpr (hasTokens) {
    if (!op.getSequences())
      return success();
    if (failed(verifyShape(op, op.getSequences().getType(), {"operand 'sequences'", "[N + 1]", {kAny}, label(12), {}})))
      return failure();
    int64_t offsets = op.getSequences().getType().getDimSize(0);
    if (offsets == 0)
      return op.emitOpError() << "operand 'sequences' must hold one offset at least, got none (" << label(12) << ")";
    if (op.getQuery().getType().getDimSize(0) != 1)
      return op.emitOpError() << "operand 'query' must have a batch of 1 where 'sequences' packs them, got "
                              << formatShape(op.getQuery().getType().getShape()) << " (" << label(12) << ")";
    sizes.states = ShapedType::isDynamic(offsets) ? offsets : offsets - 1;
  }
  return success();
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verifyStates() {
  StateRule rule{"operand 'initial",
                 {sizes.states, sizes.heads, sizes.keyDim, sizes.valueDim},
                 getComputeType(element),
                 element,
                 op.hasMaxState(),
                 label(8),
                 label(9)};
  if constexpr (isGradient)
    return verifyState(op, op.getInitialState(), op.getInitialMax(), rule);
  else {
    if (failed(verifyState(op, op.getInitialState(), op.getInitialMax(), rule)))
      return failure();
    rule.what = "result 'final";
    return verifyState(op, op.getFinalState(), op.getFinalMax(), rule);
  }
}

template <typename OpTy> LogicalResult RecurrenceVerifier<OpTy>::verify() {
  if (failed(verifyMainOperands()) || failed(verifyElementTypes()) || failed(verifyDecay()) || failed(verifyRule()) ||
      failed(verifySequences()) || failed(verifyStates()))
    return failure();
  if (!hasTokens && op.getStabilizer() == Stabilizer::Sequence)
    return op.emitOpError() << "stabilizer 'sequence' needs the whole sequence, use 'running' (" << label(9) << ")";
  if (op.getScale() && !op.getScale()->isFinite())
    return op.emitOpError() << "'scale' must be finite, got " << op.getScale()->convertToDouble() << " (" << label(11)
                            << ")";
  return success();
}

/// The dynamic sizes of `result`, which are `batched`'s leading ones.
static SmallVector<OpFoldResult> sizesLike(OpBuilder &builder, Location loc, Value batched, Value result) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, size] : llvm::enumerate(shapeOf(result)))
    sizes.push_back(ShapedType::isDynamic(size) ? tensor::getMixedSize(builder, loc, batched, dim)
                                                : OpFoldResult(builder.getIndexAttr(size)));
  return sizes;
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

double AttentionOp::getEffectiveScale() {
  return getScale() ? getScale()->convertToDouble() : getDefaultScale(getKeyDim());
}

/// Query, key and value come first, then the decay, if there is one.
bool AttentionOp::isTokenOperand(unsigned operand) {
  constexpr unsigned kDecay = 3;
  return operand < kDecay || (operand == kDecay && getAnyDecay() && getAxis() != DecayAxis::Constant);
}

OpResult AttentionOp::getFusedResult() { return cast<OpResult>(getOutput()); }

ArrayRef<StringRef> AttentionOp::getRoles() {
  static constexpr StringRef roles[] = {role::kLoad, role::kElementwise, role::kMatrix, role::kEpilogue};
  return roles;
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1, 2})))
    return failure();
  return RecurrenceVerifier<AttentionOp>(*this).verify();
}

LogicalResult AttentionOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  // Only B and T may be dynamic, and the query has them first, as the output; a state has B only, or a size of its own.
  for (Value result : getResults())
    shapes.push_back(sizesLike(builder, getLoc(), getQuery(), result));
  if (getSequences())
    for (auto [result, sizes] : llvm::drop_begin(llvm::zip_equal(getResults(), shapes)))
      if (ShapedType::isDynamic(shapeOf(result)[0])) {
        if (getInitialState()) {
          sizes[0] = tensor::getMixedSize(builder, getLoc(), getInitialState(), 0);
          continue;
        }
        Value offsets = tensor::DimOp::create(builder, getLoc(), getSequences(), 0);
        Value one = arith::ConstantIndexOp::create(builder, getLoc(), 1);
        sizes[0] = arith::SubIOp::create(builder, getLoc(), offsets, one).getResult();
      }
  return success();
}

LogicalResult AttentionGradOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1, 2})) || failed(RecurrenceVerifier<AttentionGradOp>(*this).verify()))
    return failure();
  return verifyGradients(*this);
}

//===----------------------------------------------------------------------===//
// StepOp
//===----------------------------------------------------------------------===//

double StepOp::getEffectiveScale() { return getScale() ? getScale()->convertToDouble() : getDefaultScale(getKeyDim()); }

LogicalResult StepOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1, 2, 6})))
    return failure();
  return RecurrenceVerifier<StepOp>(*this).verify();
}

LogicalResult StepOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  for (Value result : getResults())
    shapes.push_back(sizesLike(builder, getLoc(), getQuery(), result));
  return success();
}

//===----------------------------------------------------------------------===//
// BlockOp
//===----------------------------------------------------------------------===//

LogicalResult BlockOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1, 2, 3, 4, 5, 6, 7, 8, 10})))
    return failure();
  auto check = [&](Value value, StringRef what, StringRef dims, SmallVector<int64_t> sizes, StringRef label) {
    auto isStatic = llvm::to_vector(llvm::seq<unsigned>(0, sizes.size()));
    return verifyShape(*this, value.getType(), {what, dims, sizes, label, isStatic});
  };
  // block_c1
  if (failed(verifyShape(*this, getInput().getType(),
                         {"operand 'input'", "[B, T, M]", {kAny, kAny, kAny}, "block_c1", {2}})))
    return failure();
  int64_t model = shapeOf(getInput())[2];
  // block_c2
  if (failed(check(getQueryWeight(), "operand 'query_weight'", "[M, H, K]", {model, kAny, kAny}, "block_c2")))
    return failure();
  int64_t heads = shapeOf(getQueryWeight())[1], keyDim = shapeOf(getQueryWeight())[2];
  for (auto [value, what] : {std::pair<Value, StringRef>(getKeyWeight(), "operand 'key_weight'"),
                             {getGateWeight(), "operand 'gate_weight'"},
                             {getRefineWeight(), "operand 'refine_weight'"}})
    if (failed(check(value, what, "[M, H, K]", {model, heads, keyDim}, "block_c2")))
      return failure();
  if (failed(check(getValueWeight(), "operand 'value_weight'", "[M, H, V]", {model, heads, kAny}, "block_c2")))
    return failure();
  int64_t valueDim = shapeOf(getValueWeight())[2];
  if (getOutputGateWeight() && failed(check(getOutputGateWeight(), "operand 'output_gate_weight'", "[M, H, V]",
                                            {model, heads, valueDim}, "block_c2")))
    return failure();
  if (failed(check(getOutputWeight(), "operand 'output_weight'", "[H, V, M]", {heads, valueDim, model}, "block_c2")))
    return failure();
  // block_c3
  for (auto [value, what] :
       {std::pair<Value, StringRef>(getGateBias(), "operand 'gate_bias'"), {getRefineBias(), "operand 'refine_bias'"}})
    if (failed(check(value, what, "[H, K]", {heads, keyDim}, "block_c3")))
      return failure();
  bool perHead = shapeOf(getNormWeight()).size() == 2;
  if (failed(check(getNormWeight(), "operand 'norm_weight'", "[V] or [H, V]",
                   perHead ? SmallVector<int64_t>{heads, valueDim} : SmallVector<int64_t>{valueDim}, "block_c3")))
    return failure();
  // block_c4
  if (getOutput().getType() != getInput().getType())
    return emitOpError() << "result must have the type of 'input', " << getInput().getType() << ", got "
                         << getOutput().getType() << " (block_c4)";
  Type element = elementOf(getInput());
  for (Value operand :
       getOperands().drop_back(static_cast<bool>(getInitialState()) + static_cast<bool>(getInitialMax())))
    if (elementOf(operand) != element)
      return emitOpError() << "operands must have the element type of 'input', " << element << ", got "
                           << elementOf(operand) << " (block_c4)";
  bool hasMax = getStabilizer() == Stabilizer::Running || getStabilizer() == Stabilizer::Sequence;
  StateRule rule{"operand 'initial",
                 {shapeOf(getInput())[0], heads, keyDim, valueDim},
                 getComputeType(element),
                 element,
                 hasMax,
                 "block_c4",
                 "block_c4"};
  if (failed(verifyState(*this, getInitialState(), getInitialMax(), rule)))
    return failure();
  rule.what = "result 'final";
  if (failed(verifyState(*this, getFinalState(), getFinalMax(), rule)))
    return failure();
  // block_c5
  double eps = getEps().convertToDouble();
  if (!std::isfinite(eps) || eps < 0)
    return emitOpError() << "'eps' must be finite and not negative, got " << eps << " (block_c5)";
  if (getScale() && !getScale()->isFinite())
    return emitOpError() << "'scale' must be finite, got " << getScale()->convertToDouble() << " (block_c5)";
  return success();
}

LogicalResult BlockOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  for (Value result : getResults())
    shapes.push_back(sizesLike(builder, getLoc(), getInput(), result));
  return success();
}
