//===- ConvertONNX.h - From ONNX nodes to fgla and linalg -----------------===//
#ifndef FGLA_PASSES_GRAPH_CONVERTONNX_H
#define FGLA_PASSES_GRAPH_CONVERTONNX_H

#include "mlir/Pass/Pass.h"

namespace fgla::onnx {

#define GEN_PASS_DECL
#include "passes/graph/ONNXPasses.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/graph/ONNXPasses.h.inc"

} // namespace fgla::onnx

#endif // FGLA_PASSES_GRAPH_CONVERTONNX_H
