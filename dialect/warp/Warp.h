//===- Warp.h - The fgla_warp dialect -------------------------------------===//
//
// Roles, channels and layouts of a GPU kernel. See WarpOps.td.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_WARP_WARP_H
#define FGLA_DIALECT_WARP_WARP_H

#include "dialect/tile/Tile.h"
#include "dialect/warp/LinearLayout.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/warp/WarpDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/warp/WarpTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/warp/WarpAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialect/warp/WarpOps.h.inc"

#endif // FGLA_DIALECT_WARP_WARP_H
