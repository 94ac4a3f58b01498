// Passes on what runs beside a GPU's kernels, in the order they run.
#ifndef FGLA_HOST_PASSES
#define FGLA_HOST_PASSES

include "mlir/Pass/PassBase.td"

def CheckHost : Pass<"fgla-check-host", "::mlir::ModuleOp"> {
  let summary = "finds what is computed outside of kernels";
  let description = [{
    The memory of all tensors is the GPU's, so host code can shape, allocate and launch, but not compute. Fails at the first op of an
    entry function that reads or makes the values of a tensor, and names what that was made of: a block, an operator of a model.

    Before: entry functions on tensors, with launches. After: the same.
  }];
}

def MergeAllocations : Pass<"fgla-merge-allocations", "::mlir::func::FuncOp"> {
  let summary = "one allocation for buffers that are alive together";
  let description = [{
    An allocation and its release from a GPU's pool take about 1.8 us of a call. Buffers that are allocated in one block before one of them
    is released are made parts of one, each aligned to 256 bytes, if their sizes are known where the first is allocated. The memory is released
    where the last of them was.

    Left alone: buffers that are released in another block, or that have a layout or a memory space.

    Before: `memref.alloc` and `memref.dealloc`. After: the same, with a `memref.view` for each buffer that is a part.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LowerDispatch : Pass<"fgla-lower-dispatch", "::mlir::ModuleOp"> {
  let summary = "host code calls the runtime's services";
  let description = [{
    Each function gets one more argument, the pointer to the services of the call (runtime/Services.h), and passes it on. Dispatches,
    allocation and release of memory, copies, and the number of workers become calls through it.

    Before: functions on memrefs, `fgla_warp.dispatch`. After: calls of pointers in the LLVM dialect in their place.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect"];
}

#endif
