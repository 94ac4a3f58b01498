// Passes on the graph, in the order a module meets them.
#ifndef FGLA_PASSES_GRAPH
#define FGLA_PASSES_GRAPH

include "mlir/Pass/PassBase.td"

def NameDims : Pass<"fgla-name-dims", "::mlir::ModuleOp"> {
  let summary = "gives one name to dims that must be equal";
  let description = [{
    Writes `fgla.dims` on the arguments and results of public functions: dims that the ops of the function force to be
    equal get one name, `B` and `T` where they are the batch and the tokens of an `fgla` op, and `?` where nothing is
    known. The runtime then refuses tensors that do not fit. Names that are there already are kept and spread.

    Precondition: none. Postcondition: every argument and result with dynamic dims has `fgla.dims`.
  }];
}

def ExpandBlock : Pass<"fgla-expand-block"> {
  let summary = "takes blocks and one-token steps apart";
  let description = [{
    `fgla.block` becomes its projections (contractions `[B, T, M] x [M, H, D]`, summed in f32 for f16 and bf16 storage),
    bias additions, and `fgla.feature_map`, `fgla.gate`, `fgla.attention`, `fgla.norm` and `fgla.output_gate`.
    `fgla.step` becomes `fgla.attention` on one token, and so do the maps, gates and norms of tensors `[B, H, D]` around
    it.

    Precondition: none. Postcondition: no `fgla.block` and no `fgla.step`; tensors have a token axis.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def ChooseSaved : Pass<"fgla-choose-saved", "::mlir::ModuleOp"> {
  let summary = "says of each tensor whether the forward function keeps it for the gradient";
  let description = [{
    Writes `fgla.retention` on each op of a public function that computes a tensor: `#fgla.retention<saved>` where the
    forward function is to return its results for the backward one, `#fgla.retention<recomputed>` where the backward
    function computes them again. What an op says already stays.

    `memory` chooses: `min` saves nothing; `balanced` saves what is dear to compute, the results of attentions and of
    contractions (with what is done to each of their elements after them); `speed` saves everything. Only what the
    gradient needs is kept in the end, whatever is written here.

    Precondition: ops of the graph level, taken apart. Postcondition: `fgla.retention` on every op that computes a
    tensor.
  }];
  let options = [Option<"memory", "memory", "::fgla::Memory", /*default=*/"::fgla::Memory::Balanced",
    "what is kept", [{::llvm::cl::values(
      clEnumValN(::fgla::Memory::Min, "min", "nothing: the backward function computes all again"),
      clEnumValN(::fgla::Memory::Balanced, "balanced", "results of attentions and contractions"),
      clEnumValN(::fgla::Memory::Speed, "speed", "everything that the gradient needs"))}]>];
  let dependentDialects = ["::fgla::FGLADialect"];
}

def Differentiate : Pass<"fgla-differentiate", "::mlir::ModuleOp"> {
  let summary = "public functions become a forward and a backward one";
  let description = [{
    In place of each public function `NAME` there are two afterwards:

    - `NAME_forward` takes the same arguments, and returns the same results and then what the backward function needs of
      what it computed: results of ops that are `#fgla.retention<saved>` (`fgla-choose-saved`), named `saved_OP`.
    - `NAME_backward` takes those arguments of `NAME` that it needs, what was saved, and a gradient `d_RESULT` for each
      result, and returns the gradient `d_ARGUMENT` of each argument that has one.

    No gradient flows through integers and through the maximum of a stabilizer (`final_max`), so these have none. `of`
    and `wrt` name results and arguments where not all are wanted; gradients that nobody asks for are not computed.

    How ops are differentiated: `passes/graph/Adjoint.cpp` for `linalg` and `tensor`; a map, gate or norm becomes
    `fgla.vjp`, an attention `fgla.attention_grad`.

    Precondition: ops of the graph level, no `fgla.block` and no `fgla.step`, elementwise ops on tensors as `linalg`.
    Postcondition: public functions come in pairs `NAME_forward`, `NAME_backward`.
  }];
  let options = [
    Option<"of", "of", "std::string", "", "names of results, with commas between them (none: all)">,
    Option<"wrt", "wrt", "std::string", "", "names of arguments, with commas between them (none: all)">
  ];
  let dependentDialects = ["::fgla::FGLADialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def MakeShapeFunctions : Pass<"fgla-make-shape-functions", "::mlir::ModuleOp"> {
  let summary = "one function per entry function that says what shapes its results have";
  let description = [{
    For each public function `f`, makes `fgla_shapes_f`, which takes the tensors of `f` and a `memref<?xindex>`, and
    writes the dims of all results there. It is a copy of `f` from which all is removed that the shapes do not need.
    Fails where a shape depends on the values in a tensor.

    Before: public functions on ranked tensors. After: two of them for each.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect"];
}

def ExpandSequences : Pass<"fgla-expand-sequences"> {
  let summary = "packed sequences become a loop over them";
  let description = [{
    An `fgla.attention` or `fgla.attention_grad` with `sequences` becomes an `scf.for` over the sequences, with the same
    op on one sequence's slices of the tokens and of the states. The gradient of what all sequences share, a constant
    decay of each head, is summed. What gets a kernel that reads the offsets itself is not taken apart.

    Each slice is inside of its tensor whatever the offsets hold; where the number of states is not the offsets' less
    one, a `cf.assert` fails before anything is read.

    Precondition: none. Postcondition: no op with `sequences`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def ExpandSoftmaxAttention : Pass<"fgla-expand-softmax-attention"> {
  let summary = "softmax attention becomes two products and what is between them";
  let description = [{
    An `fgla.softmax_attention` becomes `linalg.generic` ops on all scores, `[B, H, T, S]` in the computation type. It
    is plain and not fast: it says what the op means, and compiles what a model keeps of softmax attention.

    Precondition: none. Postcondition: no `fgla.softmax_attention`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerToReference : Pass<"fgla-lower-to-reference"> {
  let summary = "every op in its plain sequential form";
  let description = [{
    The executable specification that everything else is tested against, so plain and not fast: a map, gate or norm is a
    `linalg.generic`; an attention is an `scf.for` over the tokens that carries the state `[B, H, K, V]` and the key
    maximum `[B, H]`, with `linalg.generic` for the update and the read-out. Arithmetic is done in the computation type;
    storage types are converted at the ends.

    A gradient is these ops, differentiated (`passes/graph/Adjoint.h`): `fgla.vjp` those of its region,
    `fgla.attention_grad` those of one token, in an `scf.forall` over batches and heads that goes over the tokens
    forward, keeping states, and back.

    Precondition: no `fgla.block` and no `fgla.step` (`fgla-expand-block`), no `sequences` (`fgla-expand-sequences`).
    Postcondition: no `fgla` op at all.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def WidenToF64 : Pass<"fgla-widen-to-f64", "::mlir::ModuleOp"> {
  let summary = "all floats become f64";
  let description = [{
    Tensors, memrefs and scalars of a narrower float type become f64, in signatures, constants and regions; conversions
    between types that are now equal vanish. The same program then runs in double precision: the yardstick of
    `--compare=reference`.

    Run it before `fgla-lower-to-reference`, which writes constants (scale, log 2) in the computation type that it
    finds.

    Precondition: ops of the graph level. Postcondition: no narrower float type.
  }];
}

#endif
