//===- FGLA.cpp - The layer -----------------------------------------------===//

#include "frontends/torch/nn/FGLA.h"
#include "frontends/torch/nn/Operators.h"
#include <algorithm>
#include <cmath>
#include <map>
#include <torch/nn/functional/activation.h>
#include <torch/nn/modules/container/sequential.h>

using namespace fgla;
using torch::Tensor;

//===----------------------------------------------------------------------===//
// Mixers
//===----------------------------------------------------------------------===//

/// GLA's gate, the 16th root of a sigmoid, as its logarithm: (min(z, 0) - log(1 + e^-|z|)) / 16.
static constexpr const char *kGLAGate = R"(^bb0(%z: f32):
  %v0 = arith.constant 0.0 : f32
  %v1 = arith.minimumf %z, %v0 : f32
  %v2 = math.absf %z : f32
  %v3 = arith.negf %v2 : f32
  %v4 = math.exp %v3 : f32
  %v5 = math.log1p %v4 : f32
  %v6 = arith.subf %v1, %v5 : f32
  %v7 = arith.constant 16.0 : f32
  %v8 = arith.divf %v6, %v7 : f32
  fgla.yield %v8 : f32)";

static std::map<std::string, Mixer> makeMixers() {
  std::map<std::string, Mixer> mixers;
  mixers["softmax"] = {.norm = "none", .isSoftmax = true}; // torch's scaled_dot_product_attention
  mixers["relu"] = {.queryMap = "relu", .keyMap = "relu"};
  mixers["elu1"] = {.queryMap = "elu1", .keyMap = "elu1"};
  mixers["hedgehog"] = {.queryMap = "hedgehog", .keyMap = "hedgehog", .hasMapMatrix = true};
  mixers["scalar"] = {.gate = "sigmoid", .axis = "head"}; // one decay for a head, as in Mamba-2
  mixers["gla"] = {.gate = kGLAGate, .logGate = true};
  mixers["retnet"] = {.gate = "factor", .axis = "constant"}; // 1 - 2^(-5 - h) for head h
  mixers["fgla"] = {.queryMap = "safe_exp", .stabilizer = "running", .gate = "refined"};
  return mixers;
}

const Mixer &fgla::getMixer(const std::string &name) {
  static const std::map<std::string, Mixer> mixers = makeMixers();
  auto found = mixers.find(name);
  if (found == mixers.end()) {
    std::string names;
    for (const auto &[known, _] : mixers)
      names += (names.empty() ? "" : ", ") + known;
    TORCH_CHECK_VALUE(false, "mixer must be one of ", names, ", got '", name, "'");
  }
  return found->second;
}

/// What the options make of the mixer that they name.
static Mixer chooseMixer(const FGLAOptions &options) {
  Mixer mix = getMixer(options.mixer());
  TORCH_CHECK_VALUE(!mix.isSoftmax || !(options.feature_map() || options.gate() || options.norm() ||
                                        options.use_output_gate().value_or(false)),
                    "mixer 'softmax' takes no feature_map, gate, norm or output gate");
  if (options.feature_map()) {
    mix.queryMap = mix.keyMap = *options.feature_map();
    mix.stabilizer = "none";
  }
  if (options.gate()) {
    mix.gate = *options.gate();
    mix.logGate = false;
    if (mix.axis == "constant")
      mix.axis = "key";
  }
  mix.logGate = options.log_gate().value_or(mix.logGate);
  mix.axis = options.axis().value_or(mix.axis);
  mix.norm = options.norm().value_or(mix.norm);
  return mix;
}

/// How many pre-activations the gate has.
static int64_t countGates(const std::string &gate) {
  if (gate.starts_with("^")) {
    size_t end = gate.find(')');
    TORCH_CHECK_VALUE(end != std::string::npos, "gate must begin with a block's head, such as ^bb0(%x: f32):");
    return std::count(gate.begin(), gate.begin() + end, '%');
  }
  static const std::map<std::string, int64_t> counts = {{"none", 0}, {"factor", 0}, {"sigmoid", 1}, {"refined", 2}};
  auto found = counts.find(gate);
  TORCH_CHECK_VALUE(found != counts.end(), "gate must be none, sigmoid, refined or MLIR text, got '", gate, "'");
  return found->second;
}

static int64_t divide(const char *name, double size, int64_t heads) {
  TORCH_CHECK_VALUE(size > 0 && size == std::floor(size) && static_cast<int64_t>(size) % heads == 0, name,
                    " must give each of ", heads, " heads the same whole number of channels, got ", size, " channels");
  return static_cast<int64_t>(size) / heads;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {
/// The parameters of a norm, which the operator applies.
struct Affine : torch::nn::Module {
  Affine(int64_t size, bool hasBias) {
    weight = register_parameter("weight", torch::ones(size));
    if (hasBias)
      bias = register_parameter("bias", torch::zeros(size));
  }
  Tensor weight, bias;
};
} // namespace

static torch::nn::Linear makeLinear(int64_t from, int64_t to, bool hasBias = false) {
  return torch::nn::Linear(torch::nn::LinearOptions(from, to).bias(hasBias));
}

FGLAImpl::FGLAImpl(const FGLAOptions &given) : options(given), mix(chooseMixer(given)) {
  int64_t hidden = options.hidden_size();
  numHeads = options.num_heads();
  numKVHeads = options.num_kv_heads() ? options.num_kv_heads() : numHeads;
  keyDim = divide("expand_k", hidden * options.expand_k(), numHeads);
  valueDim = divide("expand_v", hidden * options.expand_v(), numHeads);
  TORCH_CHECK_VALUE(numHeads % numKVHeads == 0, "num_kv_heads must divide num_heads = ", numHeads, ", got ",
                    numKVHeads);

  const std::pair<const char *, int64_t> sizes[] = {
      {"q", numHeads * keyDim}, {"k", numKVHeads * keyDim}, {"v", numKVHeads * valueDim}};
  for (auto [projection, entry] : {std::pair(&query, sizes[0]), {&key, sizes[1]}, {&value, sizes[2]}})
    *projection = register_module(std::string(entry.first) + "_proj", makeLinear(hidden, entry.second));
  if (options.use_output_gate().value_or(!mix.isSoftmax))
    outputGate = register_module("g_proj", makeLinear(hidden, numHeads * valueDim));
  if (options.use_short_conv())
    for (auto [name, size] : sizes)
      convs.push_back(register_module(
          std::string(name) + "_conv1d",
          torch::nn::Conv1d(
              torch::nn::Conv1dOptions(size, size, options.conv_size()).groups(size).bias(options.conv_bias()))));
  if (mix.hasMapMatrix) {
    queryMatrix = register_parameter("q_map", torch::eye(keyDim).repeat({numHeads, 1, 1}));
    keyMatrix = register_parameter("k_map", torch::eye(keyDim).repeat({numKVHeads, 1, 1}));
  }
  addGates(hidden, options.gate_low_rank_dim());
  output = register_module("o_proj", makeLinear(numHeads * valueDim, hidden));
  if (mix.norm != "none") {
    auto norm = std::make_shared<Affine>(valueDim, mix.norm == "layer");
    register_module(outputGate ? "g_norm_swish_gate" : "g_norm", norm);
    normWeight = norm->weight;
    normBias = norm->bias;
  }
}

void FGLAImpl::addGates(int64_t hiddenSize, int64_t rank) {
  int64_t features = mix.keyMap == "hedgehog" ? 2 * keyDim : keyDim;
  int64_t channels = mix.axis == "key" ? features : mix.axis == "value" ? valueDim : 1;
  int64_t count = countGates(mix.gate);
  for (int64_t i = 0; i < count; ++i) {
    std::string name = i == 0 ? "gk_proj" : i == 1 ? "gr_proj" : "g" + std::to_string(i) + "_proj";
    Gate gate;
    gate.last = makeLinear(rank ? rank : hiddenSize, numKVHeads * channels, /*hasBias=*/true);
    if (rank) {
      gate.first = makeLinear(hiddenSize, rank);
      register_module(name, torch::nn::Sequential(gate.first, gate.last));
    } else {
      register_module(name, gate.last);
    }
    gates.push_back(gate);
    if (mix.gate != "sigmoid" && mix.gate != "refined")
      continue;
    // Memories of 4 to 128 tokens, spread over channels (or heads): no gate begins where it no longer learns.
    int64_t spread = channels > 1 ? channels : numKVHeads;
    Tensor lengths = torch::logspace(std::log10(4.0), std::log10(128.0), spread);
    Tensor bias = torch::log(lengths - 1).repeat(numKVHeads * channels / spread);
    torch::NoGradGuard guard;
    gate.last->bias.copy_(i == 0 ? bias : torch::zeros_like(bias));
  }
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

Tensor FGLAImpl::forward(const Tensor &x) { return run(x, {}, /*wantsState=*/false).first; }

std::pair<Tensor, State> FGLAImpl::extend(const Tensor &x, const State &state) {
  return run(x, state, /*wantsState=*/true);
}

static Tensor splitHeads(const Tensor &x, int64_t heads) { return x.unflatten(2, {heads, -1}); }

std::pair<Tensor, State> FGLAImpl::run(const Tensor &x, const State &state, bool wantsState) {
  TORCH_CHECK_VALUE(x.dim() == 3 && x.size(2) == options.hidden_size(), "x must have shape [B, T, ",
                    options.hidden_size(), "], got ", x.sizes());
  Tensor rows[] = {query(x), key(x), value(x)};
  State next;
  for (size_t i = 0; i < convs.size(); ++i)
    rows[i] = convolve(convs[i], rows[i], state.empty() ? Tensor() : state.conv[i], next);
  Tensor q = splitHeads(rows[0], numHeads), k = splitHeads(rows[1], numKVHeads), v = splitHeads(rows[2], numKVHeads);
  auto [y, memory] =
      mix.isSoftmax ? runSoftmax(q, k, v, state.memory) : runAttention(x, q, k, v, state.memory, wantsState);
  next.memory = std::move(memory);
  return {output(y.flatten(2)), std::move(next)};
}

/// Each channel by itself, over the last tokens; the inputs that the next token sees go to `next`.
Tensor FGLAImpl::convolve(torch::nn::Conv1d &conv, const Tensor &z, Tensor past, State &next) {
  int64_t tokens = z.size(1), size = options.conv_size();
  if (!past.defined())
    past = z.new_zeros({z.size(0), size - 1, z.size(2)});
  Tensor row = torch::cat({past.to(z.dtype()), z}, 1), y;
  for (int64_t i = 0; i < size; ++i) {
    Tensor term = row.narrow(1, i, tokens) * conv->weight.select(1, 0).select(1, i);
    y = y.defined() ? y + term : term;
  }
  if (conv->bias.defined())
    y = y + conv->bias;
  next.conv.push_back(row.slice(1, tokens));
  return torch::silu(y).to(z.dtype());
}

FGLAImpl::Mixed FGLAImpl::runSoftmax(Tensor q, Tensor k, Tensor v, const std::vector<Tensor> &memory) {
  q = q.transpose(1, 2);
  k = k.transpose(1, 2);
  v = v.transpose(1, 2);
  std::optional<Tensor> mask;
  if (!memory.empty()) {
    k = torch::cat({memory[0], k}, 2);
    v = torch::cat({memory[1], v}, 2);
    mask = torch::ones({q.size(2), k.size(2)}, q.options().dtype(torch::kBool)).tril(k.size(2) - q.size(2));
  }
  Tensor y = torch::scaled_dot_product_attention(q, k, v, mask, /*dropout_p=*/0, /*is_causal=*/!mask,
                                                 /*scale=*/std::nullopt, /*enable_gqa=*/numHeads != numKVHeads);
  return {y.transpose(1, 2), {k, v}};
}

FGLAImpl::Mixed FGLAImpl::runAttention(const Tensor &x, const Tensor &q, const Tensor &k, const Tensor &v,
                                       const std::vector<Tensor> &memory, bool wantsState) {
  bool isStep = !memory.empty() && x.size(1) == 1; // an operator of its own, without the axis of tokens
  auto shape = [&](const Tensor &z) { return isStep ? z.squeeze(1) : z; };
  std::vector<Tensor> decays;
  if (mix.axis == "constant") {
    auto type = torch::promoteTypes(x.scalar_type(), torch::kFloat);
    decays.push_back(1 - torch::exp2(-5 - torch::arange(numKVHeads, x.options().dtype(type))));
  }
  for (Gate &gate : gates)
    decays.push_back(shape(splitHeads(gate.last(gate.first ? gate.first(x) : x), numKVHeads)));
  Arguments arguments = {{"query", shape(q)},
                         {"key", shape(k)},
                         {"value", shape(v)},
                         {"gate", decays},
                         {"output_gate", outputGate ? shape(splitHeads(outputGate(x), numHeads)) : c10::IValue()},
                         {"query_weight", optional(queryMatrix)},
                         {"key_weight", optional(keyMatrix)},
                         {"norm_weight", optional(normWeight)},
                         {"norm_bias", optional(normBias)},
                         {"query_map", mix.queryMap},
                         {"key_map", mix.keyMap},
                         {"gate_kind", mix.gate},
                         {"log_gate", mix.logGate},
                         {"axis", mix.axis},
                         {"stabilizer", mix.stabilizer},
                         {"norm", mix.norm},
                         {"eps", options.norm_eps()}};
  if (mix.queryMap != "safe_exp") // whose factor is the default
    arguments["scale"] = std::pow(keyDim, -0.5);
  if (!isStep)
    arguments["final_state"] = wantsState;
  if (!memory.empty()) {
    arguments[isStep ? "state" : "initial_state"] = memory[0];
    arguments[isStep ? "max" : "initial_max"] = optional(memory[1]);
  }
  auto [y, state, max] = callOperator(isStep ? "fgla::step" : "fgla::fgla", arguments);
  bool hasMax = mix.stabilizer == "running" || mix.stabilizer == "sequence";
  return {isStep ? y.unsqueeze(1) : y, {state, hasMax ? max : Tensor()}};
}
