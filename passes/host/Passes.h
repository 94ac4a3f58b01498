//===- Passes.h - What runs beside a GPU's kernels ------------------------===//
#ifndef FGLA_PASSES_HOST_PASSES_H
#define FGLA_PASSES_HOST_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
namespace func {
class FuncOp;
}
} // namespace mlir

namespace fgla::host {
#define GEN_PASS_DECL
#include "passes/host/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

#endif // FGLA_PASSES_HOST_PASSES_H
