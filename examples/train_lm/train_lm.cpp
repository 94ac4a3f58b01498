//===- train_lm.cpp - Trains a language model over bytes ------------------===//

#include "Checkpoint.h"
#include "File.h"
#include "Options.h"
#include "Plot.h"
#include "ProgressBar.h"
#include "Text.h"
#include "frontends/torch/nn/StateDict.h"
#include <ATen/autocast_mode.h>
#include <cmath>
#include <iostream>
#include <numbers>
#include <sstream>
#include <torch/nn/utils/clip_grad.h>

namespace {
/// bf16 for the products, while it lives.
class Autocast {
public:
  Autocast(bool isOn, torch::Device device) : device(device.type()), isOn(isOn) {
    if (!isOn)
      return;
    at::autocast::set_autocast_enabled(this->device, true);
    at::autocast::set_autocast_dtype(this->device, torch::kBFloat16);
  }
  ~Autocast() {
    if (!isOn)
      return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device, false);
  }
  Autocast(const Autocast &) = delete;
  Autocast &operator=(const Autocast &) = delete;

private:
  torch::DeviceType device;
  bool isOn;
};
} // namespace

/// Matrices decay, vectors (biases, norms) do not.
static torch::optim::AdamW makeOptimizer(LanguageModel &model, const Options &options) {
  std::vector<torch::Tensor> matrices, vectors;
  for (const torch::Tensor &parameter : model->parameters())
    (parameter.dim() > 1 ? matrices : vectors).push_back(parameter);
  auto how = [&](double decay) {
    return std::make_unique<torch::optim::AdamWOptions>(
        torch::optim::AdamWOptions(options.learningRate).betas({0.9, 0.95}).weight_decay(decay));
  };
  return torch::optim::AdamW({torch::optim::OptimizerParamGroup(matrices, how(options.weightDecay)),
                              torch::optim::OptimizerParamGroup(vectors, how(0))},
                             torch::optim::AdamWOptions(options.learningRate));
}

/// Linear up, then half a cosine down to a tenth.
static double chooseLearningRate(int64_t step, const Options &options) {
  if (step < options.warmup)
    return options.learningRate * static_cast<double>(step + 1) / static_cast<double>(options.warmup);
  double part = static_cast<double>(step - options.warmup) /
                static_cast<double>(std::max<int64_t>(options.steps - options.warmup, 1));
  return options.learningRate * (0.55 + 0.45 * std::cos(std::numbers::pi * part));
}

/// One step; returns the loss.
static double trainStep(LanguageModel &model, torch::optim::AdamW &optimizer, const Text &text, const Options &options,
                        int64_t step, double learningRate) {
  optimizer.zero_grad();
  double total = 0;
  for (int64_t part = 0; part < options.accumulate; ++part) {
    torch::Tensor rows =
        text.sample(options.seed, step, part, options.batch, options.length).to(torch::Device(options.device));
    torch::Tensor loss;
    {
      Autocast autocast(options.bf16, rows.device());
      loss = computeLoss(model, rows) / static_cast<double>(options.accumulate);
    }
    loss.backward();
    total += loss.item<double>();
  }
  TORCH_CHECK(std::isfinite(total), "the loss of step ", step + 1, " is not finite");
  torch::nn::utils::clip_grad_norm_(model->parameters(), options.clip);
  for (torch::optim::OptimizerParamGroup &group : optimizer.param_groups())
    group.options().set_lr(learningRate);
  optimizer.step();
  return total;
}

static double evaluate(LanguageModel &model, const torch::Tensor &rows, const Options &options) {
  torch::NoGradGuard guard;
  Autocast autocast(options.bf16, rows.device());
  return computeLoss(model, rows).item<double>();
}

static void writeLosses(const Options &options, const std::vector<Record> &history) {
  std::ostringstream csv;
  csv.precision(17);
  csv << "step,loss,validation,learning_rate\n";
  Curve training{{}, {150, 180, 230}}, validation{{}, {200, 60, 40}};
  for (const Record &row : history) {
    csv << row.step << ',' << row.loss << ',';
    if (!std::isnan(row.validation))
      csv << row.validation;
    csv << ',' << row.learningRate << '\n';
    training.points.emplace_back(row.step, row.loss / std::numbers::ln2);
    validation.points.emplace_back(row.step, row.validation / std::numbers::ln2);
  }
  replaceFile(options.out / "loss.csv", csv.view());
  plot(options.out / "loss.png", {training, validation});
}

static void train(const Options &options) {
  Text text(options.text);
  torch::Tensor validationRows = text.validation(32, options.length).to(torch::Device(options.device));
  torch::manual_seed(options.seed);
  LanguageModel model(ModelOptions{options.mixers, options.channels, options.heads, options.shortConvolution});
  model->to(torch::Device(options.device));
  torch::optim::AdamW optimizer = makeOptimizer(model, options);
  std::filesystem::create_directories(options.out);
  Training training{model, optimizer, options.describe(), {}};
  bool isContinued = load(options.out / "checkpoint.pt", training);
  int64_t numParameters = 0;
  for (const torch::Tensor &parameter : model->parameters())
    numParameters += parameter.numel();
  std::cout << numParameters << " parameters, " << text.size() << " bytes of text"
            << (isContinued ? ", continued after step " + std::to_string(training.step()) : "") << std::endl;

  ProgressBar bar(training.step(), options.steps, options.batch * options.length * options.accumulate);
  while (training.step() < options.steps) {
    int64_t step = training.step();
    double learningRate = chooseLearningRate(step, options);
    double loss = trainStep(model, optimizer, text, options, step, learningRate);
    bool isLast = step + 1 == options.steps;
    double validation = NAN;
    if (isLast || (step + 1) % options.evaluateEvery == 0)
      validation = evaluate(model, validationRows, options);
    training.history.push_back({static_cast<double>(step + 1), loss, validation, learningRate});
    bar.show(step + 1, loss);
    if (isLast || (step + 1) % options.checkpointEvery == 0) {
      save(options.out / "checkpoint.pt", training);
      writeLosses(options, training.history);
    }
  }
  bar.clear();
  if (!training.history.empty())
    std::cout << "validation: " << training.history.back().validation / std::numbers::ln2 << " bits per byte"
              << std::endl;
  fgla::saveStateDict(*model, options.out / "model.pt.next");
  std::filesystem::rename(options.out / "model.pt.next", options.out / "model.pt");
  std::string sample = generate(model, options.prompt, options.sample, options.temperature, options.seed);
  replaceFile(options.out / "sample.txt", sample);
  std::cout << sample << std::endl;
}

int main(int argc, char **argv) {
  try {
    train(parseOptions(argc, argv));
    return 0;
  } catch (const std::invalid_argument &error) {
    std::cerr << "error: " << error.what() << "\n\n" << kUsage;
  } catch (const c10::Error &error) {
    std::cerr << "error: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << '\n';
  }
  return 1;
}
