//===- Import.h - from an ONNX file to MLIR -------------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_IMPORT_H
#define FGLA_FRONTENDS_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace fgla::onnx {

/// Loads the dialects that an imported module holds.
void loadImportDialects(mlir::MLIRContext &context);

/// Reads an ONNX model (protobuf, or ONNX's text format if the name ends in
/// .onnxtxt) and makes a module with one function of `onnx.node` ops:
///
/// - the function is named after the graph, with what C does not allow in a
/// name replaced by `_`;
/// - argument and result attributes: `fgla.name` is ONNX's name, `fgla.dims`
/// one string per dim: its symbolic name, its size, or `?`;
/// - the module's attribute `onnx.folder` is the folder that external weights
/// are relative to;
/// - `onnx.model` is what the model says besides (dialect/onnx/ONNX.td).
///
/// On failure one error is emitted and null is returned.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::StringRef path, mlir::MLIRContext &context);

/// Likewise, to look at a model and not to compile it: what nobody here knows
/// is left as it is. A value of a type that we do not have has the type `none`,
/// an attribute that is a subgraph is left out, which `leftOut` counts.
mlir::OwningOpRef<mlir::ModuleOp> importONNXToInspect(llvm::StringRef path, mlir::MLIRContext &context,
                                                      int64_t &leftOut);

/// Likewise from memory.
mlir::OwningOpRef<mlir::ModuleOp> importONNXFromMemory(llvm::StringRef bytes, bool isText, llvm::StringRef folder,
                                                       mlir::MLIRContext &context);

/// Registers `--import-onnx` for a tool built on mlirTranslateMain.
void registerONNXTranslation();

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_IMPORT_H
