// Trains the layer on a task of memory: to say which token was the one before. train_layer.py is the same in Python.

#include "frontends/torch/nn/FGLA.h"

#include <torch/torch.h>

#include <cstdio>

int main() {
  torch::manual_seed(0);
  torch::nn::Sequential model(torch::nn::Embedding(16, 64), fgla::FGLA(fgla::FGLAOptions(64).num_heads(2)),
                              torch::nn::Linear(64, 16));
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-2));
  for (int step = 0; step < 60; ++step) {
    torch::Tensor tokens = torch::randint(16, {4, 32}, torch::kLong), logits = model->forward(tokens);
    torch::Tensor loss =
        torch::nn::functional::cross_entropy(logits.slice(1, 1).flatten(0, 1), tokens.slice(1, 0, -1).flatten());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step % 20 == 19)
      std::printf("step %d: loss %.3f\n", step + 1, loss.item<double>());
  }
}
