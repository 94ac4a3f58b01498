//===- ProgressBar.h - How far a training is --------------------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_PROGRESSBAR_H
#define FGLA_EXAMPLES_TRAIN_LM_PROGRESSBAR_H

#include <chrono>
#include <cstdint>
#include <string>

/// A line on stderr that is written over: a bar, the loss, tokens a second and the time that is left. Where stderr is
/// no terminal, a line now and then.
class ProgressBar {
public:
  ProgressBar(int64_t first, int64_t steps, int64_t tokensPerStep);
  void show(int64_t step, double loss);
  /// So that other text begins on a line of its own.
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  int64_t first, steps, tokensPerStep;
  Clock::time_point start, shown;
  bool isTerminal;
};

#endif
