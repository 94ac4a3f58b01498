//===- Tile.h - The fgla_tile dialect -------------------------------------===//
//
// Kernels as programs on tiles of tokens. See TileOps.td.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_TILE_TILE_H
#define FGLA_DIALECT_TILE_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/tile/TileDialect.h.inc"
#include "dialect/tile/TileEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/tile/TileAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialect/tile/TileOps.h.inc"

namespace fgla::tile {
/// The scalar `kind` combines nothing into, of float type `type`.
mlir::Value buildNeutral(mlir::OpBuilder &builder, mlir::Location loc, ReduceKind kind, mlir::Type type);
/// The scalar or vector combination of `a` and `b`.
mlir::Value buildCombine(mlir::OpBuilder &builder, mlir::Location loc, ReduceKind kind, mlir::Value a, mlir::Value b);

/// A map of `inputs` to tiles of `shape` with the given element types; `body` gets the scalars and returns what is
/// yielded.
using MapBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;
MapOp buildMap(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs, llvm::ArrayRef<int64_t> shape,
               mlir::TypeRange elements, MapBody body);
/// The same with one result of `inputs[0]`'s element type.
mlir::Value buildMap(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange inputs,
                     llvm::ArrayRef<int64_t> shape,
                     llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)> body);

/// The elementwise product, of `a`'s shape; `b` may be broadcast.
mlir::Value buildProduct(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);

/// A tile full of `value`.
mlir::Value buildSplat(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<int64_t> shape, mlir::Type element,
                       double value);

/// The shape of a tile.
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value tile) {
  return mlir::cast<mlir::RankedTensorType>(tile.getType()).getShape();
}
} // namespace fgla::tile

#endif // FGLA_DIALECT_TILE_TILE_H
