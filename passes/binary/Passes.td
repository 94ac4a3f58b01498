// Passes that give a module the form of an artifact (runtime/README.md), in the order they run.
#ifndef FGLA_BINARY_PASSES
#define FGLA_BINARY_PASSES

include "mlir/Pass/PassBase.td"

def RecordManifest : Pass<"fgla-record-manifest", "::mlir::ModuleOp"> {
  let summary = "writes down what the entry functions take and return";
  let description = [{
    Puts the artifact's manifest (JSON) on the module as `fgla.manifest`, made from the types of the public functions and the
    attributes `fgla.name` and `fgla.dims` of their arguments and results. Fails where a public function has another type than
    the runtime can pass. The functions themselves get names that no function of a C library has.

    Before: public functions on ranked tensors. After: the same under other names, and the attribute.
  }];
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

def EmitEntryPoints : Pass<"fgla-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "the symbols of an artifact";
  let description = [{
    Makes the functions that the manifest names, `void (ptr descriptors)` (for a GPU `void (ptr descriptors, ptr services)`) and
    `void (ptr descriptors, ptr dims)`, as wrappers of the functions on memrefs, and the constant `fgla_manifest`. All other functions get internal linkage.

    Before: LLVM dialect, C interfaces emitted for the public functions, `fgla.manifest` on the module. After: the same with the artifact's symbols.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
