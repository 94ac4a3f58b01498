//===- Diagnostics.h - Errors that name an op ------------------------------===//
#ifndef FGLA_DIALECT_TILE_DIAGNOSTICS_H
#define FGLA_DIALECT_TILE_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"

namespace fgla {
/// An error whose text begins with the op's name, for what says why the op cannot be compiled.
inline mlir::InFlightDiagnostic emitNamedError(mlir::Operation *op) {
  mlir::InFlightDiagnostic error = op->emitError();
  error << "'" << op->getName() << "' ";
  return error;
}
} // namespace fgla

#endif // FGLA_DIALECT_TILE_DIAGNOSTICS_H
