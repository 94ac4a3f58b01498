//===- FGLA.h - The layer ---------------------------------------*- C++ -*-===//
//
// Token mixing by gated linear attention, or by one of its relatives. The Python package has the same layer
// (frontends/torch/python/fgla/layer.py): the same options, the same parameters by the same names, the same numbers.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_NN_FGLA_H
#define FGLA_FRONTENDS_TORCH_NN_FGLA_H

#include <optional>
#include <string>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <vector>

namespace fgla {

/// What distinguishes kinds of mixing. Maps and gates: a name, or the text of a region (`^bb0(%x: f32): …`).
struct Mixer {
  std::string queryMap = "identity", keyMap = "identity";
  bool hasMapMatrix = false; // a learnable matrix for each head before the map
  std::string stabilizer = "none", gate = "none";
  bool logGate = false; // a region gives log f
  std::string axis = "key", norm = "rms";
  bool isSoftmax = false;
};

/// The mixer of that name: softmax, relu, elu1, hedgehog, scalar, gla, retnet, fgla.
const Mixer &getMixer(const std::string &name);

struct FGLAOptions {
  explicit FGLAOptions(int64_t hiddenSize) : hidden_size_(hiddenSize) {}

  TORCH_ARG(int64_t, hidden_size);
  /// A name of getMixer(), whose choices the options below replace.
  TORCH_ARG(std::string, mixer) = "fgla";
  /// Heads of queries, and of keys, values and gates (0: as many).
  TORCH_ARG(int64_t, num_heads) = 4;
  TORCH_ARG(int64_t, num_kv_heads) = 0;
  /// Channels of all heads together, as parts of hidden_size.
  TORCH_ARG(double, expand_k) = 1;
  TORCH_ARG(double, expand_v) = 1;
  TORCH_ARG(std::optional<std::string>, feature_map);
  TORCH_ARG(std::optional<std::string>, gate);
  TORCH_ARG(std::optional<bool>, log_gate);
  /// What one decay multiplies: key, value or head.
  TORCH_ARG(std::optional<std::string>, axis);
  /// Over a head's values: rms, layer or none.
  TORCH_ARG(std::optional<std::string>, norm);
  TORCH_ARG(double, norm_eps) = 1e-5;
  /// y * silu(x W)
  TORCH_ARG(std::optional<bool>, use_output_gate);
  /// A causal convolution of conv_size tokens over queries, keys and values, and silu.
  TORCH_ARG(bool, use_short_conv) = false;
  TORCH_ARG(int64_t, conv_size) = 4;
  TORCH_ARG(bool, conv_bias) = false;
  /// Inner size of the gates' projections; 0: one full matrix.
  TORCH_ARG(int64_t, gate_low_rank_dim) = 16;
};

/// What a layer carries from token to token; for a caller it is opaque.
struct State {
  std::vector<torch::Tensor> memory; // S and m; keys and values of softmax attention
  std::vector<torch::Tensor> conv;   // the last inputs of the short convolutions

  bool empty() const { return memory.empty(); }
};

/// Hidden states [B, T, hidden_size] to hidden states. Parameters are named as in flash-linear-attention's
/// GatedLinearAttention where they mean the same.
class FGLAImpl : public torch::nn::Module {
public:
  explicit FGLAImpl(const FGLAOptions &options);

  torch::Tensor forward(const torch::Tensor &x);

  /// The same of the tokens that follow those that `state` has seen, and the state after them.
  std::pair<torch::Tensor, State> extend(const torch::Tensor &x, const State &state = {});

  const Mixer &mixer() const { return mix; }

private:
  using Mixed = std::pair<torch::Tensor, std::vector<torch::Tensor>>;

  void addGates(int64_t hiddenSize, int64_t rank);
  std::pair<torch::Tensor, State> run(const torch::Tensor &x, const State &state, bool wantsState);
  torch::Tensor convolve(torch::nn::Conv1d &conv, const torch::Tensor &z, torch::Tensor past, State &next);
  Mixed runSoftmax(torch::Tensor q, torch::Tensor k, torch::Tensor v, const std::vector<torch::Tensor> &memory);
  Mixed runAttention(const torch::Tensor &x, const torch::Tensor &q, const torch::Tensor &k, const torch::Tensor &v,
                     const std::vector<torch::Tensor> &memory, bool wantsState);

  FGLAOptions options;
  Mixer mix;
  int64_t numHeads, numKVHeads, keyDim, valueDim; // of a head

  torch::nn::Linear query{nullptr}, key{nullptr}, value{nullptr}, outputGate{nullptr}, output{nullptr};
  std::vector<torch::nn::Conv1d> convs;
  struct Gate {
    torch::nn::Linear first{nullptr}, last{nullptr}; // `first` where the rank is low
  };
  std::vector<Gate> gates;
  torch::Tensor queryMatrix, keyMatrix, normWeight, normBias;
};
TORCH_MODULE(FGLA);

} // namespace fgla

#endif
