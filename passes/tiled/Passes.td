// Passes from the mathematics on tensors to programs on tiles.
#ifndef FGLA_TILED_PASSES
#define FGLA_TILED_PASSES

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"fgla-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Fuses each scheduled attention or gradient with its neighbours into a kernel of tile programs";
  let description = [{
    Precondition: each `fgla.attention` and `fgla.attention_grad` that is to be a kernel carries `fgla.schedule`.
    Postcondition: each is a private function on memrefs (`fgla_tile` ops under `scf.forall` over batch, head and
    segment), run by `fgla_tile.launch` in the function it stood in.

    Ops with a tile form that only feed the attention (feature maps, gates) and the chain of such ops that consumes its
    output (norm, output gate) become part of the kernel: nothing between the pre-activations and the last one of them
    touches global memory. Decays stay products: P from the tile's start to a token for queries, R from a token to the
    tile's end for keys, both at most one. The running stabilizer is one more decay, `exp(m_(t-1) - m_t)`, and its keys
    are `exp(z_t - m_t)`.

    A gradient is two walks: one that writes down the state that each tile starts from, and one back, whose turns are
    the forward's, differentiated.

    For roles, each query head has a program of its own, which computes the keys of its key/value head too. They have no
    code for gradients yet, which are left.
  }];
  let options = [Option<"roles", "roles", "bool", "false", "The kernels are to be split into roles">];
  let dependentDialects = ["::fgla::tile::TileDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def MergeKernels : Pass<"fgla-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "Equal kernels become one";
  let description = [{
    Layers that are alike have kernels that differ in their names only. One of them is launched for all, so that it is
    compiled once.

    Before: kernels and launches. After: the same, no two kernels alike.
  }];
}

def PadTiles : Pass<"fgla-pad-tiles", "::mlir::ModuleOp"> {
  let summary = "Tiles that are wider than what their arrays have for them";
  let description = [{
    For roles, whose layouts are made of bits. Loads read the rows and columns that are there (`rows`, `cols`; the rest
    is zero), stores write these. What combines elements gets the neutral element in place of the others: minus infinity
    for a maximum, zero for a sum or a product of matrices, one for products of decays. Where padding is known to be
    zero it needs no mask: in what was loaded, and in a state that is made of it. A kernel whose sizes fit stays as it
    is. Without `widen`, tiles keep their sizes, and only the last slice of a state whose channels are no multiple of
    slices has padding.
  }];
  let options = [Option<"isWidening", "widen", "bool", "true", "Sizes become powers of two">];
  let dependentDialects = ["::fgla::tile::TileDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def ExpandDecays : Pass<"fgla-expand-decays", "::mlir::ModuleOp"> {
  let summary = "Splits decayed diagonal blocks into undecayed products of halves";
  let description = [{
    `decayed_scores` on `C` rows becomes two of them on `C / 2` rows and one `dot`, whose query rows are decayed from
    the middle and whose key rows are decayed to the middle: both factors are at most one and their product is the
    decay, so this is exact for any decay, without division or case distinction. It stops at `base` rows.
    `decayed_scores_grad` is split likewise; what is given for the product goes back through it.
  }];
  let options = [Option<"base", "base", "int64_t", "8", "Rows of the blocks that are left whole">];
  let dependentDialects = ["::fgla::tile::TileDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def ExpandRowNorms : Pass<"fgla-expand-row-norms", "::mlir::ModuleOp"> {
  let summary = "Lengths of rows as sums of squares that can't overflow";
  let description = [{
    `row_norm` becomes a reduction for the largest element of each row and one of the squares of what the row is,
    divided by it.
  }];
  let dependentDialects = ["::fgla::tile::TileDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

#endif
