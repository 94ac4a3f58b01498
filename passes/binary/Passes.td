// Passes that give a module the form of an artifact (runtime/README.md), in the order they run.
#ifndef FGLA_BINARY_PASSES
#define FGLA_BINARY_PASSES

include "mlir/Pass/PassBase.td"

def EmitEntryPoints : Pass<"fgla-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "the symbols of an artifact";
  let description = [{
    Makes the functions that the manifest names, `i32 (ptr descriptors)` (for a GPU
    `i32 (ptr descriptors, ptr services)`), whose status is 0, and `void (ptr descriptors, ptr dims)`, as wrappers of
    the functions on memrefs, and the constant `fgla_manifest`. All other functions get internal linkage.

    Before: LLVM dialect, C interfaces emitted for the public functions, `fgla.manifest` on the module. After: the same
    with the artifact's symbols.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def CheckAllocations : Pass<"fgla-check-allocations", "::mlir::ModuleOp"> {
  let summary = "without memory a call fails";
  let description = [{
    Blocks of memory are on a list: one of the call, and one of each thread of a parallel region. Behind each `malloc` that gives
    none, a function leaves and returns true; a turn of a parallel loop is skipped, and so are those that come after, and what comes after the
    loop; an entry function frees what is left and returns `FGLA_OUT_OF_MEMORY`. A thread of a team without a loop (roles as
    threads) goes on, as others wait for it: with a spare that all such threads share, since what they compute is thrown
    away. Sizes that no 64 bits hold are as large as can be.

    Before: entry functions (external) and functions without results (internal). After: those that allocate, by themselves or through
    others, take a list and return `i1`; `malloc` and `free` are called in the functions of the list alone.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::omp::OpenMPDialect"];
}

def StartThreads : Pass<"fgla-start-threads", "::mlir::ModuleOp"> {
  let summary = "threads that can't be had are an error";
  let description = [{
    OpenMP's library ends the process where it can't start a thread. So each entry function begins with what starts them: where
    the calling thread's team has fewer than the library would start now, that many are tried, and where one of them can't be made, the
    function returns `FGLA_OUT_OF_MEMORY`. The next call tries again.

    Before: entry functions (external) that return a status. After: the same; modules without parallel code stay as they are.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::omp::OpenMPDialect"];
}

#endif
