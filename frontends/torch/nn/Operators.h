//===- Operators.h - Calls of operators by names of arguments ---*- C++ -*-===//
#ifndef FGLA_FRONTENDS_TORCH_NN_OPERATORS_H
#define FGLA_FRONTENDS_TORCH_NN_OPERATORS_H

#include <ATen/core/dispatch/Dispatcher.h>
#include <array>
#include <map>
#include <string>

namespace fgla {

using Arguments = std::map<std::string, c10::IValue>;

/// The output, the final state and its maximum.
using Results = std::array<at::Tensor, 3>;

/// Calls `fgla::fgla` or another operator with such results. Arguments that are not given have their defaults.
Results callOperator(const char *name, const Arguments &arguments);

/// An argument that may be left out: nothing for an undefined tensor.
inline c10::IValue optional(const at::Tensor &tensor) { return tensor.defined() ? c10::IValue(tensor) : c10::IValue(); }

} // namespace fgla

#endif
