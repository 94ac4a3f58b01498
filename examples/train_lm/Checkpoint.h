//===- Checkpoint.h - A training that can be continued ----------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_CHECKPOINT_H
#define FGLA_EXAMPLES_TRAIN_LM_CHECKPOINT_H

#include "Model.h"
#include <filesystem>
#include <torch/optim/adamw.h>

/// A step's numbers: rows of loss.csv.
struct Record {
  double step, loss, validation, learningRate; // validation is NaN where it was not computed
};

/// All that a training continues from.
struct Training {
  LanguageModel &model;
  torch::optim::AdamW &optimizer;
  std::string options; // of the run, as text
  std::vector<Record> history;

  int64_t step() const { return static_cast<int64_t>(history.size()); }
};

/// Whenever the process is killed, the file holds this state or the one before.
void save(const std::filesystem::path &file, const Training &training);
/// False where there is no file; throws where it is of another run.
bool load(const std::filesystem::path &file, Training &training);

#endif
