//===- Run.cpp - Ops run compiled functions -------------------------------===//

#include "frontends/torch/Artifacts.h"
#include "frontends/torch/Checks.h"
#include "frontends/torch/Device.h"
#include "frontends/torch/Kernels.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

using namespace fgla::ops;
using torch::jit::Stack;

namespace {
struct Result {
  std::string name;
  at::Tensor tensor;
};
} // namespace

/// The results of a call, uninitialized: what is not asked for is an empty tensor.
static std::vector<Result> makeResults(const Call &call, const Sizes &sizes) {
  std::vector<Result> results;
  const at::Tensor &query = *call.find(Slot::Query);
  if (call.operation.kind == Kind::Backward) {
    for (size_t i = 0; i < call.inputs.size(); ++i)
      if (call.needs[i]) {
        const at::Tensor &input = call.inputs[i].tensor;
        results.push_back({"d_" + call.inputs[i].getName(), at::empty_symint(input.sym_sizes(), input.options())});
      }
    return results;
  }
  auto add = [&](const char *name, bool isWanted, const std::vector<c10::SymInt> &shape, at::ScalarType type) {
    std::vector<c10::SymInt> none = {0};
    results.push_back({name, at::empty_symint(isWanted ? shape : none, query.options().dtype(type))});
  };
  const at::Tensor *state = call.find(Slot::State);
  at::ScalarType wide = getComputationType(call);
  const Options &options = call.options;
  add("output", true, sizes.output(call), query.scalar_type());
  add("final_state", options.finalState, sizes.state(), state ? state->scalar_type() : wide);
  add("final_max", options.finalState && options.tracksMaximum(), sizes.maximum(), wide);
  if (call.operation.kind == Kind::Saving)
    add("saved", call.savesAttention(), sizes.output(call), query.scalar_type());
  return results;
}

/// Puts the results where the arguments were.
static void replace(const Operation &operation, Stack &stack, std::vector<Result> results) {
  torch::jit::drop(stack, operation.arguments.size());
  if (operation.kind == Kind::InPlace)
    results.resize(1);
  if (operation.kind != Kind::Backward) {
    for (Result &result : results)
      stack.emplace_back(std::move(result.tensor));
    return;
  }
  std::vector<at::Tensor> list;
  for (Result &result : results)
    list.push_back(std::move(result.tensor));
  stack.emplace_back(std::move(list));
}

static fgla_dtype getDType(at::ScalarType type) {
  switch (type) {
  case at::kDouble:
    return FGLA_F64;
  case at::kBFloat16:
    return FGLA_BF16;
  case at::kHalf:
    return FGLA_F16;
  case at::kInt:
    return FGLA_I32;
  case at::kLong:
    return FGLA_I64;
  default:
    return FGLA_F32;
  }
}

/// The same in the layout that compiled functions take: without gaps, and on a GPU at a multiple of 16 bytes.
static at::Tensor pack(const at::Tensor &tensor) {
  at::Tensor packed = tensor.contiguous();
  bool isAligned = reinterpret_cast<uintptr_t>(packed.const_data_ptr()) % 16 == 0;
  return packed.is_cuda() && !isAligned ? packed.clone() : packed;
}

static fgla_tensor describe(const at::Tensor &tensor, bool isResult) {
  fgla_tensor described = {};
  described.data = isResult ? tensor.mutable_data_ptr() : const_cast<void *>(tensor.const_data_ptr());
  described.dtype = getDType(tensor.scalar_type());
  described.rank = static_cast<int32_t>(tensor.dim());
  described.shape = tensor.sizes().data();
  if (tensor.is_cuda())
    described.device = {FGLA_DEVICE_CUDA, tensor.get_device()};
  return described;
}

/// What the function calls `name`.
static const at::Tensor &findArgument(const Call &call, const std::string &name) {
  if (name == "d_output")
    return call.outputGrad;
  if (name == "d_final_state")
    return call.stateGrad;
  if (name == kSavedName)
    return call.saved;
  for (const Input &input : call.inputs)
    if (input.getName() == name)
      return input.tensor;
  TORCH_INTERNAL_ASSERT(false, "a compiled function takes '", name, "'");
}

static void callFunction(const Call &call, const Function &function, const std::vector<Result> &results) {
  c10::SmallVector<at::Tensor, 16> kept;
  c10::SmallVector<fgla_tensor, 16> arguments, outputs;
  for (const std::string &name : function.arguments) {
    kept.push_back(pack(findArgument(call, name)));
    arguments.push_back(describe(kept.back(), /*isResult=*/false));
  }
  for (const std::string &name : function.results) {
    auto result = std::find_if(results.begin(), results.end(), [&](const Result &r) { return r.name == name; });
    TORCH_INTERNAL_ASSERT(result != results.end(), "a compiled function gives '", name, "'");
    outputs.push_back(describe(result->tensor, /*isResult=*/true));
  }
  fgla_launch_options options = getLaunchOptions(call.find(Slot::Query)->device());
  fgla_status status = fgla_call_on(function.handle, arguments.data(), static_cast<int32_t>(arguments.size()),
                                    outputs.data(), static_cast<int32_t>(outputs.size()), &options);
  TORCH_CHECK(status == FGLA_OK, call.operation.schema.name(), ": ", fgla_error_message());
}

void fgla::ops::run(const c10::OperatorHandle &, const Operation &operation, Stack &stack) {
  std::vector<Result> results;
  {
    Call call(operation, stack);
    Sizes sizes = check(call);
    c10::OptionalDeviceGuard guard(call.find(Slot::Query)->device());
    results = makeResults(call, sizes);
    if (!results.empty())
      callFunction(call, getFunction(call, sizes), results);
    if (operation.kind == Kind::InPlace) {
      const_cast<at::Tensor *>(call.find(Slot::State))->copy_(results[1].tensor);
      if (const at::Tensor *max = call.find(Slot::Max))
        const_cast<at::Tensor *>(max)->copy_(results[2].tensor);
    }
  }
  replace(operation, stack, std::move(results));
}

void fgla::ops::infer(const c10::OperatorHandle &, const Operation &operation, Stack &stack) {
  std::vector<Result> results;
  {
    Call call(operation, stack);
    results = makeResults(call, check(call));
  }
  replace(operation, stack, std::move(results));
}
