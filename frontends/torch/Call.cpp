//===- Call.cpp - A call of an op, read from the dispatcher's stack -------===//

#include "frontends/torch/Call.h"

#include <map>

using namespace fgla::ops;
using Argument = Operation::Argument;

static constexpr const char *slotNames[] = {"query",         "key",          "value",      "gate",        "beta",
                                            "output_gate",   "query_weight", "key_weight", "norm_weight", "norm_bias",
                                            "initial_state", "initial_max",  "sequences"};

std::string fgla::ops::getName(Slot slot, unsigned element) {
  std::string name = slotNames[static_cast<size_t>(slot)];
  return slot == Slot::Gate ? name + std::to_string(element) : name;
}

/// What the arguments of all schemas mean.
static const std::map<std::string_view, Argument> &getArguments() {
  static const std::map<std::string_view, Argument> arguments = [] {
    std::map<std::string_view, Argument> map;
    for (size_t i = 0; i < std::size(slotNames); ++i)
      map[slotNames[i]] = {Argument::Tensor, static_cast<Slot>(i)};
    map["state"] = {Argument::Tensor, Slot::State};
    map["max"] = {Argument::Tensor, Slot::Max};
    map["decay"] = {Argument::Decay, Slot::Gate};
    map["d_output"] = {Argument::OutputGrad};
    map["d_final_state"] = {Argument::StateGrad};
    map["saved"] = {Argument::Saved};
    auto text = [&](const char *name, std::string_view Options::*member) {
      map[name] = {Argument::Text, Slot::Query, member};
    };
    text("query_map", &Options::queryMap);
    text("key_map", &Options::keyMap);
    text("gate_kind", &Options::gateKind);
    text("axis", &Options::axis);
    text("rule", &Options::rule);
    text("stabilizer", &Options::stabilizer);
    text("norm", &Options::norm);
    text("memory", &Options::memory);
    map["log_gate"] = {Argument::Flag, Slot::Query, nullptr, &Options::logGate};
    map["final_state"] = {Argument::Flag, Slot::Query, nullptr, &Options::finalState};
    map["eps"] = {Argument::Eps};
    map["scale"] = {Argument::Scale};
    map["log_decay"] = {Argument::LogDecay};
    map["needs"] = {Argument::Needs};
    return map;
  }();
  return arguments;
}

static Kind getKind(const c10::FunctionSchema &schema) {
  std::string_view name = schema.name();
  if (name.ends_with("_backward"))
    return Kind::Backward;
  if (name.ends_with("_forward"))
    return Kind::Saving;
  return schema.is_mutable() ? Kind::InPlace : Kind::Forward;
}

Operation::Operation(const c10::FunctionSchema &schema)
    : schema(schema), kind(getKind(schema)), isStep(schema.name().starts_with("fgla::step")) {
  for (const c10::Argument &argument : schema.arguments())
    arguments.push_back(getArguments().at(argument.name()));
}

/// Reads an argument that is no tensor.
static void readOption(Call &call, const Argument &argument, const c10::IValue &value) {
  Options &options = call.options;
  switch (argument.role) {
  case Argument::Text:
    options.*argument.text = value.toStringView();
    break;
  case Argument::Flag:
    options.*argument.flag = value.toBool();
    break;
  case Argument::Eps:
    options.eps = value.toDouble();
    break;
  case Argument::Scale:
    options.scale = value.toOptional<double>();
    break;
  case Argument::LogDecay:
    if (call.find(Slot::Gate))
      options.gateKind = value.toBool() ? "log" : "factor";
    break;
  case Argument::Needs:
    for (bool isNeeded : value.toBoolList())
      call.needs.push_back(isNeeded);
    break;
  default:
    break;
  }
}

Call::Call(const Operation &operation, const torch::jit::Stack &stack) : operation(operation) {
  size_t first = stack.size() - operation.arguments.size();
  for (size_t i = 0; i < operation.arguments.size(); ++i) {
    const Argument &argument = operation.arguments[i];
    const c10::IValue &value = stack[first + i];
    auto add = [&](at::Tensor tensor, size_t element) {
      inputs.push_back({argument.slot, static_cast<uint8_t>(element), static_cast<uint8_t>(i), std::move(tensor)});
    };
    if (argument.role > Argument::Saved)
      readOption(*this, argument, value);
    else if (value.isTensorList()) {
      size_t element = 0;
      for (const at::Tensor &tensor : value.toTensorVector())
        add(tensor, element++);
    } else if (!value.isNone() && value.toTensor().defined()) {
      if (argument.role == Argument::OutputGrad)
        outputGrad = value.toTensor();
      else if (argument.role == Argument::StateGrad)
        stateGrad = value.toTensor();
      else if (argument.role == Argument::Saved)
        saved = value.toTensor();
      else
        add(value.toTensor(), 0);
    }
  }
  if (operation.isStep)
    options.finalState = true;
}

const at::Tensor *Call::find(Slot slot) const {
  for (const Input &input : inputs)
    if (input.slot == slot)
      return &input.tensor;
  return nullptr;
}

std::string Call::describe(const Input &input) const {
  const c10::Argument &argument = operation.schema.arguments()[input.argument];
  bool isList = argument.type()->kind() == c10::TypeKind::ListType;
  return isList ? argument.name() + "[" + std::to_string(input.element) + "]" : argument.name();
}

std::string_view Call::describe(Slot slot) const {
  for (size_t i = 0; i < operation.arguments.size(); ++i)
    if (operation.arguments[i].role <= Argument::Decay && operation.arguments[i].slot == slot)
      return operation.schema.arguments()[i].name();
  return slotNames[static_cast<size_t>(slot)];
}

bool Call::savesAttention() const {
  return options.memory == "balanced" && (options.norm != "none" || find(Slot::OutputGate));
}
