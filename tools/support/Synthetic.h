//===- Synthetic.h - Made-up tensors for the arguments of a function ------===//
#ifndef FGLA_TOOLS_SUPPORT_SYNTHETIC_H
#define FGLA_TOOLS_SUPPORT_SYNTHETIC_H

#include "runtime/Function.h"
#include "support/Tensor.h"

#include <map>

namespace fgla::tools {

using Sizes = std::map<std::string, int64_t, std::less<>>;

/// Parses "B=1,T=4096".
runtime::Result<Sizes> parseSizes(const std::string &text);

/// Sizes for the dynamic dims that have none: 2 for "B", 128 for "T", 16 for others.
void addDefaultSizes(const runtime::Function &function, Sizes &sizes);

/// Normally distributed floats (scaled down for weights), integers 0 and 1, the same for the same seed. Every dynamic
/// dim of the signature must have a size; a dim without a name is "?".
runtime::Result<std::vector<runtime::Tensor>> makeInputs(const runtime::Function &function, const Sizes &sizes,
                                                         uint64_t seed = 1);

} // namespace fgla::tools

#endif // FGLA_TOOLS_SUPPORT_SYNTHETIC_H
