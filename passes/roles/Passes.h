//===- Passes.h - From tile programs to roles and channels ----------------===//
#ifndef FGLA_PASSES_ROLES_PASSES_H
#define FGLA_PASSES_ROLES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace fgla {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/roles/Passes.h.inc"
} // namespace fgla

#endif // FGLA_PASSES_ROLES_PASSES_H
