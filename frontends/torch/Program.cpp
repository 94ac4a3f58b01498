//===- Program.cpp - The program that an op runs, as text -----------------===//

#include "frontends/torch/Program.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <regex>

using namespace fgla::ops;

static const char *getElementName(at::ScalarType type) {
  switch (type) {
  case at::kDouble:
    return "f64";
  case at::kBFloat16:
    return "bf16";
  case at::kHalf:
    return "f16";
  case at::kInt:
    return "i32";
  case at::kLong:
    return "i64";
  default:
    return "f32";
  }
}

static std::string formatNumber(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.17e", number);
  return text;
}

namespace {
/// An SSA value and its type.
struct Value {
  std::string name, type;
};

class Writer {
public:
  Writer(const Call &call, const Sizes &sizes);
  Program write();

private:
  /// A type of `dims`, of which 0 is one that calls choose.
  std::string getType(std::initializer_list<int64_t> dims, at::ScalarType type) const;
  std::string getType(const Input &input) const;
  /// The type of [B, T, `heads`, `channels`].
  std::string getTokensType(int64_t heads, int64_t channels) const;
  std::optional<Value> find(Slot slot, unsigned element = 0) const;
  /// The region of an option that is one, in the computation type.
  std::string getRegion(std::string_view option) const;
  static std::string getKind(std::string_view option) {
    return option.starts_with("^") ? "custom" : std::string(option);
  }

  Value writeMap(const Value &input, Slot weight, std::string_view map, int64_t heads);
  std::optional<Value> writeGate();
  Value writeAttention();
  Value writeNorm(const Value &input);
  void addResult(const char *name, const Value &value) { results.push_back({name, value}); }
  std::vector<std::string> getGradientOptions() const;

  const Call &call;
  const Options &options;
  bool isPacked;
  int64_t queryHeads, heads, keyDim, valueDim;
  at::ScalarType element, wide;
  std::string lines;
  std::vector<std::pair<const char *, Value>> results;
};
} // namespace

Writer::Writer(const Call &call, const Sizes &sizes)
    : call(call), options(call.options), isPacked(call.find(Slot::Sequences)),
      queryHeads(sizes.queryHeads.expect_int()), heads(sizes.heads.expect_int()), keyDim(sizes.keyDim.expect_int()),
      valueDim(sizes.valueDim.expect_int()), element(call.find(Slot::Query)->scalar_type()),
      wide(getComputationType(call)) {}

std::string Writer::getType(std::initializer_list<int64_t> dims, at::ScalarType type) const {
  std::string text = "tensor<";
  for (int64_t dim : dims)
    text += (dim ? std::to_string(dim) : "?") + "x";
  return text + getElementName(type) + ">";
}

std::string Writer::getTokensType(int64_t heads, int64_t channels) const {
  if (call.operation.isStep)
    return getType({0, heads, channels}, element);
  return getType({isPacked, 0, heads, channels}, element);
}

std::string Writer::getType(const Input &input) const {
  // How many of the first dims calls choose.
  int64_t tokens = call.operation.isStep ? 1 : 2, dynamic = 0;
  switch (input.slot) {
  case Slot::Query:
  case Slot::Key:
  case Slot::Value:
  case Slot::Beta:
  case Slot::OutputGate:
    dynamic = tokens;
    break;
  case Slot::Gate:
    dynamic = options.axis == "constant" ? 0 : tokens;
    break;
  case Slot::State:
  case Slot::Max:
  case Slot::Sequences:
    dynamic = 1;
    break;
  default:
    break;
  }
  std::string text = "tensor<";
  for (int64_t i = 0; i < input.tensor.dim(); ++i) {
    bool isOne = isPacked && dynamic == 2 && i == 0;
    text += (isOne ? "1" : i < dynamic ? "?" : std::to_string(input.tensor.size(i))) + "x";
  }
  return text + getElementName(input.tensor.scalar_type()) + ">";
}

std::optional<Value> Writer::find(Slot slot, unsigned element) const {
  for (const Input &input : call.inputs)
    if (input.slot == slot && input.element == element)
      return Value{"%" + input.getName(), getType(input)};
  return std::nullopt;
}

std::string Writer::getRegion(std::string_view option) const {
  if (!option.starts_with("^"))
    return "";
  std::string text(option);
  if (wide == at::kDouble)
    text = std::regex_replace(text, std::regex("\\bf32\\b"), "f64");
  return " {\n" + text + "\n}";
}

Value Writer::writeMap(const Value &input, Slot weight, std::string_view map, int64_t heads) {
  std::optional<Value> matrix = find(weight);
  if (map == "identity" && !matrix)
    return input;
  Value result = {input.name + "_features", getTokensType(heads, keyDim)};
  lines += result.name + " = fgla.feature_map " + getKind(map) + " " + input.name +
           (matrix ? " weight(" + matrix->name + " : " + matrix->type + ")" : "") + " : " + input.type + " -> " +
           result.type + getRegion(map) + "\n";
  return result;
}

std::optional<Value> Writer::writeGate() {
  std::optional<Value> first = find(Slot::Gate);
  if (!first || options.isDecayGiven())
    return first;
  std::string inputs;
  for (unsigned i = 0; std::optional<Value> input = find(Slot::Gate, i); ++i)
    inputs += (i ? ", " : "") + input->name;
  lines += "%decay = fgla.gate " + std::string(options.logGate ? "log " : "") + getKind(options.gateKind) + "(" +
           inputs + ") : " + first->type + getRegion(options.gateKind) + "\n";
  return Value{"%decay", first->type};
}

Value Writer::writeAttention() {
  Value query = writeMap(*find(Slot::Query), Slot::QueryWeight, options.queryMap, queryHeads);
  Value key = writeMap(*find(Slot::Key), Slot::KeyWeight, options.keyMap, heads);
  std::string clauses, types = query.type + ", " + key.type;
  auto addOperand = [&](const std::string &word, const std::optional<Value> &value) {
    if (value) {
      clauses += (word.empty() ? ", " + value->name : " " + word + "(" + value->name + ")");
      types += ", " + value->type;
    }
  };
  auto addWord = [&](const std::string &word, const std::string &value) { clauses += " " + word + "(" + value + ")"; };
  addOperand("", find(Slot::Value));
  if (std::optional<Value> decay = writeGate()) {
    bool isLog = options.isDecayGiven() ? options.gateKind == "log" : options.logGate;
    addOperand(isLog ? "log_decay" : "decay", decay);
    addWord("axis", std::string(options.axis));
  }
  addOperand("beta", find(Slot::Beta));
  std::optional<Value> state = find(Slot::State);
  addOperand("state", state);
  addOperand("max", find(Slot::Max));
  addOperand("sequences", find(Slot::Sequences));
  if (options.rule != "gated")
    addWord("rule", std::string(options.rule));
  if (options.stabilizer != "none")
    addWord("stabilizer", std::string(options.stabilizer));
  if (options.scale)
    addWord("scale", formatNumber(*options.scale));
  if (call.operation.kind == Kind::Backward && call.savesAttention())
    clauses += " {fgla.retention = #fgla.retention<saved>}";

  Value output = {"%attention", getTokensType(queryHeads, valueDim)};
  std::string names = output.name, resultTypes = output.type;
  auto addState = [&](const char *name, const Value &value) {
    names += ", " + value.name;
    resultTypes += ", " + value.type;
    addResult(name, value);
  };
  // A gradient of the state that is not there is zero, and the program then has no such result.
  bool isWanted = call.operation.kind == Kind::Backward ? call.stateGrad.defined() : options.finalState;
  if (isWanted || call.operation.isStep) {
    at::ScalarType type = state ? call.find(Slot::State)->scalar_type() : wide;
    addState("final_state", {"%state_out", getType({0, heads, keyDim, valueDim}, type)});
    if (options.tracksMaximum())
      addState("final_max", {"%max_out", getType({0, heads}, wide)});
  }
  lines += names + " = fgla." + (call.operation.isStep ? "step " : "attention ") + query.name + ", " + key.name +
           clauses + " : (" + types + ") -> (" + resultTypes + ")\n";
  return output;
}

Value Writer::writeNorm(const Value &input) {
  if (options.norm == "none")
    return input;
  std::string clauses;
  for (auto [slot, word] : {std::pair(Slot::NormWeight, "weight"), std::pair(Slot::NormBias, "bias")})
    if (std::optional<Value> value = find(slot))
      clauses += std::string(" ") + word + "(" + value->name + " : " + value->type + ")";
  lines += "%normalized = fgla.norm " + std::string(options.norm) + " " + input.name + clauses + " eps(" +
           formatNumber(options.eps) + ") : " + input.type + "\n";
  return {"%normalized", input.type};
}

std::vector<std::string> Writer::getGradientOptions() const {
  std::vector<std::string> of, wrt;
  if (call.outputGrad.defined())
    of.push_back("output");
  if (call.stateGrad.defined())
    of.push_back("final_state");
  for (size_t i = 0; i < call.inputs.size(); ++i)
    if (call.needs[i])
      wrt.push_back(call.inputs[i].getName());
  return {"--gradient", "--memory=min", c10::str("--gradient-of=", c10::Join(",", of)),
          c10::str("--gradient-wrt=", c10::Join(",", wrt))};
}

Program Writer::write() {
  Value attention = writeAttention(), output = writeNorm(attention);
  if (std::optional<Value> gate = find(Slot::OutputGate)) {
    lines += "%gated = fgla.output_gate " + output.name + ", " + gate->name + " : " + output.type + "\n";
    output.name = "%gated";
  }
  results.insert(results.begin(), {"output", output});
  if (call.operation.kind == Kind::Saving && call.savesAttention())
    addResult("saved", attention);

  std::string arguments, values, types, resultTypes;
  for (const Input &input : call.inputs)
    arguments += (arguments.empty() ? "%" : ", %") + input.getName() + ": " + getType(input) + " {fgla.name = \"" +
                 input.getName() + "\"}";
  for (const auto &[name, value] : results) {
    const char *separator = values.empty() ? "" : ", ";
    values += separator + value.name;
    types += separator + value.type;
    resultTypes += separator + value.type + " {fgla.name = \"" + name + "\"}";
  }
  Program program;
  program.function = "fgla";
  program.text = "func.func @fgla(" + arguments + ") -> (" + resultTypes + ") {\n" + lines + "return " + values +
                 " : " + types + "\n}\n";
  if (call.operation.kind == Kind::Backward) {
    program.function = "fgla_backward";
    program.options = getGradientOptions();
  }
  return program;
}

Program fgla::ops::makeProgram(const Call &call, const Sizes &sizes) { return Writer(call, sizes).write(); }
