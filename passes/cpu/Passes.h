//===- Passes.h - From tensors and linalg to the host CPU -----------------===//
#ifndef FGLA_PASSES_CPU_PASSES_H
#define FGLA_PASSES_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
}

namespace fgla::cpu {
#define GEN_PASS_DECL
#include "passes/cpu/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

#endif // FGLA_PASSES_CPU_PASSES_H
