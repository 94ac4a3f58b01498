//===- Passes.h - Passes on the mirror of an ONNX graph -------------------===//
//
// From `onnx.node` to fgla and linalg. See Passes.td.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_PASSES_H
#define FGLA_PASSES_ONNX_PASSES_H

#include "mlir/Pass/Pass.h"

namespace fgla::onnx {

#define GEN_PASS_DECL
#include "passes/onnx/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/onnx/Passes.h.inc"

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_PASSES_H
