//===- Passes.h - Passes that decide how kernels run ----------------------===//
#ifndef FGLA_PASSES_SCHEDULE_PASSES_H
#define FGLA_PASSES_SCHEDULE_PASSES_H

#include "dialect/fgla/FGLA.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
/// The attribute of a kernel's root that holds its schedule.
constexpr llvm::StringLiteral kScheduleAttrName = "fgla.schedule";
/// The attribute of a kernel's root, and of the kernel, that says how exactly it multiplies.
constexpr llvm::StringLiteral kPrecisionAttrName = "fgla.precision";
/// The attribute of a module that holds the sizes of named dims (i64) that reports are to be for.
constexpr llvm::StringLiteral kShapeAttrName = "fgla.report_shape";
/// The attribute of a module that holds its target.
constexpr llvm::StringLiteral kTargetAttrName = "fgla.target";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/schedule/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_PASSES_H
