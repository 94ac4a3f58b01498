//===- Export.h - from the mirror to an ONNX file -------------------------===//
#ifndef FGLA_FRONTENDS_ONNX_EXPORT_H
#define FGLA_FRONTENDS_ONNX_EXPORT_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace fgla::onnx {

/// Writes a module of `onnx.node` and `onnx.initializer` ops as the bytes of an
/// ONNX file that is to stand in `folder`.
///
/// A module that importONNX() made is its model with what passes have changed:
/// a node, weight or value that no pass touched is the model's own message,
/// byte for byte, and a call of a function stays a call if nothing in it was
/// touched. A new value gets its name from `gives`, `fgla.name`, or its
/// operator; where a name is taken, a number is added. Weights in other files
/// stay there, so `folder` must be the model's.
///
/// On failure one error is emitted.
mlir::LogicalResult exportONNX(mlir::ModuleOp module, llvm::StringRef folder, std::string &bytes);

} // namespace fgla::onnx

#endif // FGLA_FRONTENDS_ONNX_EXPORT_H
