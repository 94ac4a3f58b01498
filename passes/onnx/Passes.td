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
    does one with a number that may be the width of a window too large to be computed (512).
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

def ExportONNX : Pass<"fgla-export-onnx", "::mlir::ModuleOp"> {
  let summary = "turns fgla ops into ONNX nodes";
  let description = [{
    A program of `fgla` ops becomes the mirror of an ONNX model that computes the same in ONNX's own operators; storage
    of 16 bits stays, and numbers in between are f32. Who computes the recurrence is the form:

    - `onnx27`: the operator `LinearAttention` of opset 27.
    - `function`: a function of the model (domain `fgla`) of operators of opset 13, which has a `Scan` over the tokens.
    - `ort-contrib`: ONNX Runtime's operator `com.microsoft.LinearAttention`; all else is of opset 13.
    - `custom-op`: the whole program, whatever it holds, is one node `fgla.Program`, which `libfgla_onnxruntime` runs.

    A running maximum is a `Scan` of one number a head; what the state shrinks by where it grows is part of the decay.
    What ONNX cannot say is, but in the last form, an error that names the op: packed sequences, a decay of `axis(value)`, gradients, f64, and
    ops of a region that ONNX has no operator for.
  }];
  let options = [Option<"form", "form", "std::string", /*default=*/"\"onnx27\"", "onnx27, function, ort-contrib or custom-op">];
  let dependentDialects = ["::fgla::onnx::ONNXDialect"];
}

#endif // FGLA_PASSES_ONNX_PASSES
