//===- Passes.td - From ONNX to fgla -----------------------------*- tablegen -*-===//
#ifndef FGLA_PASSES_ONNX_PASSES
#define FGLA_PASSES_ONNX_PASSES

include "mlir/Pass/PassBase.td"

def ConvertONNX : Pass<"fgla-convert-onnx", "::mlir::ModuleOp"> {
  let summary = "turns ONNX nodes into fgla, linalg, tensor and arith ops";
  let description = [{
    Every `onnx.node` and `onnx.initializer` becomes ops on tensors; an operator that has no conversion is an error that
    names it. `LinearAttention` becomes `fgla.attention`. What stands around it as plain ONNX ops is raised: feature
    maps, gates, norms and the output gate become their `fgla` ops, so that the block can be one kernel. Shape
    arithmetic is understood, not computed.

    What a model may not do and only the numbers can show, a `Gather` by an index out of range, is a `cf.assert`.

    Weights in other files are read from the folder that the module's attribute `onnx.folder` names, and from nowhere
    else.
  }];
  let options = [
    Option<"raise", "raise", "bool", /*default=*/"true", "make fgla ops of what stands around an attention">,
    Option<"folder", "folder", "std::string", /*default=*/"\"\"", "the folder of the model, instead of the module's own `onnx.folder`">
  ];
  let dependentDialects = [
    "::fgla::FGLADialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // FGLA_PASSES_ONNX_PASSES
