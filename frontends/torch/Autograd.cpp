//===- Autograd.cpp - Gradients, autocast, and what is refused ------------===//
//
// An op that needs a gradient becomes a node whose backward calls the backward op. Both go through the dispatcher, so
// that whoever traces a graph sees ops alone.
//
//===----------------------------------------------------------------------===//

#include "frontends/torch/Kernels.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

using namespace fgla::ops;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using torch::jit::Stack;

static c10::OperatorHandle findOp(const std::string &name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), "");
}

/// A gradient of the call's results reaches this.
static bool takesGradient(const Input &input) { return input.slot != Slot::Max && input.slot != Slot::Sequences; }

static bool needsGradient(const Call &call) {
  if (!at::GradMode::is_enabled())
    return false;
  bool needs = call.outputGrad.requires_grad() || call.stateGrad.requires_grad();
  for (const Input &input : call.inputs)
    needs |= takesGradient(input) && input.tensor.requires_grad();
  return needs;
}

static void refuseForwardMode(const Call &call) {
  for (const Input &input : call.inputs)
    TORCH_CHECK(!input.tensor._fw_grad(0).defined(), call.operation.schema.name(),
                ": forward-mode derivatives are not supported, and argument '", call.describe(input),
                "' has a tangent");
}

namespace {
/// What a node is made from. No vector, of which autograd would look for tensors in the elements.
struct Invocation {
  const c10::OperatorHandle &op;
  const Operation &operation;
  const Call &call;
  Stack &stack;
};

struct Gradient : torch::autograd::Function<Gradient> {
  static constexpr bool is_traceable = true;
  static variable_list forward(AutogradContext *context, at::TensorList inputs, Invocation &invocation);
  static variable_list backward(AutogradContext *context, const variable_list &grads);
};

struct NoSecondGradient : torch::autograd::Function<NoSecondGradient> {
  static constexpr bool is_traceable = true;
  static variable_list forward(AutogradContext *context, at::TensorList inputs, Invocation &invocation);
  static variable_list backward(AutogradContext *context, const variable_list &grads);
};
} // namespace

/// Calls the op that computes what the gradient needs, if there is one beside it, and keeps that.
variable_list Gradient::forward(AutogradContext *context, at::TensorList inputs, Invocation &invocation) {
  const Operation &operation = invocation.operation;
  Stack &stack = invocation.stack;
  // Options as they are, and how many tensors stand for each of the arguments before them.
  std::vector<c10::IValue> options;
  std::vector<int64_t> counts;
  const auto &arguments = operation.schema.arguments();
  size_t first = stack.size() - arguments.size();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::IValue &value = stack[first + i];
    if (arguments[i].kwarg_only())
      options.push_back(value);
    else
      counts.push_back(value.isTensorList() ? static_cast<int64_t>(value.toTensorList().size()) : !value.isNone());
  }
  bool hasState = invocation.call.options.finalState;
  {
    at::AutoDispatchBelowADInplaceOrView guard;
    bool isSaving = operation.schema.name() == "fgla::fgla";
    (isSaving ? findOp("fgla::fgla_forward") : invocation.op).callBoxed(stack);
  }
  variable_list kept = inputs.vec();
  if (stack.size() - first > 3)
    kept.push_back(torch::jit::pop(stack).toTensor());
  context->save_for_backward(kept);
  context->set_materialize_grads(false);
  context->saved_data["op"] = operation.schema.name() + "_backward";
  context->saved_data["options"] = c10::ivalue::Tuple::create(std::move(options));
  context->saved_data["counts"] = counts;
  variable_list outputs = {stack[first].toTensor()};
  if (hasState)
    outputs.push_back(stack[first + 1].toTensor());
  return outputs;
}

variable_list Gradient::backward(AutogradContext *context, const variable_list &grads) {
  c10::OperatorHandle op = findOp(context->saved_data["op"].toStringRef());
  variable_list kept = context->get_saved_variables();
  const std::vector<int64_t> counts = context->saved_data["counts"].toIntVector();
  size_t numInputs = 0;
  for (int64_t count : counts)
    numInputs += count;
  variable_list gradients(numInputs + 1); // one for the invocation
  if (std::none_of(grads.begin(), grads.end(), [](const at::Tensor &grad) { return grad.defined(); }))
    return gradients;

  Stack stack;
  auto pushGrad = [&](size_t i) {
    stack.push_back(i < grads.size() && grads[i].defined() ? c10::IValue(grads[i]) : c10::IValue());
  };
  pushGrad(0);
  pushGrad(1);
  size_t next = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    bool isList = op.schema().arguments()[2 + i].type()->kind() == c10::TypeKind::ListType;
    if (isList)
      stack.emplace_back(variable_list(kept.begin() + next, kept.begin() + next + counts[i]));
    else
      stack.push_back(counts[i] ? c10::IValue(kept[next]) : c10::IValue());
    next += counts[i];
  }
  if (!op.schema().arguments()[2 + counts.size()].kwarg_only())
    stack.push_back(numInputs < kept.size() ? c10::IValue(kept.back()) : c10::IValue());
  for (const c10::IValue &option : context->saved_data["options"].toTuple()->elements())
    stack.push_back(option);
  c10::List<bool> needs;
  for (size_t i = 0; i < numInputs; ++i)
    needs.push_back(context->needs_input_grad(i));
  stack.emplace_back(needs);

  op.callBoxed(stack);
  variable_list made = torch::jit::pop(stack).toTensorVector();
  for (size_t i = 0, next = 0; i < numInputs; ++i)
    if (needs[i])
      gradients[i] = made[next++];
  return gradients;
}

static std::vector<at::Tensor> getTensors(const Call &call) {
  std::vector<at::Tensor> tensors;
  for (const Input &input : call.inputs)
    tensors.push_back(input.tensor);
  return tensors;
}

static void callBelow(const c10::OperatorHandle &op, Stack &stack) {
  at::AutoDispatchBelowADInplaceOrView guard;
  op.callBoxed(stack);
}

void fgla::ops::differentiate(const c10::OperatorHandle &op, const Operation &operation, Stack &stack) {
  variable_list outputs;
  size_t first = stack.size() - operation.arguments.size();
  {
    Call call(operation, stack);
    refuseForwardMode(call);
    if (needsGradient(call)) {
      for (const Input &input : call.inputs)
        TORCH_CHECK(!input.tensor.is_cuda(), operation.schema.name(),
                    ": gradients are computed on the CPU only, and "
                    "argument '",
                    call.describe(Slot::Query), "' is on ", input.tensor.device());
      Invocation invocation{op, operation, call, stack};
      outputs = Gradient::apply(at::TensorList(getTensors(call)), invocation);
    }
  }
  if (outputs.empty())
    return callBelow(op, stack);
  for (size_t i = 0; i < outputs.size(); ++i)
    stack[first + i] = outputs[i];
}

variable_list NoSecondGradient::forward(AutogradContext *context, at::TensorList, Invocation &invocation) {
  context->saved_data["op"] = invocation.operation.schema.name();
  callBelow(invocation.op, invocation.stack);
  return torch::jit::pop(invocation.stack).toTensorVector();
}

variable_list NoSecondGradient::backward(AutogradContext *context, const variable_list &) {
  TORCH_CHECK(false, context->saved_data["op"].toStringRef(),
              ": a gradient of a gradient is not supported; ops of fgla can be differentiated once");
}

void fgla::ops::differentiateOnce(const c10::OperatorHandle &op, const Operation &operation, Stack &stack) {
  Call call(operation, stack);
  if (!needsGradient(call))
    return callBelow(op, stack);
  std::vector<at::Tensor> tensors = getTensors(call);
  for (const at::Tensor &grad : {call.outputGrad, call.stateGrad})
    if (grad.defined())
      tensors.push_back(grad);
  Invocation invocation{op, operation, call, stack};
  stack.emplace_back(NoSecondGradient::apply(at::TensorList(tensors), invocation));
}

void fgla::ops::refuseGradient(const c10::OperatorHandle &op, const Operation &operation, Stack &stack) {
  std::vector<at::Tensor> changed;
  {
    Call call(operation, stack);
    refuseForwardMode(call);
    TORCH_CHECK(!needsGradient(call), operation.schema.name(),
                ": an op that changes its state has no gradient; call fgla::step, or this under torch.no_grad()");
    for (const Input &input : call.inputs)
      if (input.slot == Slot::State || input.slot == Slot::Max)
        changed.push_back(input.tensor);
  }
  callBelow(op, stack);
  for (const at::Tensor &tensor : changed)
    if (!tensor.is_inference())
      tensor.unsafeGetTensorImpl()->bump_version();
}

void fgla::ops::autocast(const c10::OperatorHandle &op, const Operation &operation, Stack &stack) {
  c10::DeviceType device = c10::kCPU;
  {
    Call call(operation, stack);
    device = call.find(Slot::Query)->device().type();
    at::ScalarType narrow = at::autocast::get_autocast_dtype(device);
    size_t first = stack.size() - operation.arguments.size();
    bool isPreactivation = !call.options.isDecayGiven();
    for (size_t i = 0; i < operation.arguments.size(); ++i) {
      const Operation::Argument &argument = operation.arguments[i];
      c10::IValue &value = stack[first + i];
      bool isNarrowed = argument.role == Operation::Argument::Tensor &&
                        (argument.slot <= Slot::Value || argument.slot == Slot::OutputGate ||
                         (argument.slot == Slot::Gate && isPreactivation));
      if (!isNarrowed || value.isNone())
        continue;
      if (value.isTensorList()) {
        const std::vector<at::Tensor> tensors = value.toTensorVector();
        value = at::autocast::cached_cast(narrow, at::TensorList(tensors), device);
      } else {
        value = at::autocast::cached_cast(narrow, value.toTensor(), device);
      }
    }
  }
  c10::impl::ExcludeDispatchKeyGuard guard(
      c10::DispatchKeySet{c10::DispatchKey::AutocastCPU, c10::DispatchKey::AutocastCUDA});
  op.callBoxed(stack);
}

void fgla::ops::refuseBatching(const c10::OperatorHandle &, const Operation &operation, Stack &) {
  TORCH_CHECK(
      false, operation.schema.name(),
      ": vmap is not supported; tensors have a batch dim of their own, which can hold what vmap would map over");
}
