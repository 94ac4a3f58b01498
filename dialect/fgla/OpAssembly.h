//===- OpAssembly.h - Custom directives of the fgla ops' assembly ---------===//
#ifndef FGLA_DIALECT_FGLA_OPASSEMBLY_H
#define FGLA_DIALECT_FGLA_OPASSEMBLY_H

#include "dialect/fgla/FGLA.h"

namespace fgla {
/// `safe_exp`, or `custom` where the op has a region instead of a kind.
mlir::ParseResult parseKindOrRegion(mlir::OpAsmParser &parser, FeatureKindAttr &kind);
mlir::ParseResult parseKindOrRegion(mlir::OpAsmParser &parser, GateKindAttr &kind);
void printKindOrRegion(mlir::OpAsmPrinter &printer, mlir::Operation *op, FeatureKindAttr kind);
void printKindOrRegion(mlir::OpAsmPrinter &printer, mlir::Operation *op, GateKindAttr kind);

/// A region, or nothing where it is empty.
mlir::ParseResult parseExpression(mlir::OpAsmParser &parser, mlir::Region &region);
void printExpression(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::Region &region);

/// One type for all inputs and the result of a gate.
mlir::ParseResult parseGateType(mlir::OpAsmParser &parser, llvm::SmallVectorImpl<mlir::Type> &inputs,
                                mlir::Type &output, llvm::ArrayRef<mlir::OpAsmParser::UnresolvedOperand> operands);
void printGateType(mlir::OpAsmPrinter &printer, mlir::Operation *op, mlir::TypeRange inputs, mlir::Type output,
                   mlir::ValueRange operands);
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_OPASSEMBLY_H
