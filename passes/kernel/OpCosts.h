//===- OpCosts.h - What ops on tiles cost ---------------------------------===//
#ifndef FGLA_PASSES_KERNEL_OPCOSTS_H
#define FGLA_PASSES_KERNEL_OPCOSTS_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OpDefinition.h"
#include "passes/schedule/CostModel.h"

#include "passes/kernel/Interfaces.h.inc"

namespace fgla::kernel {
int64_t countBytes(mlir::Value tile);

/// Lets the ops of fgla_tile and fgla_warp answer.
void registerCosts(mlir::DialectRegistry &registry);
} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_OPCOSTS_H
