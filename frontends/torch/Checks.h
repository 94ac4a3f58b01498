//===- Checks.h - What the arguments of an op must be ---------------------===//
#ifndef FGLA_FRONTENDS_TORCH_CHECKS_H
#define FGLA_FRONTENDS_TORCH_CHECKS_H

#include "frontends/torch/Call.h"

#include <c10/core/SymInt.h>

namespace fgla::ops {

/// Sizes as docs/semantics.md calls them. They are symbols while a graph is traced.
struct Sizes {
  c10::SymInt batch, tokens, queryHeads, heads, keyDim, valueDim;
  c10::SymInt states; ///< B, or how many sequences are packed

  std::vector<c10::SymInt> output(const Call &call) const;
  std::vector<c10::SymInt> state() const { return {states, heads, keyDim, valueDim}; }
  std::vector<c10::SymInt> maximum() const { return {states, heads}; }
};

/// The type that a sum has, and a state that is not given.
at::ScalarType getComputationType(const Call &call);

/// Checks options and arguments, without a look at the data: an error names the argument, the rule and what was found.
Sizes check(const Call &call);

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_CHECKS_H
