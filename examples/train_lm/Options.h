//===- Options.h - The command line -----------------------------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_OPTIONS_H
#define FGLA_EXAMPLES_TRAIN_LM_OPTIONS_H

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

struct Options {
  std::filesystem::path text, out = "run";
  std::vector<std::string> mixers = {"fgla", "fgla"}; // one for each block
  int64_t channels = 128, heads = 2, batch = 8, length = 256, accumulate = 1, steps = 1000, warmup = 100;
  double learningRate = 2e-3, weightDecay = 0.1, clip = 1.0, temperature = 0.8;
  int64_t evaluateEvery = 100, checkpointEvery = 100, sample = 400;
  uint64_t seed = 1;
  bool shortConvolution = true, bf16 = false;
  std::string device = "cpu", prompt = "In the beginning ";

  /// What a run's numbers depend on, as one line; a checkpoint is continued by the same only.
  std::string describe() const;
};

/// Throws std::invalid_argument with one line.
Options parseOptions(int argc, char **argv);

extern const char *const kUsage;

#endif
