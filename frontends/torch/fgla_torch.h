//===- fgla_torch.h - What a C++ program can do with the ops --------------===//
//
// The ops themselves are called through PyTorch's dispatcher, as every op is: link libfgla_torch.so, or load it with
// dlopen(). This is what there is beside them.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_FGLA_TORCH_H
#define FGLA_FRONTENDS_TORCH_FGLA_TORCH_H

#include <ATen/core/ivalue.h>

#include <string>
#include <unordered_map>
#include <vector>

namespace fgla {

/// Compiles what a call of an op ("fgla", "attention", "step") needs, without computing it: a server does this before
/// its first request, and everybody before the capture of a CUDA graph. The arguments are those of the call, of which
/// batch and tokens do not matter. Where a tensor requires a gradient, what that needs is compiled too.
void prepare(const std::string &op, std::vector<c10::IValue> arguments,
             const std::unordered_map<std::string, c10::IValue> &keywords = {});

} // namespace fgla

#endif // FGLA_FRONTENDS_TORCH_FGLA_TORCH_H
