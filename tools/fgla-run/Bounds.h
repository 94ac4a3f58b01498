//===- Bounds.h - How exact results are promised to be --------------------===//
#ifndef FGLA_TOOLS_FGLA_RUN_BOUNDS_H
#define FGLA_TOOLS_FGLA_RUN_BOUNDS_H

#include "compiler/Compiler.h"
#include "runtime/Function.h"

namespace fgla::tools {

/// The largest ‖y−ref‖/‖ref‖ of each result (docs/semantics.md, What is promised about numbers): that of the least
/// exact type that the program rounds to on the way to the result. A GPU rounds what it multiplies to the type of the
/// arguments too.
runtime::Result<std::vector<double>> getBounds(const Source &source, const CompileOptions &options,
                                               const runtime::Function &function);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_RUN_BOUNDS_H
