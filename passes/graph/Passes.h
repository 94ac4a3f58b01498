//===- Passes.h - Passes on the graph -------------------------------------===//
//
// Tensors in, tensors out. See Passes.td.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_GRAPH_PASSES_H
#define FGLA_PASSES_GRAPH_PASSES_H

#include "mlir/Pass/Pass.h"

namespace fgla {
/// What of its results is kept for the gradient: a choice of `fgla-choose-saved`.
enum class Memory { Min, Balanced, Speed };

#define GEN_PASS_DECL
#include "passes/graph/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/graph/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_GRAPH_PASSES_H
