//===- AttentionOperators.cpp - attention, softmax and linear -------------===//
#include "frontends/torch/onnx/Operators.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <limits>

using namespace fgla::onnx;
using at::Tensor;

/// [B, T, H * D] as [B, H, T, D]; four dims stay.
static Tensor splitHeads(const Tensor &x, int64_t heads) {
  if (x.dim() == 4)
    return x;
  TORCH_CHECK(x.dim() == 3 && heads > 0 && x.size(2) % heads == 0, "a tensor of shape ", x.sizes(),
              " cannot be split into ", heads, " heads");
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

/// Each head of keys and values as often as query heads share it.
static Tensor repeatHeads(const Tensor &x, int64_t heads) {
  return x.size(1) == heads ? x : at::repeat_interleave(x, heads / x.size(1), 1);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static double minusInfinity() { return -std::numeric_limits<double>::infinity(); }

/// What is added to the logits [B, H, T, S], or nothing.
static std::optional<Tensor> makeBias(const Call &call, const Tensor &query, int64_t total, int64_t past) {
  std::optional<Tensor> bias;
  auto add = [&](const Tensor &part) { bias = bias ? at::add(*bias, part) : part; };
  auto hide = [&](const Tensor &visible) {
    add(at::zeros(visible.sizes(), query.options()).masked_fill(at::logical_not(visible), minusInfinity()));
  };
  if (call.has(3)) {
    const Tensor &mask = call[3];
    int64_t missing = total - mask.size(-1);
    if (mask.scalar_type() == at::kBool)
      hide(at::constant_pad_nd(mask, {0, missing}, 0));
    else
      add(at::constant_pad_nd(mask, {0, missing}, minusInfinity()));
  }
  at::TensorOptions places = query.options().dtype(at::kLong);
  Tensor column = at::arange(total, places);
  if (call.integer("is_causal", 0)) {
    // The last query sees the last key where there is a cache.
    Tensor row = at::add(at::arange(query.size(2), places), past).unsqueeze(1);
    hide(at::le(column, row));
  }
  if (call.has(6))
    hide(at::lt(column, call[6].to(query.device()).reshape({-1, 1, 1, 1})));
  return bias;
}

/// The attention of one node whose logits are asked for, soft-capped, or of another precision.
static std::vector<Tensor> attendBySteps(const Call &call, const Tensor &query, const Tensor &key, const Tensor &value,
                                         double scale, const std::optional<Tensor> &bias) {
  double root = std::sqrt(scale), cap = call.number("softcap", 0);
  Tensor logits = at::matmul(at::mul(query, root), at::mul(key, root).transpose(2, 3));
  Tensor shown[4];
  shown[0] = logits;
  if (cap != 0)
    logits = at::mul(at::tanh(at::div(logits, cap)), cap);
  shown[1] = logits;
  if (bias)
    logits = at::add(logits, *bias);
  shown[2] = logits;
  at::ScalarType type = call.hasAttribute("softmax_precision") ? scalarTypeOfONNX(call.integer("softmax_precision", 1))
                                                               : query.scalar_type();
  Tensor weights = at::softmax(logits.to(type), -1).to(query.scalar_type());
  // A row without a visible key gives zeros.
  if (bias)
    weights = weights.masked_fill(at::eq(logits, minusInfinity()).all(-1, /*keepdim=*/true), 0);
  shown[3] = weights;
  int64_t mode = call.integer("qk_matmul_output_mode", 0);
  TORCH_CHECK(mode >= 0 && mode < 4, "qk_matmul_output_mode must be from 0 to 3, got ", mode);
  return {at::matmul(weights, value), shown[mode]};
}

static std::vector<Tensor> attention(const Call &call) {
  int64_t queryHeads = call.integer("q_num_heads", 0), keyHeads = call.integer("kv_num_heads", 0);
  Tensor query = splitHeads(call[0], queryHeads), key = splitHeads(call[1], keyHeads),
         value = splitHeads(call[2], keyHeads);
  int64_t past = 0;
  if (call.has(4)) {
    past = call[4].size(2);
    key = at::cat({call[4], key}, 2);
    value = at::cat({call[5], value}, 2);
  }
  Tensor presentKey = key, presentValue = value;
  key = repeatHeads(key, query.size(1));
  value = repeatHeads(value, query.size(1));
  double scale = call.number("scale", 1 / std::sqrt(double(query.size(3))));
  std::optional<Tensor> bias = makeBias(call, query, key.size(2), past);
  bool needsSteps = call.numOutputs() > 3 || call.number("softcap", 0) != 0 || call.hasAttribute("softmax_precision");
  std::vector<Tensor> results =
      needsSteps ? attendBySteps(call, query, key, value, scale, bias)
                 : std::vector{at::scaled_dot_product_attention(query, key, value, bias, /*dropout_p=*/0,
                                                                /*is_causal=*/false, scale),
                               Tensor()};
  Tensor output = results[0];
  if (call[0].dim() == 3)
    output = output.transpose(1, 2).flatten(2);
  return {output, presentKey, presentValue, results[1]};
}

//===----------------------------------------------------------------------===//
// RotaryEmbedding
//===----------------------------------------------------------------------===//

static std::vector<Tensor> rotaryEmbedding(const Call &call) {
  Tensor x = splitHeads(call[0], call.integer("num_heads", 0));
  int64_t width = call.integer("rotary_embedding_dim", 0);
  width = width ? width : x.size(3);
  auto cache = [&](size_t index) {
    Tensor table = call[index];
    if (call.has(3))
      table = table.index({call[3].to(table.device())});
    return table.unsqueeze(1); // [B, 1, T, width / 2]
  };
  Tensor cosine = cache(1), sine = cache(2);
  Tensor turned = at::slice(x, 3, 0, width), rest = at::slice(x, 3, width);
  bool interleaved = call.integer("interleaved", 0);
  Tensor real = interleaved ? at::slice(turned, 3, 0, width, 2) : at::slice(turned, 3, 0, width / 2);
  Tensor imaginary = interleaved ? at::slice(turned, 3, 1, width, 2) : at::slice(turned, 3, width / 2, width);
  Tensor newReal = at::sub(at::mul(cosine, real), at::mul(sine, imaginary));
  Tensor newImaginary = at::add(at::mul(sine, real), at::mul(cosine, imaginary));
  turned = interleaved ? at::stack({newReal, newImaginary}, -1).flatten(3) : at::cat({newReal, newImaginary}, 3);
  Tensor result = at::cat({turned, rest}, 3);
  return {call[0].dim() == 3 ? result.transpose(1, 2).flatten(2) : result};
}

//===----------------------------------------------------------------------===//
// LinearAttention
//===----------------------------------------------------------------------===//

/// [B, T, H * D] as [B, T, H, D].
static Tensor tokensFirst(const Tensor &x, int64_t heads) {
  TORCH_CHECK(x.dim() == 3 && heads > 0 && x.size(2) % heads == 0, "a tensor of shape ", x.sizes(),
              " cannot be split into ", heads, " heads");
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads});
}

/// Calls `torch.ops.fgla.attention` by its schema, with `given` in place of the defaults.
static std::vector<Tensor> callAttention(const std::unordered_map<std::string, c10::IValue> &given) {
  auto found = c10::Dispatcher::singleton().findSchema({"fgla::attention", ""});
  TORCH_CHECK(found, "needs the operator fgla::attention: load the library of fgla's operators");
  torch::jit::Stack stack;
  for (const c10::Argument &argument : found->schema().arguments()) {
    auto value = given.find(argument.name());
    if (value != given.end())
      stack.push_back(value->second);
    else
      stack.push_back(argument.default_value().value());
  }
  found->callBoxed(stack);
  std::vector<Tensor> results;
  for (c10::IValue &value : stack)
    results.push_back(value.toTensor());
  return results;
}

static std::vector<Tensor> linearAttention(const Call &call) {
  int64_t queryHeads = call.integer("q_num_heads", 0), heads = call.integer("kv_num_heads", 0);
  std::string rule = call.text("update_rule", "gated_delta");
  Tensor query = tokensFirst(call[0], queryHeads), key = tokensFirst(call[1], heads);
  double scale = call.number("scale", 0);
  std::unordered_map<std::string, c10::IValue> given = {
      {"query", query},
      {"key", key},
      {"value", tokensFirst(call[2], heads)},
      {"scale", scale == 0 ? 1 / std::sqrt(double(query.size(3))) : scale},
      {"final_state", true},
      {"rule", rule == "linear" ? "gated" : rule}, // without a decay the gated rule is the linear one
  };
  if (call.has(3))
    given["initial_state"] = call[3].to(query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  if (rule == "gated" || rule == "gated_delta") {
    Tensor decay = tokensFirst(call[4], heads);
    given["decay"] = decay;
    given["log_decay"] = true;
    given["axis"] = decay.size(3) == 1 && key.size(3) != 1 ? "head" : "key";
  }
  if (rule == "delta" || rule == "gated_delta")
    given["beta"] = call[5].expand({query.size(0), query.size(1), heads});
  std::vector<Tensor> results = callAttention(given);
  return {results[0].flatten(2), results[1].to(call.has(3) ? call[3].scalar_type() : query.scalar_type())};
}

void fgla::onnx::addAttentionOperators(OperatorTable &table) {
  table["Attention"] = attention;
  table["RotaryEmbedding"] = rotaryEmbedding;
  table["LinearAttention"] = linearAttention;
}
