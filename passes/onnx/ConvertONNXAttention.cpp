//===- ConvertONNXAttention.cpp - LinearAttention to fgla -----------------===//
#include "passes/onnx/RaiseONNX.h"

#include <cmath>

using namespace mlir;
using namespace fgla::onnx;
using fgla::DecayAxis;
using fgla::FeatureKind;
using fgla::GateKind;
using fgla::UpdateRule;

namespace {

/// One LinearAttention on its way.
class AttentionConversion {
public:
  AttentionConversion(ONNXLowering &lowering, NodeOp node)
      : lowering(lowering), node(node), b(lowering.b), loc(lowering.loc()) {}
  LogicalResult run();

private:
  LogicalResult readAttributes();
  LogicalResult readSizes();
  /// A packed input [B, T, H * D] as [B, T, H, D].
  FailureOr<Tensor> unpack(Value value, int64_t heads, int64_t channels);
  /// Query or key: the feature map in front of it, if there is one, and its own value.
  FailureOr<Tensor> features(size_t place, int64_t heads);
  LogicalResult convertDecay();
  LogicalResult convertBeta();
  LogicalResult convertPastState();
  /// The element type of the state where it is not what the model has, and whether it can be that (attention_c8).
  Type stateOfAttention() { return fgla::getComputeType(lowering.lookup(node.getInput(0)).element); }
  bool isKept(Type element) {
    return element == stateOfAttention() || element == lowering.lookup(node.getInput(0)).element;
  }
  LogicalResult bindResults(const Tensor &query, const Tensor &key, const Tensor &value);

  ONNXLowering &lowering;
  NodeOp node;
  OpBuilder &b;
  Location loc;
  int64_t queryHeads = 0, heads = 0, keyDim = 0, valueDim = 0;
  Dim batch, tokens;
  UpdateRule rule = UpdateRule::Gated;
  bool hasDecay = false;
  double scale = 0;
  Value decay, logDecay, beta, pastState;
  fgla::DecayAxisAttr axis;
  Type stateElement;
};

} // namespace

LogicalResult AttentionConversion::readAttributes() {
  auto name = dyn_cast_or_null<StringAttr>(node.getNodeAttr("update_rule"));
  StringRef text = name ? name.getValue() : "gated_delta";
  bool isDelta = text == "delta" || text == "gated_delta";
  hasDecay = text == "gated" || text == "gated_delta";
  if (!isDelta && text != "gated" && text != "linear")
    return lowering.error(node) << "update_rule must be linear, gated, delta or gated_delta, got '" << text << "'";
  rule = !isDelta ? UpdateRule::Gated : hasDecay ? UpdateRule::GatedDelta : UpdateRule::Delta;
  queryHeads = getIntAttr(node, "q_num_heads", 0);
  heads = getIntAttr(node, "kv_num_heads", 0);
  if (queryHeads < 1 || heads < 1 || queryHeads % heads != 0)
    return lowering.error(node) << "q_num_heads must be a positive multiple of kv_num_heads, got " << queryHeads
                                << " and " << heads;
  scale = getFloatAttr(node, "scale", 0);
  if (!std::isfinite(scale))
    return lowering.error(node) << "scale must be finite";
  auto demand = [&](size_t place, StringRef what, bool isNeeded) -> LogicalResult {
    if (static_cast<bool>(node.getInput(place)) == isNeeded)
      return success();
    return lowering.error(node) << "update_rule '" << text << "' " << (isNeeded ? "needs" : "takes no") << " input '"
                                << what << "'";
  };
  return success(succeeded(demand(4, "decay", hasDecay)) && succeeded(demand(5, "beta", isDelta)));
}

LogicalResult AttentionConversion::readSizes() {
  static constexpr StringRef names[] = {"query", "key", "value"};
  int64_t channels[3];
  for (size_t place = 0; place != 3; ++place) {
    FailureOr<Tensor> input = lowering.input(node, place);
    if (failed(input))
      return failure();
    int64_t count = place == 0 ? queryHeads : heads;
    if (!isa<FloatType>(input->element))
      return lowering.error(node) << "input '" << names[place] << "' must be floating-point, got " << input->element;
    if (input->rank() != 3)
      return lowering.error(node) << "input '" << names[place] << "' must have shape [B, T, H * D], got "
                                  << formatDims(input->dims);
    int64_t size = input->dims[2].getStatic();
    if (ShapedType::isDynamic(size) || size < count || size % count != 0)
      return lowering.error(node) << "the last dim of input '" << names[place]
                                  << "' must be known and a multiple of the " << count << " heads, got "
                                  << formatDims(input->dims);
    channels[place] = size / count;
    if (place == 0) {
      batch = input->dims[0];
      tokens = input->dims[1];
    } else if (!lowering.unify(batch, input->dims[0]) || !lowering.unify(tokens, input->dims[1])) {
      return lowering.error(node) << "can't see that input '" << names[place]
                                  << "' has the batch and tokens of 'query'";
    }
  }
  // Those of the other inputs are looked at with the sizes that they have; what is free in the model becomes equal
  // here.
  for (size_t place = 3; place != 6; ++place)
    if (Value value = node.getInput(place)) {
      SmallVector<Dim> dims = lowering.lookup(value).dims, shared = {batch, tokens};
      for (auto [free, given] : llvm::zip(ArrayRef<Dim>(shared).take_front(place == 3 ? 1 : 2), dims))
        lowering.unify(free, given);
    }
  keyDim = channels[0];
  valueDim = channels[2];
  if (channels[1] != keyDim)
    return lowering.error(node) << "'query' has " << keyDim << " channels per head, 'key' has " << channels[1];
  return success();
}

FailureOr<Tensor> AttentionConversion::unpack(Value value, int64_t count, int64_t channels) {
  return lowering.reshape(node, lowering.tensor(value), {batch, tokens, Dim(count), Dim(channels)});
}

FailureOr<Tensor> AttentionConversion::features(size_t place, int64_t count) {
  Value value = node.getInput(place);
  if (!lowering.isRaising())
    return unpack(value, count, keyDim);
  Expression expression(lowering, value, keyDim);
  std::optional<FeatureKind> kind = expression.isTrivial() ? std::nullopt : classifyFeature(expression);
  bool isRegion = !kind && expression.isElementwise() && expression.inputs().size() == 1 && !expression.isTrivial();
  if (!kind && !isRegion)
    return unpack(value, count, keyDim);
  FailureOr<Tensor> input = unpack(expression.inputs().front(), count, keyDim);
  if (failed(input) || kind == FeatureKind::Identity)
    return input;
  auto attr = kind ? fgla::FeatureKindAttr::get(b.getContext(), *kind) : fgla::FeatureKindAttr();
  auto map = fgla::FeatureMapOp::create(b, loc, input->value.getType(), input->value, Value(), attr);
  if (isRegion)
    expression.build(b, loc, map.getExpression(), fgla::getComputeType(input->element));
  return lowering.make(map.getOutput(), input->dims);
}

LogicalResult AttentionConversion::convertDecay() {
  if (!hasDecay)
    return success();
  Value value = node.getInput(4);
  Tensor given = lowering.tensor(value);
  int64_t size = given.rank() == 3 ? given.dims[2].getStatic() : 0;
  if (!isa<FloatType>(given.element))
    return lowering.error(node) << "input 'decay' must be floating-point, got " << given.element;
  if (given.rank() != 3 || given.dims[0] != batch || given.dims[1] != tokens ||
      (size != heads && size != heads * keyDim))
    return lowering.error(node) << "input 'decay' must have shape [B, T, " << heads << "] or [B, T, " << heads * keyDim
                                << "], got " << formatDims(given.dims);
  bool isPerHead = size == heads;
  int64_t channels = isPerHead ? 1 : keyDim;
  axis = fgla::DecayAxisAttr::get(b.getContext(), isPerHead ? DecayAxis::Head : DecayAxis::Key);
  Expression expression(lowering, value, channels);
  if (!lowering.isRaising() || expression.isTrivial() || !expression.isElementwise() ||
      expression.inputs().size() > 4 || expression.inputs().empty()) {
    FailureOr<Tensor> unpacked = unpack(value, heads, channels);
    if (failed(unpacked))
      return failure();
    logDecay = unpacked->value;
    return success();
  }
  SmallVector<unsigned> order;
  std::optional<GateKind> kind = classifyLogGate(expression, order);
  SmallVector<Value> inputs;
  for (size_t i = 0; i != expression.inputs().size(); ++i) {
    FailureOr<Tensor> input = unpack(expression.inputs()[kind ? order[i] : i], heads, channels);
    if (failed(input))
      return failure();
    inputs.push_back(input->value);
  }
  auto attr = kind ? fgla::GateKindAttr::get(b.getContext(), *kind) : fgla::GateKindAttr();
  auto gate = fgla::GateOp::create(b, loc, inputs.front().getType(), inputs, attr, /*log=*/!kind);
  if (!kind)
    expression.build(b, loc, gate.getExpression(), fgla::getComputeType(given.element));
  (kind ? decay : logDecay) = gate.getOutput();
  return success();
}

LogicalResult AttentionConversion::convertBeta() {
  if (rule == UpdateRule::Gated)
    return success();
  Tensor given = lowering.tensor(node.getInput(5));
  bool fits = given.rank() == 3 && given.dims[0] == batch && given.dims[1] == tokens &&
              (given.dims[2] == Dim(heads) || given.dims[2].isOne());
  if (!fits)
    return lowering.error(node) << "input 'beta' must have shape [B, T, " << heads << "] or [B, T, 1], got "
                                << formatDims(given.dims);
  beta = given.value;
  return success();
}

LogicalResult AttentionConversion::convertPastState() {
  stateElement = lowering.lookup(node.getInput(0)).element;
  if (!node.getInput(3))
    return success();
  Tensor given = lowering.tensor(node.getInput(3));
  stateElement = given.element;
  if (ArrayRef<Dim>(given.dims) != ArrayRef<Dim>({batch, Dim(heads), Dim(keyDim), Dim(valueDim)}))
    return lowering.error(node) << "input 'past_state' must have shape [B, " << heads << ", " << keyDim << ", "
                                << valueDim << "], got " << formatDims(given.dims);
  pastState = (isKept(stateElement) ? given : lowering.cast(given, stateOfAttention())).value;
  return success();
}

LogicalResult AttentionConversion::bindResults(const Tensor &query, const Tensor &key, const Tensor &value) {
  SmallVector<Dim> dims = {batch, tokens, Dim(queryHeads), Dim(valueDim)};
  SmallVector<Dim> stateDims = {batch, Dim(heads), Dim(keyDim), Dim(valueDim)};
  Value present = node.getOutput(1);
  bool hasState = present && !present.use_empty();
  Type element = isKept(stateElement) ? stateElement : stateOfAttention();
  double factor = scale == 0 ? 1 / std::sqrt(static_cast<double>(keyDim)) : scale;
  auto attention = fgla::AttentionOp::create(
      b, loc, tensorType(dims, query.element), hasState ? tensorType(stateDims, element) : Type(), Type(), query.value,
      key.value, value.value, decay, logDecay, beta, pastState, /*initial_max=*/Value(),
      /*sequences=*/Value(), axis, fgla::Stabilizer::None, rule, b.getF64FloatAttr(factor));
  if (hasState)
    lowering.bind(present, lowering.cast(lowering.make(attention.getFinalState(), stateDims), stateElement));
  FailureOr<Tensor> packed =
      lowering.reshape(node, lowering.make(attention.getOutput(), dims), {batch, tokens, Dim(queryHeads * valueDim)});
  return lowering.bind(node, packed);
}

LogicalResult AttentionConversion::run() {
  if (failed(readAttributes()) || failed(readSizes()))
    return failure();
  FailureOr<Tensor> query = features(0, queryHeads), key = features(1, heads),
                    value = unpack(node.getInput(2), heads, valueDim);
  if (failed(query) || failed(key) || failed(value) || failed(convertDecay()) || failed(convertBeta()) ||
      failed(convertPastState()))
    return failure();
  return bindResults(*query, *key, *value);
}

static LogicalResult convertLinearAttention(ONNXLowering &lowering, NodeOp node) {
  return AttentionConversion(lowering, node).run();
}

std::optional<Tensor> fgla::onnx::raiseOutputGate(ONNXLowering &lowering, NodeOp node) {
  if (node.getOpType() != "Mul" || node.getInputs().size() != 2)
    return std::nullopt;
  for (unsigned side : {0u, 1u}) {
    Value gateValue = node.getInputs()[1 - side];
    Tensor output = lowering.tensor(node.getInputs()[side]), source = lowering.root(output);
    // Only what ends an attention gets the gate; elsewhere a multiplication stays one.
    if (!source.value || !source.value.getDefiningOp() ||
        !isa<fgla::NormOp, fgla::AttentionOp>(source.value.getDefiningOp()))
      continue;
    if (lowering.lookup(gateValue).dims != output.dims || source.rank() != 4 ||
        lowering.lookup(gateValue).element != output.element)
      continue;
    Expression expression(lowering, gateValue, source.dims[3].getStatic());
    if (!isSilu(expression))
      continue;
    FailureOr<Tensor> gate = lowering.reshape(node, lowering.tensor(expression.inputs().front()), source.dims);
    if (failed(gate))
      continue;
    Value result =
        fgla::OutputGateOp::create(lowering.b, lowering.loc(), source.value.getType(), source.value, gate->value);
    FailureOr<Tensor> shaped = lowering.reshape(node, lowering.make(result, source.dims), output.dims);
    if (succeeded(shaped))
      return *shaped;
  }
  return std::nullopt;
}

void fgla::onnx::addAttentionHandlers(llvm::StringMap<OperatorInfo> &operators) {
  operators["LinearAttention"] = {convertLinearAttention, 27};
}
