//===- FGLA.h - The fgla dialect ------------------------------------------===//
//
// Gated linear attention on tensors: what is computed. See FGLAOps.td and docs/semantics.md.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_FGLA_H
#define FGLA_DIALECT_FGLA_FGLA_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/fgla/Attributes.h"
#include "dialect/fgla/Schedule.h"

#include "dialect/fgla/FGLADialect.h.inc"
#include "dialect/fgla/FGLAEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/fgla/FGLAAttrs.h.inc"

#include "dialect/fgla/FGLAInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialect/fgla/FGLAOps.h.inc"

namespace fgla {
/// The type arithmetic is done in: f64 for f64 storage, f32 for all else.
mlir::FloatType getComputeType(mlir::Type storage);

/// The factor that keeps the variance of FGLA's output near one: 1 / (e sqrt(K (e^2 - 1))).
double getDefaultScale(int64_t keyDim);

/// Sizes of a tensor as a message shows them: `[?, ?, 4, 64]`.
std::string formatShape(llvm::ArrayRef<int64_t> shape);
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_FGLA_H
