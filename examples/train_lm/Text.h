//===- Text.h - Bytes to train on -------------------------------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_TEXT_H
#define FGLA_EXAMPLES_TRAIN_LM_TEXT_H

#include <cstdint>
#include <filesystem>
#include <torch/types.h>

/// A file of bytes; its last twentieth is for validation.
class Text {
public:
  explicit Text(const std::filesystem::path &file);

  /// Bytes [batch, length + 1] at places of the training part that depend on the numbers given only: a run that is
  /// resumed sees what it would have seen.
  torch::Tensor sample(uint64_t seed, int64_t step, int64_t part, int64_t batch, int64_t length) const;

  /// The validation part from its start on, as at most `most` rows of length + 1, which overlap by the byte that is
  /// predicted last.
  torch::Tensor validation(int64_t most, int64_t length) const;

  int64_t size() const { return bytes.numel(); }

private:
  torch::Tensor rows(const std::vector<int64_t> &starts, int64_t length) const;

  torch::Tensor bytes;
  int64_t numTraining = 0;
};

#endif
