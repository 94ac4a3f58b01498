// Passes that say where each element of a tile lies.
#ifndef FGLA_LAYOUT_PASSES
#define FGLA_LAYOUT_PASSES

include "mlir/Pass/PassBase.td"

def AssignLayouts : Pass<"fgla-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Gives every tile in a role a layout";
  let description = [{
    From the ops that are bound to a layout outward: products have that of their accumulators (transposed for what is the second operand of a
    later product: its accumulators are then that operand already), running combinations have their rows in registers, row reductions of what was
    got from a channel have a row in each lane. What is elementwise takes the layout that its user wants, and is computed once for each
    layout. Tiles in channels have none: they are read into any.
  }];
  let dependentDialects = ["::fgla::warp::WarpDialect"];
}

def SizeStages : Pass<"fgla-size-stages", "::mlir::ModuleOp"> {
  let summary = "As many turns under way as shared memory holds";
  let dependentDialects = ["::fgla::warp::WarpDialect"];
}

#endif
