// Passes on the graph, in the order a module meets them.
#ifndef FGLA_PASSES_GRAPH
#define FGLA_PASSES_GRAPH

include "mlir/Pass/PassBase.td"

def NameDims : Pass<"fgla-name-dims", "::mlir::ModuleOp"> {
  let summary = "gives one name to dims that must be equal";
  let description = [{
    Writes `fgla.dims` on the arguments and results of public functions: dims that the ops of the function force to be equal get one name, `B` and
    `T` where they are the batch and the tokens of an `fgla` op, and `?` where nothing is known. The runtime then refuses
    tensors that do not fit. Names that are there already are kept and spread.

    Precondition: none. Postcondition: every argument and result with dynamic dims has `fgla.dims`.
  }];
}

def ExpandBlock : Pass<"fgla-expand-block"> {
  let summary = "takes blocks and one-token steps apart";
  let description = [{
    `fgla.block` becomes its projections (contractions `[B, T, M] x [M, H, D]`, summed in f32 for f16 and bf16 storage), bias
    additions, and `fgla.feature_map`, `fgla.gate`, `fgla.attention`, `fgla.norm` and `fgla.output_gate`. `fgla.step`
    becomes `fgla.attention` on one token, and so do the maps, gates and norms of tensors `[B, H, D]` around it.

    Precondition: none. Postcondition: no `fgla.block` and no `fgla.step`; tensors have a token axis.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def MakeShapeFunctions : Pass<"fgla-make-shape-functions", "::mlir::ModuleOp"> {
  let summary = "one function per entry function that says what shapes its results have";
  let description = [{
    For each public function `f`, makes `fgla_shapes_f`, which takes the tensors of `f` and a `memref<?xindex>`, and writes the dims of all
    results there. It is a copy of `f` from which all is removed that the shapes do not need. Fails where a shape depends
    on the values in a tensor.

    Before: public functions on ranked tensors. After: two of them for each.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect"];
}

def LowerToReference : Pass<"fgla-lower-to-reference"> {
  let summary = "every op in its plain sequential form";
  let description = [{
    The executable specification that everything else is tested against, so plain and not fast: a
    map, gate or norm is a `linalg.generic`; an attention is an `scf.for` over the tokens that carries the state `[B, H, K, V]` and
    the key maximum `[B, H]`, with `linalg.generic` for the update and the read-out. Arithmetic is done in the computation type;
    storage types are converted at the ends.

    Precondition: no `fgla.block` and no `fgla.step` (`fgla-expand-block`). Postcondition: no `fgla` op at all.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def WidenToF64 : Pass<"fgla-widen-to-f64", "::mlir::ModuleOp"> {
  let summary = "all floats become f64";
  let description = [{
    Tensors, memrefs and scalars of a narrower float type become f64, in signatures, constants and regions; conversions
    between types that are now equal vanish. The same program then runs in double precision: the yardstick of `--compare=reference`.

    Run it before `fgla-lower-to-reference`, which writes constants (scale, log 2) in the computation type that it finds.

    Precondition: ops of the graph level. Postcondition: no narrower float type.
  }];
}

#endif
