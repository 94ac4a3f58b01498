// Passes that give a module the form of an artifact (runtime/README.md), in the order they run.
#ifndef FGLA_BINARY_PASSES
#define FGLA_BINARY_PASSES

include "mlir/Pass/PassBase.td"

def EmitEntryPoints : Pass<"fgla-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "the symbols of an artifact";
  let description = [{
    Makes the functions that the manifest names, `void (ptr descriptors)` (for a GPU
    `void (ptr descriptors, ptr services)`) and `void (ptr descriptors, ptr dims)`, as wrappers of the functions on
    memrefs, and the constant `fgla_manifest`. All other functions get internal linkage.

    Before: LLVM dialect, C interfaces emitted for the public functions, `fgla.manifest` on the module. After: the same
    with the artifact's symbols.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
