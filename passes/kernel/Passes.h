//===- Passes.h - From roles with layouts to GPU code ---------------------===//
#ifndef FGLA_PASSES_KERNEL_PASSES_H
#define FGLA_PASSES_KERNEL_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla::kernel {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/kernel/Passes.h.inc"
} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_PASSES_H
