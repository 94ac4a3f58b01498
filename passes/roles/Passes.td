// Passes from tile programs to roles and channels.
#ifndef FGLA_ROLES_PASSES
#define FGLA_ROLES_PASSES

include "mlir/Pass/PassBase.td"

def NarrowOperands : Pass<"fgla-narrow-operands", "::mlir::ModuleOp"> {
  let summary = "Rounds what matrix instructions multiply to 16 bits";
  let description = [{
    In kernels whose arrays are bf16 or f16, operands of `fgla_tile.dot` become bf16, which has the range of the f32
    that is computed with; sums stay f32. Products of two tiles that were only widened after their loads take them as
    they were loaded, f16 too.
  }];
  let dependentDialects = ["::fgla::tile::TileDialect", "::mlir::arith::ArithDialect"];
}

def ShareLoads : Pass<"fgla-share-loads", "::mlir::ModuleOp"> {
  let summary = "Takes slices from tiles that are loaded whole anyway";
  let description = [{
    Where a program owns some keys of a head and needs all for the maximum of a row, it loads a tile and a slice of it.
    The slice becomes a part of the tile (`tensor.extract_slice`) where it is whole lines of shared memory: 16-bit
    elements, 64 columns or a multiple.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def AssignRoles : Pass<"fgla-assign-roles", "::mlir::ModuleOp"> {
  let summary = "Splits the walk over tiles among groups of warps";
  let description = [{
    The body of each `scf.forall` in a kernel becomes an `fgla_warp.pipeline`. An op of the walk gets its role by what
    it is:

    - `load`: reads a tile of tokens;
    - `rows`: makes one number of each row (`[C, 1]`), one role for each group of them that do not depend on each other;
      what the programs of a cluster give each other is one role's, what is made of theirs another's;
    - `elementwise`: makes tiles of tokens from tiles of tokens;
    - `matrix`: depends on what the loop carries: products with the state;
    - `epilogue`: follows from those products and leads to nothing that is carried: norms, output gates, stores.

    What is cheap (a widened or masked load, index arithmetic) is computed in each role that needs it. Any other value
    that is used in another role goes through a channel. A tile that the elementwise role puts takes the memory of a
    loaded tile which it read last, if the types are alike.
  }];
  let dependentDialects = ["::fgla::warp::WarpDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def ViewRoles : Pass<"fgla-view-roles", "::mlir::ModuleOp"> {
  let summary = "Draws roles and channels";
  let description = [{
    Writes a Graphviz graph: each pipeline a cluster, each role a box with its warps and its ops on tiles, each channel
    an arrow from the role that puts to each that gets. A channel in the memory of another is dashed.
    `fgla-opt … -o /dev/null 2>&1 | dot -Tsvg` makes a picture of it.
  }];
  let options = [
    Option<"file", "file", "std::string", "\"\"", "where the graph goes (empty: to stderr)">
  ];
}

#endif
