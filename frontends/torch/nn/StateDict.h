//===- StateDict.h - Parameters of a module in a file -----------*- C++ -*-===//
#ifndef FGLA_FRONTENDS_TORCH_NN_STATEDICT_H
#define FGLA_FRONTENDS_TORCH_NN_STATEDICT_H

#include <filesystem>
#include <torch/nn/module.h>

namespace fgla {

/// Writes parameters and buffers by name: in Python, `module.load_state_dict(torch.load(file))`.
void saveStateDict(const torch::nn::Module &module, const std::filesystem::path &file);

/// Reads what that, or `torch.save(dict(module.state_dict()), file)` in Python, has written. An error says which name
/// is missing, is too many or has another shape; then nothing has changed.
void loadStateDict(torch::nn::Module &module, const std::filesystem::path &file);

} // namespace fgla

#endif
