//===- Passes.td - From ONNX to fgla -----------------------------*- tablegen -*-===//
#ifndef FGLA_PASSES_ONNX_PASSES
#define FGLA_PASSES_ONNX_PASSES

include "mlir/Pass/PassBase.td"

def RaiseAttention : Pass<"fgla-raise-attention", "::mlir::ModuleOp"> {
  let summary = "softmax attention in an ONNX graph becomes fgla.softmax_attention";
  let description = [{
    An `Attention` of the standard domain (version 23 on) becomes `fgla.softmax_attention`. What brings its operands and
    its result into layout, puts a past in front of keys and values, or makes a mask longer, are nodes around it. What
    its attributes say counts, whatever the version.

    So does a `Softmax` between two contractions, with the scales, caps and masks around it. Which elements of an
    operand belong to which head is computed on small sizes, through whatever moves them, and the operand is taken from
    as far back as they lie in order.

    An attention that the op cannot express stays: one whose scores are a result, whose heads are not known, or of
    which versions of ONNX differ in what is computed (`docs/linearize.md` lists the reasons).
  }];
  let dependentDialects = ["::fgla::FGLADialect", "::fgla::onnx::ONNXDialect"];
}

def SimplifyMasks : Pass<"fgla-simplify-masks", "::mlir::ModuleOp"> {
  let summary = "a causal mask that is computed from sizes becomes an attribute";
  let description = [{
    Where the mask of an `fgla.softmax_attention` is made of sizes alone, it is computed for a few small ones. If it is
    causal, or a window, `ahead` and `behind` say so, and the mask goes. A mask that an input has a say in stays, and so
    does one with a number that may be the width of a window too large to be computed.
  }];
  let dependentDialects = ["::fgla::FGLADialect"];
}

def ConvertONNX : Pass<"fgla-convert-onnx", "::mlir::ModuleOp"> {
  let summary = "turns ONNX nodes into fgla, linalg, tensor and arith ops";
  let description = [{
    Every `onnx.node` and `onnx.initializer` becomes ops on tensors; an operator that has no conversion is an error that
    names it. An `fgla.softmax_attention` between them stays. `LinearAttention` becomes `fgla.attention`. What stands around it as plain ONNX ops is raised: feature
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
