//===- Model.cpp - A language model over bytes ----------------------------===//

#include "Model.h"
#include <torch/nn/functional/loss.h>
#include <torch/nn/init.h>

using torch::Tensor;

static torch::nn::LayerNorm makeNorm(int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}));
}

static torch::nn::Linear makeLinear(int64_t from, int64_t to) {
  return torch::nn::Linear(torch::nn::LinearOptions(from, to).bias(false));
}

/// About 8/3 of the channels, a multiple of 16.
static int64_t chooseInner(int64_t channels) { return (channels * 8 / 3 + 15) / 16 * 16; }

BlockImpl::BlockImpl(const ModelOptions &options, const std::string &kind)
    : mixerNorm(makeNorm(options.channels)), mlpNorm(makeNorm(options.channels)),
      mixer(fgla::FGLAOptions(options.channels)
                .mixer(kind)
                .num_heads(options.heads)
                .use_short_conv(options.shortConvolution)),
      gate(makeLinear(options.channels, chooseInner(options.channels))),
      up(makeLinear(options.channels, chooseInner(options.channels))),
      down(makeLinear(chooseInner(options.channels), options.channels)) {
  register_module("mixer_norm", mixerNorm);
  register_module("mixer", mixer);
  register_module("mlp_norm", mlpNorm);
  register_module("gate", gate);
  register_module("up", up);
  register_module("down", down);
}

Tensor BlockImpl::feedForward(const Tensor &x) {
  Tensor z = mlpNorm(x);
  return x + down(torch::silu(gate(z)) * up(z));
}

Tensor BlockImpl::forward(const Tensor &x) { return feedForward(x + mixer(mixerNorm(x))); }

std::pair<Tensor, fgla::State> BlockImpl::extend(const Tensor &x, const fgla::State &state) {
  auto [y, next] = mixer->extend(mixerNorm(x), state);
  return {feedForward(x + y), std::move(next)};
}

LanguageModelImpl::LanguageModelImpl(const ModelOptions &options)
    : embedding(256, options.channels), norm(makeNorm(options.channels)) {
  register_module("embedding", embedding);
  for (const std::string &mixer : options.mixers)
    blocks.push_back(register_module("block" + std::to_string(blocks.size()), Block(options, mixer)));
  register_module("norm", norm);
  // The embedding is the head too, whose logits begin small.
  torch::nn::init::normal_(embedding->weight, 0, 0.02);
}

static Tensor applyHead(const Tensor &x, const Tensor &weight) { return torch::linear(x, weight); }

Tensor LanguageModelImpl::forward(const Tensor &bytes) {
  Tensor x = embedding(bytes);
  for (Block &block : blocks)
    x = block(x);
  return applyHead(norm(x), embedding->weight);
}

Tensor LanguageModelImpl::extend(const Tensor &bytes, std::vector<fgla::State> &states) {
  states.resize(blocks.size());
  Tensor x = embedding(bytes);
  for (size_t i = 0; i < blocks.size(); ++i)
    std::tie(x, states[i]) = blocks[i]->extend(x, states[i]);
  return applyHead(norm(x), embedding->weight);
}

Tensor computeLoss(LanguageModel &model, const Tensor &rows) {
  int64_t length = rows.size(1) - 1;
  Tensor logits = model(rows.narrow(1, 0, length));
  return torch::nn::functional::cross_entropy(logits.flatten(0, 1).to(torch::kFloat),
                                              rows.narrow(1, 1, length).flatten());
}

std::string generate(LanguageModel &model, const std::string &prompt, int64_t count, double temperature,
                     uint64_t seed) {
  torch::NoGradGuard guard;
  torch::Device device = model->parameters().front().device();
  std::mt19937_64 generator(seed);
  std::vector<fgla::State> states;
  std::string text = prompt;
  std::vector<int64_t> bytes;
  for (unsigned char byte : prompt)
    bytes.push_back(byte);
  Tensor next = torch::tensor(bytes).unsqueeze(0);
  for (int64_t i = 0; i < count; ++i) {
    Tensor logits = model->extend(next.to(device), states).select(1, -1).select(0, 0).to(torch::kCPU, torch::kDouble);
    Tensor sums = torch::softmax(logits / temperature, 0).cumsum(0);
    // By the numbers of a generator of its own: text may be sampled between two steps of a training.
    double number = std::generate_canonical<double, 53>(generator) * sums[-1].item<double>();
    int64_t byte = std::min<int64_t>((sums <= number).sum().item<int64_t>(), 255);
    text += static_cast<char>(byte);
    next = torch::full({1, 1}, byte, torch::kInt64);
  }
  return text;
}
