//===- Checks.cpp - What the arguments of an op must be -------------------===//

#include "frontends/torch/Checks.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <initializer_list>

using namespace fgla::ops;

using SymInts = std::vector<c10::SymInt>;

namespace {
/// One dim that is wanted, and its name in messages.
struct Dim {
  const char *name;
  c10::SymInt size;
};

class Checker {
public:
  explicit Checker(const Call &call) : call(call), options(call.options), tokens(call.operation.isStep ? 0 : 1) {}

  Sizes run();

private:
  template <typename... Parts> [[noreturn]] void fail(std::string_view argument, const Parts &...parts) {
    TORCH_CHECK(false, call.operation.schema.name(), ": argument '", argument, "' must ", parts...);
  }
  void checkOptions();
  void checkWord(std::string_view name, std::string_view word, std::initializer_list<std::string_view> known,
                 bool isRegionAllowed = false);
  void checkGiven();
  void checkTypes();
  void checkShapes();
  void checkShape(const Input &input, std::initializer_list<Dim> dims);
  void checkGrads();
  Dim leading() { return {"B", sizes.batch}; }
  /// [B, T, `dims`...], or [B, `dims`...] for one token.
  void checkTokens(const Input &input, std::initializer_list<Dim> dims);
  void checkInput(const Input &input);
  const c10::SymInt &dim(const at::Tensor &tensor, size_t afterTokens) const {
    return tensor.sym_sizes()[1 + tokens + afterTokens];
  }
  /// The channels that a map gives for `input`.
  c10::SymInt getFeatures(const at::Tensor &input, Slot weight, std::string_view map) const;

  const Call &call;
  const Options &options;
  const size_t tokens; ///< how many dims stand for tokens
  Sizes sizes;
};
} // namespace

std::vector<c10::SymInt> Sizes::output(const Call &call) const {
  if (call.operation.isStep)
    return {batch, queryHeads, valueDim};
  return {batch, tokens, queryHeads, valueDim};
}

at::ScalarType fgla::ops::getComputationType(const Call &call) {
  return call.find(Slot::Query)->scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

void Checker::checkWord(std::string_view name, std::string_view word, std::initializer_list<std::string_view> known,
                        bool isRegionAllowed) {
  if (std::find(known.begin(), known.end(), word) == known.end() && !(isRegionAllowed && word.starts_with("^")))
    fail(name, "be one of ", c10::Join(", ", known),
         isRegionAllowed ? ", or the text of a region that begins with '^'" : "", ", got '", word, "'");
}

void Checker::checkOptions() {
  static constexpr std::initializer_list<std::string_view> maps = {"identity", "relu",    "elu1",    "exp",
                                                                   "safe_exp", "softmax", "hedgehog"};
  checkWord("query_map", options.queryMap, maps, /*isRegionAllowed=*/true);
  checkWord("key_map", options.keyMap, maps, /*isRegionAllowed=*/true);
  checkWord("gate_kind", options.gateKind, {"none", "factor", "log", "sigmoid", "refined"}, /*isRegionAllowed=*/true);
  checkWord("axis", options.axis, {"key", "value", "head", "constant"});
  checkWord("rule", options.rule, {"gated", "delta", "gated_delta"});
  if (call.operation.isStep)
    checkWord("stabilizer", options.stabilizer, {"none", "running", "token"});
  else
    checkWord("stabilizer", options.stabilizer, {"none", "running", "sequence", "token"});
  checkWord("norm", options.norm, {"none", "rms", "layer"});
  checkWord("memory", options.memory, {"min", "balanced"});
  if (!std::isfinite(options.eps) || options.eps < 0)
    fail("eps", "be finite and not negative, got ", options.eps);
  if (options.scale && !std::isfinite(*options.scale))
    fail("scale", "be finite, got ", *options.scale);
  bool isDelta = options.rule != "gated";
  if (isDelta && options.tracksMaximum())
    fail("stabilizer", "be none or token with the rule ", options.rule, ", got '", options.stabilizer, "'");
  if (options.rule == "delta" && options.hasDecay())
    fail("rule", "be gated_delta or gated where there is a decay, got 'delta'");
  if (options.rule == "gated_delta" && !options.hasDecay())
    fail("rule", "be delta or gated where there is no decay, got 'gated_delta'");
}

/// What must be there, and what must not.
void Checker::checkGiven() {
  size_t gates = 0;
  for (const Input &input : call.inputs)
    gates += input.slot == Slot::Gate;
  std::string_view kind = options.gateKind;
  bool isRegion = kind.starts_with("^");
  size_t wanted = kind == "none" ? 0 : kind == "refined" ? 2 : isRegion ? std::max<size_t>(gates, 1) : 1;
  if (gates != wanted)
    fail("gate", "hold ", wanted, wanted == 1 ? " tensor" : " tensors", " for the gate_kind '",
         isRegion ? "a region" : kind, "', got ", gates);
  auto checkPresence = [&](Slot slot, bool isWanted, const char *why) {
    if (bool(call.find(slot)) != isWanted)
      fail(call.describe(slot), isWanted ? "be given " : "not be given ", why);
  };
  bool isDelta = options.rule != "gated";
  checkPresence(Slot::Beta, isDelta, isDelta ? "for a delta rule" : "but for a delta rule");
  bool hasMax = call.find(Slot::State) && options.tracksMaximum();
  checkPresence(Slot::Max, hasMax,
                hasMax ? "with a state and the stabilizer running or sequence"
                       : "without a state and the stabilizer running or sequence");
  if (options.norm == "none")
    for (Slot slot : {Slot::NormWeight, Slot::NormBias})
      checkPresence(slot, false, "without a norm");
}

void Checker::checkTypes() {
  const at::Tensor &query = *call.find(Slot::Query);
  auto isFloat = [](at::ScalarType type) {
    return type == at::kFloat || type == at::kBFloat16 || type == at::kHalf || type == at::kDouble;
  };
  at::ScalarType wide = getComputationType(call);
  const at::Tensor *gate = call.find(Slot::Gate);
  for (const Input &input : call.inputs) {
    at::ScalarType type = input.tensor.scalar_type();
    if (input.tensor.device() != query.device())
      fail(call.describe(input), "be on the device of '", call.describe(Slot::Query), "', ", query.device(), ", got ",
           input.tensor.device());
    if (input.tensor.layout() != at::kStrided)
      fail(call.describe(input), "be a strided tensor, got the layout ", input.tensor.layout());
    switch (input.slot) {
    case Slot::Query:
      if (!isFloat(type))
        fail(call.describe(input), "be float64, float32, bfloat16 or float16, got ", type);
      break;
    case Slot::Key:
    case Slot::Value:
    case Slot::OutputGate:
      if (type != query.scalar_type())
        fail(call.describe(input), "have the type of 'query', ", query.scalar_type(), ", got ", type);
      break;
    case Slot::Sequences:
      if (type != at::kInt && type != at::kLong)
        fail(call.describe(input), "be int32 or int64, got ", type);
      break;
    case Slot::State:
      if (type != wide && type != query.scalar_type())
        fail(call.describe(input), "be ", wide, " or of the type of 'query', ", query.scalar_type(), ", got ", type);
      break;
    case Slot::Max:
      if (type != wide)
        fail(call.describe(input), "be ", wide, ", got ", type);
      break;
    case Slot::Gate:
      if (type != gate->scalar_type())
        fail(call.describe(input), "have the type of 'gate[0]', ", gate->scalar_type(), ", got ", type);
      [[fallthrough]];
    default:
      if (!isFloat(type))
        fail(call.describe(input), "be float64, float32, bfloat16 or float16, got ", type);
    }
  }
}

/// Only a failure pays for the text.
void Checker::checkShape(const Input &input, std::initializer_list<Dim> dims) {
  c10::SymIntArrayRef found = input.tensor.sym_sizes();
  bool isRight = found.size() == dims.size();
  size_t i = 0;
  for (const Dim &dim : dims)
    isRight = isRight && found[i++] == dim.size;
  if (isRight)
    return;
  std::string names, wanted;
  for (const Dim &dim : dims) {
    names += (names.empty() ? "" : ", ") + std::string(dim.name);
    wanted += (wanted.empty() ? "" : ", ") + c10::str(dim.size);
  }
  fail(call.describe(input), "have shape [", names, "] = [", wanted, "], got ", found);
}

void Checker::checkTokens(const Input &input, std::initializer_list<Dim> dims) {
  const Dim *rest = dims.begin();
  if (dims.size() == 1)
    return tokens ? checkShape(input, {leading(), {"T", sizes.tokens}, rest[0]})
                  : checkShape(input, {leading(), rest[0]});
  if (tokens)
    checkShape(input, {leading(), {"T", sizes.tokens}, rest[0], rest[1]});
  else
    checkShape(input, {leading(), rest[0], rest[1]});
}

c10::SymInt Checker::getFeatures(const at::Tensor &input, Slot weight, std::string_view map) const {
  const at::Tensor *matrix = call.find(weight);
  c10::SymInt inner = matrix && matrix->dim() == 3 ? matrix->sym_size(2) : dim(input, 1);
  return map == "hedgehog" ? inner * 2 : inner;
}

void Checker::checkInput(const Input &input) {
  const at::Tensor &query = *call.find(Slot::Query), &key = *call.find(Slot::Key);
  Dim heads = {"H", sizes.heads}, queryHeads = {"Hq", sizes.queryHeads};
  switch (input.slot) {
  case Slot::Query:
    return;
  case Slot::Key:
    return checkTokens(input, {heads, {"D", dim(key, 1)}});
  case Slot::Value:
    return checkTokens(input, {heads, {"V", sizes.valueDim}});
  case Slot::Gate:
    if (options.axis == "constant") {
      if (!options.isDecayGiven())
        fail("axis", "be key, value or head for a gate of pre-activations, got 'constant'");
      return checkShape(input, {heads});
    }
    if (options.axis == "key")
      return checkTokens(input, {heads, {"K", sizes.keyDim}});
    if (options.axis == "value")
      return checkTokens(input, {heads, {"V", sizes.valueDim}});
    return checkTokens(input, {heads, {"1", 1}});
  case Slot::Beta:
    if (input.tensor.dim() > 0 && input.tensor.sym_sizes().back() == 1)
      return checkTokens(input, {{"1", 1}});
    return checkTokens(input, {heads});
  case Slot::OutputGate:
    return checkTokens(input, {queryHeads, {"V", sizes.valueDim}});
  case Slot::QueryWeight:
  case Slot::KeyWeight: {
    bool isQuery = input.slot == Slot::QueryWeight;
    c10::SymInt features = input.tensor.dim() == 3 ? input.tensor.sym_size(2) : sizes.keyDim;
    return checkShape(input, {isQuery ? queryHeads : heads, {"Din", dim(isQuery ? query : key, 1)}, {"D", features}});
  }
  case Slot::NormWeight:
  case Slot::NormBias:
    if (input.tensor.dim() == 1)
      return checkShape(input, {{"V", sizes.valueDim}});
    return checkShape(input, {queryHeads, {"V", sizes.valueDim}});
  case Slot::State:
    return checkShape(input, {{"B", sizes.states}, heads, {"K", sizes.keyDim}, {"V", sizes.valueDim}});
  case Slot::Max:
    return checkShape(input, {{"B", sizes.states}, heads});
  case Slot::Sequences:
    if (input.tensor.dim() != 1 || input.tensor.sym_size(0) == 0)
      fail(call.describe(input), "have shape [N + 1], got ", input.tensor.sym_sizes());
    return;
  }
}

void Checker::checkShapes() {
  const at::Tensor &query = *call.find(Slot::Query), &key = *call.find(Slot::Key), &value = *call.find(Slot::Value);
  for (Slot slot : {Slot::Query, Slot::Key, Slot::Value}) {
    const at::Tensor &tensor = *call.find(slot);
    if (static_cast<size_t>(tensor.dim()) != 3 + tokens)
      fail(call.describe(slot), "have ", 3 + tokens, " dims, ", tokens ? "[B, T, H, D]" : "[B, H, D]", ", got ",
           tensor.sym_sizes());
  }
  sizes.batch = query.sym_size(0);
  sizes.tokens = tokens ? query.sym_size(1) : c10::SymInt(1);
  sizes.queryHeads = dim(query, 0);
  sizes.heads = dim(key, 0);
  sizes.keyDim = getFeatures(query, Slot::QueryWeight, options.queryMap);
  sizes.valueDim = dim(value, 1);
  sizes.states = sizes.batch;
  if (sizes.heads == 0 || sizes.queryHeads % sizes.heads != 0 || sizes.queryHeads == 0)
    fail(call.describe(Slot::Query), "have a multiple of the ", sizes.heads, " heads of 'key', got ", sizes.queryHeads);
  if (sizes.keyDim == 0 || sizes.valueDim == 0)
    fail(call.describe(sizes.keyDim == 0 ? Slot::Query : Slot::Value), "have channels, got none");
  if (const at::Tensor *sequences = call.find(Slot::Sequences); sequences && sequences->dim() == 1) {
    if (sizes.batch != 1)
      fail(call.describe(Slot::Query), "have a batch of 1 with 'sequences', got ", sizes.batch);
    sizes.states = sequences->sym_size(0) - 1;
  }
  for (const Input &input : call.inputs)
    checkInput(input);
  if (c10::SymInt features = getFeatures(key, Slot::KeyWeight, options.keyMap); features != sizes.keyDim)
    fail(call.describe(Slot::Key), "give the ", sizes.keyDim, " features that 'query' gives, got ", features);
}

/// The gradients that a backward op is given.
void Checker::checkGrads() {
  auto checkGrad = [&](const at::Tensor &grad, const char *name, const SymInts &wanted) {
    if (grad.defined() && !grad.sym_sizes().equals(wanted))
      fail(name, "have shape ", c10::SymIntArrayRef(wanted), ", got ", grad.sym_sizes());
  };
  checkGrad(call.outputGrad, "d_output", sizes.output(call));
  checkGrad(call.stateGrad, "d_final_state", sizes.state());
  if (call.savesAttention()) {
    if (!call.saved.defined())
      fail("saved", "be given: with the memory balanced it is what fgla_forward returns last");
    checkGrad(call.saved, "saved", sizes.output(call));
  }
  if (!call.outputGrad.defined() && !call.stateGrad.defined())
    fail("d_output", "be given, or 'd_final_state'");
  if (call.needs.size() != call.inputs.size())
    fail("needs", "have a flag for each of the ", call.inputs.size(), " tensors, got ", call.needs.size());
}

Sizes Checker::run() {
  checkOptions();
  checkGiven();
  checkShapes();
  checkTypes();
  if (call.operation.kind == Kind::Backward)
    checkGrads();
  return sizes;
}

Sizes fgla::ops::check(const Call &call) { return Checker(call).run(); }
