//===- ONNX.h - a mirror of an ONNX graph ---------------------------------===//
#ifndef FGLA_DIALECT_ONNX_ONNX_H
#define FGLA_DIALECT_ONNX_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/onnx/ONNXDialect.h.inc"

#define GET_OP_CLASSES
#include "dialect/onnx/ONNXOps.h.inc"

namespace fgla::onnx {
/// On the module: the folder of the files that initializers name, a string.
inline constexpr llvm::StringLiteral kFolderAttrName = "onnx.folder";

/// On the module: the message that the module was read from, without its large
/// weights: bytes in a resource.
inline constexpr llvm::StringLiteral kModelAttrName = "onnx.model";

/// On a function that is one of the model's functions: its domain, a string.
inline constexpr llvm::StringLiteral kFunctionAttrName = "onnx.function";

/// The number of bytes that a tensor takes in a file; nothing if the shape is
/// not static or the number does not fit. Booleans take a byte.
std::optional<int64_t> byteSize(mlir::ShapedType type);
} // namespace fgla::onnx

#endif // FGLA_DIALECT_ONNX_ONNX_H
