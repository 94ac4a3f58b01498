// Passes from tensors and linalg to the host CPU, in the order they run.
#ifndef FGLA_CPU_PASSES
#define FGLA_CPU_PASSES

include "mlir/Pass/PassBase.td"

def LowerTiles : Pass<"fgla-lower-tiles", "::mlir::ModuleOp"> {
  let summary = "tile ops become loops over vectors";
  let description = [{
    Each tile op becomes an `scf.for` nest over vectors as wide as `fgla.target` says, on tensors: maps element by element, dots in
    register blocks, scans and reductions down rows or along them. Bufferization then gives each tile its memory.

    Before: kernels on tiles. After: no op of `fgla_tile` but `launch`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"];
}

def DestinationResults : Pass<"fgla-destination-results", "::mlir::ModuleOp"> {
  let summary = "entry functions write their results to memory of the caller";
  let description = [{
    Each result tensor of a public function becomes an argument of memref type behind the others, and `return %y` becomes
    `bufferization.materialize_in_destination %y`. Argument tensors are marked as not writable. Done before
    bufferization, so that the ops that compute a result write in place.

    Before: public functions on tensors that nothing calls. After: public functions without results.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect"];
}

#endif
