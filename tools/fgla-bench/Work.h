//===- Work.h - How many operations a function does -----------------------===//
#ifndef FGLA_TOOLS_FGLA_BENCH_WORK_H
#define FGLA_TOOLS_FGLA_BENCH_WORK_H

#include "compiler/Compiler.h"

namespace fgla::tools {

/// Floating-point operations of one call with arguments of the given shapes, as the mathematics needs them: for each
/// token and head of an attention, 5 K V (decay the state, add k v^T, read it with q) and 2 more K V for a delta rule;
/// for a contraction, two for each step. Elementwise ops are left out. Nothing is returned where the shapes do not
/// tell.
std::optional<double> countFlops(const Source &source, const CompileOptions &options, const std::string &entry,
                                 llvm::ArrayRef<std::vector<int64_t>> shapes);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_BENCH_WORK_H
