// Passes that say where each element of a tile lies.
#ifndef FGLA_LAYOUT_PASSES
#define FGLA_LAYOUT_PASSES

include "mlir/Pass/PassBase.td"

def AssignLayouts : Pass<"fgla-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Gives every tile in a role a layout";
  let description = [{
    From the ops that are bound to a layout outward: products have that of their accumulators (transposed for what is
    the second operand of a later product: its accumulators are then that operand already), running combinations have
    their rows in registers, row reductions of what was got from a channel have a row in each lane. What is elementwise
    takes the layout that its user wants, and is computed once for each layout. Tiles in channels have none: they are
    read into any.
  }];
  let dependentDialects = ["::fgla::warp::WarpDialect"];
}

def LinkCompanions : Pass<"fgla-link-companions", "::mlir::ModuleOp"> {
  let summary = "Says which tiles scores write along";
  let description = [{
    In: tiles with layouts. Out: in a turn with scores (`fgla_tile.decayed_scores`) all puts come after them. Those of
    16-bit tiles that maps make in the layout of the queries name the scores (`along`): they are written while these
    pass over the same elements.
  }];
  let dependentDialects = ["::fgla::warp::WarpDialect"];
}

def SizeStages : Pass<"fgla-size-stages", "::mlir::ModuleOp"> {
  let summary = "As many turns under way as shared memory holds";
  let description = [{
    A role with more instances than that gets fewer: each must have passed the turn before in a slot to tell a new
    turn's barrier from an old one's.
  }];
  let dependentDialects = ["::fgla::warp::WarpDialect", "::mlir::arith::ArithDialect"];
}

def ViewLayouts : Pass<"fgla-view-layouts", "::mlir::ModuleOp"> {
  let summary = "Prints which thread holds which element";
  let description = [{
    For each layout of tiles of one shape, a table: in row `r` and column `c` stands who holds the element, as
    `warp/lane:register`. `+3` after that: three others hold it too. `-`: nobody does.
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "16", "print so many rows of a tile at most">,
    Option<"columns", "columns", "int64_t", "16", "print so many columns of a tile at most">,
    Option<"file", "file", "std::string", "\"\"", "where the tables go (empty: to stderr)">
  ];
}

#endif
