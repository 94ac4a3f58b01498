//===- Prepare.cpp - Compiles before the first call -----------------------===//
//
// A call with no tokens compiles what one with tokens needs, and computes nothing.
//
//===----------------------------------------------------------------------===//

#include "frontends/torch/Call.h"
#include "frontends/torch/fgla_torch.h"

#include <ATen/core/function_schema_inl.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

using namespace fgla::ops;

/// Of what belongs to tokens, none: no token, or for a step no batch.
static at::Tensor shorten(const at::Tensor &tensor, Slot slot, bool isStep) {
  bool isState = slot == Slot::State || slot == Slot::Max;
  bool hasTokens = slot <= Slot::OutputGate && tensor.dim() > 1; // a decay for each head has none
  at::Tensor shortened = tensor;
  if (isStep ? hasTokens || isState : hasTokens)
    shortened = tensor.slice(isStep ? 0 : 1, 0, 0);
  else if (slot == Slot::Sequences)
    shortened = at::zeros_like(tensor);
  return shortened.detach().clone().requires_grad_(tensor.requires_grad());
}

void fgla::prepare(const std::string &name, std::vector<c10::IValue> arguments,
                   const std::unordered_map<std::string, c10::IValue> &keywords) {
  c10::OperatorHandle op = c10::Dispatcher::singleton().findSchemaOrThrow(("fgla::" + name).c_str(), "");
  op.schema().checkAndNormalizeInputs(arguments, keywords);
  Operation operation(op.schema());
  torch::autograd::variable_list inputs, outputs;
  auto replace = [&](const at::Tensor &tensor, Slot slot) {
    at::Tensor made = shorten(tensor, slot, operation.isStep);
    if (made.requires_grad())
      inputs.push_back(made);
    return made;
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Operation::Argument &argument = operation.arguments[i];
    if (argument.role > Operation::Argument::Decay || arguments[i].isNone())
      continue;
    if (!arguments[i].isTensorList()) {
      arguments[i] = replace(arguments[i].toTensor(), argument.slot);
      continue;
    }
    torch::autograd::variable_list list = arguments[i].toTensorVector();
    for (at::Tensor &tensor : list)
      tensor = replace(tensor, argument.slot);
    arguments[i] = list;
  }
  op.callBoxed(arguments);
  for (const c10::IValue &value : arguments)
    if (value.toTensor().requires_grad())
      outputs.push_back(value.toTensor());
  torch::autograd::variable_list grads;
  for (const at::Tensor &output : outputs)
    grads.push_back(at::zeros_like(output));
  if (!outputs.empty())
    torch::autograd::grad(outputs, inputs, grads, /*retain_graph=*/std::nullopt, /*create_graph=*/false,
                          /*allow_unused=*/true);
}
