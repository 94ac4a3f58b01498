//===- SequenceParallel.cpp - One sequence on several processes -----------===//
//
// Each process has a slice of the tokens, in the order of the ranks. What comes after a slice needs three things of it:
// the state S that its tokens make of nothing, the maximum m that S is relative to, and the product D of its decays.
// One collective gives them to all; each process then adds up what came before its own slice and runs on from there.
//
//===----------------------------------------------------------------------===//

#include "frontends/torch/nn/Operators.h"
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <limits>
#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/library.h>

using namespace fgla;
using at::Tensor;

static constexpr const char *kSchema = R"(sequence_parallel(
    Tensor query, Tensor key, Tensor value, Tensor[] gate, str group, Tensor? output_gate=None, Tensor? query_weight=None,
    Tensor? key_weight=None, Tensor? norm_weight=None, Tensor? norm_bias=None, Tensor? initial_state=None,
    Tensor? initial_max=None, *, str query_map="safe_exp", str key_map="identity", str gate_kind="refined",
    bool log_gate=False, str axis="key", str stabilizer="running", str norm="rms", float eps=1e-5, float? scale=None,
    bool final_state=False, str memory="balanced") -> (Tensor output, Tensor final_state, Tensor final_max))";

namespace {
/// What a stretch of tokens makes of nothing, or a state.
struct Summary {
  Tensor state, max; // `max` where the stabilizer has one
};
} // namespace

static Summary summarize(Arguments arguments, bool hasMax) {
  for (const char *name : {"output_gate", "norm_weight", "norm_bias", "initial_state", "initial_max"})
    arguments[name] = {};
  arguments["norm"] = "none";
  arguments["final_state"] = true;
  auto [output, state, max] = callOperator("fgla::fgla", arguments);
  return {state, hasMax ? max : Tensor()};
}

/// The product of all decays, for each row, column or the whole of a state: what becomes of a state of ones when
/// nothing is added.
static Tensor multiplyDecays(const Arguments &arguments, const Tensor &state) {
  const std::string &axis = arguments.at("axis").toStringRef();
  int64_t rows = axis == "key" ? state.size(2) : 1, columns = axis == "value" ? state.size(3) : 1;
  Tensor ones = at::ones({state.size(0), state.size(1), rows, columns}, state.options());
  if (arguments.at("gate_kind").toStringRef() == "none")
    return ones;
  const Tensor &value = arguments.at("value").toTensor();
  auto makeZeros = [&](int64_t channels) {
    return at::zeros({value.size(0), value.size(1), value.size(2), channels}, value.options());
  };
  Arguments decays;
  for (const char *name : {"gate", "gate_kind", "log_gate", "axis"})
    decays[name] = arguments.at(name);
  decays["query"] = decays["key"] = makeZeros(rows);
  decays["value"] = makeZeros(columns);
  decays["query_map"] = decays["key_map"] = "identity";
  decays["stabilizer"] = decays["norm"] = "none";
  decays["initial_state"] = ones;
  decays["final_state"] = true;
  return callOperator("fgla::fgla", decays)[1];
}

/// The rows of all ranks, [ranks, n], of one each. Its gradient goes back to the rank that a row is of.
static Tensor gather(const Tensor &row, int64_t ranks, const std::string &group) {
  static auto gatherOp = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("_c10d_functional_autograd::all_gather_into_tensor", "")
                             .typed<Tensor(const Tensor &, int64_t, const std::string &)>();
  static auto waitOp = c10::Dispatcher::singleton()
                           .findSchemaOrThrow("_c10d_functional::wait_tensor", "")
                           .typed<Tensor(const Tensor &)>();
  Tensor rows = gatherOp.call(row, ranks, group);
  {
    c10::AutoGradMode guard(false); // waiting is no function
    waitOp.call(rows);
  }
  return rows.view({ranks, -1});
}

/// What `before` and then the tokens of `summary`, with decays `decay`, make.
static Summary append(const Summary &before, const Summary &summary, const Tensor &decay) {
  if (!summary.max.defined())
    return {before.state * decay + summary.state, {}};
  Tensor max = at::maximum(before.max, summary.max);
  // Of no tokens yet there is nothing to scale, but -inf - -inf.
  auto scale = [&](const Tensor &old) {
    return at::where(old == max, at::ones({}, max.options()), (old - max).exp()).unsqueeze(-1).unsqueeze(-1);
  };
  return {before.state * decay * scale(before.max) + summary.state * scale(summary.max), max};
}

static Summary makeStart(const Arguments &arguments, const Summary &like) {
  c10::IValue state = arguments.at("initial_state"), max = arguments.at("initial_max");
  Summary start;
  start.state = state.isTensor() ? state.toTensor().to(like.state.dtype()) : at::zeros_like(like.state);
  if (like.max.defined())
    start.max = max.isTensor() ? max.toTensor() : at::full_like(like.max, -std::numeric_limits<double>::infinity());
  return start;
}

static Results run(Arguments arguments) {
  std::string group = arguments.at("group").toStringRef();
  arguments.erase("group");
  auto processes = c10d::resolve_process_group(group);
  int64_t ranks = processes->getSize(), rank = processes->getRank();
  const std::string &stabilizer = arguments.at("stabilizer").toStringRef();
  bool hasMax = stabilizer == "running" || stabilizer == "sequence", wantsState = arguments.at("final_state").toBool();

  Summary own = summarize(arguments, hasMax);
  Tensor decay = multiplyDecays(arguments, own.state);
  std::vector<Tensor> parts = {own.state.flatten(), decay.flatten()};
  if (hasMax)
    parts.push_back(own.max.detach().flatten());
  Tensor rows = gather(at::cat(parts), ranks, group);

  Summary all = makeStart(arguments, own), before;
  for (int64_t i = 0; i < ranks; ++i) {
    if (i == rank)
      before = all;
    std::vector<Tensor> split =
        rows[i].split_with_sizes(hasMax ? std::vector<int64_t>{own.state.numel(), decay.numel(), own.max.numel()}
                                        : std::vector<int64_t>{own.state.numel(), decay.numel()});
    Summary next{split[0].view_as(own.state), hasMax ? split[2].view_as(own.max).detach() : Tensor()};
    all = append(all, next, split[1].view_as(decay));
  }
  if (stabilizer == "sequence") { // is relative to the maximum over all tokens, those of later ranks too
    before.state = before.state * (before.max - all.max).exp().unsqueeze(-1).unsqueeze(-1);
    before.max = all.max;
  }
  // The collective of the gradients needs every rank, also the first one, which uses nothing of it: a choice never
  // made.
  Tensor never = at::zeros({}, rows.options().dtype(at::kBool));
  arguments["initial_state"] = at::where(never, rows.sum(), before.state);
  arguments["initial_max"] = optional(before.max);
  arguments["final_state"] = false;
  Tensor output = callOperator("fgla::fgla", arguments)[0];
  Tensor empty = at::zeros({0}, own.state.options());
  return {output, wantsState ? all.state : empty, wantsState && hasMax ? all.max : empty};
}

static void runBoxed(const c10::OperatorHandle &op, torch::jit::Stack *stack) {
  const auto &declared = op.schema().arguments();
  Arguments arguments;
  size_t first = stack->size() - declared.size();
  for (size_t i = 0; i < declared.size(); ++i)
    arguments[declared[i].name()] = (*stack)[first + i];
  stack->resize(first);
  for (const Tensor &result : run(std::move(arguments)))
    stack->push_back(result);
}

TORCH_LIBRARY_FRAGMENT(fgla, library) {
  library.def(kSchema);
  library.impl("sequence_parallel", c10::DispatchKey::CompositeImplicitAutograd,
               torch::CppFunction::makeFromBoxedFunction<&runBoxed>());
}
