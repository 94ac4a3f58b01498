//===- TorchTest.cpp - PyTorch's ops from C++ -----------------------------===//

#include "frontends/torch/fgla_torch.h"

#include <torch/torch.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <tuple>

using torch::Tensor;

/// fgla::attention with the options that it has by itself.
static std::tuple<Tensor, Tensor, Tensor> attend(const Tensor &query, const Tensor &key, const Tensor &value,
                                                 const std::optional<Tensor> &decay, std::optional<double> scale) {
  using Signature = std::tuple<Tensor, Tensor, Tensor>(
      const Tensor &, const Tensor &, const Tensor &, const std::optional<Tensor> &, const std::optional<Tensor> &,
      const std::optional<Tensor> &, const std::optional<Tensor> &, const std::optional<Tensor> &, bool,
      c10::string_view, c10::string_view, c10::string_view, std::optional<double>, bool);
  static auto op = c10::Dispatcher::singleton().findSchemaOrThrow("fgla::attention", "").typed<Signature>();
  return op.call(query, key, value, decay, {}, {}, {}, {}, false, "key", "gated", "none", scale, true);
}

/// Token after token.
static Tensor attendSlowly(const Tensor &query, const Tensor &key, const Tensor &value, const Tensor &decay,
                           double scale) {
  Tensor state = torch::zeros({query.size(0), query.size(2), query.size(3), value.size(3)}, query.options());
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < query.size(1); ++t) {
    auto at = [t](const Tensor &x) { return x.select(1, t); };
    state = at(decay).unsqueeze(-1) * state + at(key).unsqueeze(-1) * at(value).unsqueeze(-2);
    outputs.push_back(scale * (at(query).unsqueeze(-2).matmul(state)).squeeze(-2));
  }
  return torch::stack(outputs, 1);
}

TEST(Torch, ComputesWithGradients) {
  torch::manual_seed(0);
  auto make = [](int64_t channels) { return torch::randn({2, 9, 2, channels}, torch::kDouble).requires_grad_(); };
  Tensor query = make(4), key = make(4), value = make(3), gate = make(4);
  auto [output, state, maximum] = attend(query, key, value, gate.sigmoid(), 0.5);
  Tensor wanted = attendSlowly(query, key, value, gate.sigmoid(), 0.5);
  EXPECT_TRUE(torch::allclose(output, wanted, 1e-12, 1e-12));
  EXPECT_EQ(state.sizes(), (std::vector<int64_t>{2, 2, 4, 3}));
  EXPECT_EQ(maximum.numel(), 0);
  Tensor cotangent = torch::randn_like(wanted);
  auto found = torch::autograd::grad({output}, {query, key, value, gate}, {cotangent});
  auto expected = torch::autograd::grad({wanted}, {query, key, value, gate}, {cotangent});
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], expected[i], 1e-12, 1e-12)) << i;
}

TEST(Torch, PrepareCompiles) {
  Tensor x = torch::randn({1, 5, 2, 4}).requires_grad_(), decay = torch::rand({1, 5, 2, 4});
  fgla::prepare("attention", {x, x, x, decay}, {{"scale", 0.625}, {"final_state", true}});
  setenv("FGLA_COMPILE", "/nowhere/fgla-compile", 1);
  auto [output, state, maximum] = attend(x, x, x, decay, 0.625);
  EXPECT_NO_THROW((output.sum() + state.sum()).backward());
  EXPECT_THROW(attend(x, x, x, decay, 0.375), c10::Error);
  unsetenv("FGLA_COMPILE");
  EXPECT_NO_THROW(attend(x, x, x, decay, 0.375));
}

TEST(Torch, RefusesTensorsWithoutBatch) {
  Tensor x = torch::randn({5, 2, 4});
  try {
    attend(x, x, x, {}, {});
    FAIL();
  } catch (const c10::Error &error) {
    EXPECT_NE(std::string(error.what()).find("argument 'query' must have 4 dims, [B, T, H, D], got [5, 2, 4]"),
              std::string::npos);
  }
}
