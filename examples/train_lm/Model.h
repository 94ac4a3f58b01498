//===- Model.h - A language model over bytes --------------------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_MODEL_H
#define FGLA_EXAMPLES_TRAIN_LM_MODEL_H

#include "frontends/torch/nn/FGLA.h"
#include <random>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

struct ModelOptions {
  std::vector<std::string> mixers; // one for each block
  int64_t channels, heads;
  bool shortConvolution;
};

/// x + mix(norm(x)), then x + mlp(norm(x)).
class BlockImpl : public torch::nn::Module {
public:
  BlockImpl(const ModelOptions &options, const std::string &mixer);

  torch::Tensor forward(const torch::Tensor &x);
  std::pair<torch::Tensor, fgla::State> extend(const torch::Tensor &x, const fgla::State &state);

private:
  torch::Tensor feedForward(const torch::Tensor &x);

  torch::nn::LayerNorm mixerNorm, mlpNorm;
  fgla::FGLA mixer;
  torch::nn::Linear gate, up, down;
};
TORCH_MODULE(Block);

/// Bytes [B, T] to the logits of the bytes that follow, [B, T, 256].
class LanguageModelImpl : public torch::nn::Module {
public:
  explicit LanguageModelImpl(const ModelOptions &options);

  torch::Tensor forward(const torch::Tensor &bytes);
  /// The same of further bytes; `states` has one for each block, or none at the start of a text.
  torch::Tensor extend(const torch::Tensor &bytes, std::vector<fgla::State> &states);

private:
  torch::nn::Embedding embedding;
  std::vector<Block> blocks;
  torch::nn::LayerNorm norm;
};
TORCH_MODULE(LanguageModel);

/// The mean cross entropy of `rows` [B, T + 1], in nats for each byte.
torch::Tensor computeLoss(LanguageModel &model, const torch::Tensor &rows);

/// `count` bytes that follow `prompt`, one token at a time.
std::string generate(LanguageModel &model, const std::string &prompt, int64_t count, double temperature, uint64_t seed);

#endif
