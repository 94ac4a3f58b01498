//===- Passes.h - The form of an artifact ---------------------------------===//
#ifndef FGLA_PASSES_BINARY_PASSES_H
#define FGLA_PASSES_BINARY_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
}

namespace fgla::binary {
#define GEN_PASS_DECL
#include "passes/binary/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/binary/Passes.h.inc"
} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_PASSES_H
