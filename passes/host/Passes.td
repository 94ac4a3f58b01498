// Passes on entry functions: what runs beside the kernels, on a processor, whatever the kernels run on. In the order
// they run.
#ifndef FGLA_HOST_PASSES
#define FGLA_HOST_PASSES

include "mlir/Pass/PassBase.td"

def RecordManifest : Pass<"fgla-record-manifest", "::mlir::ModuleOp"> {
  let summary = "writes down what the entry functions take and return";
  let description = [{
    Puts the artifact's manifest (JSON) on the module as `fgla.manifest`, made from the types of the public functions
    and the attributes `fgla.name` and `fgla.dims` of their arguments and results. Fails where a public function has
    another type than the runtime can pass. The functions themselves get names that no function of a C library has.

    Before: public functions on ranked tensors. After: the same under other names, and the attribute.
  }];
}

def CheckHost : Pass<"fgla-check-host", "::mlir::ModuleOp"> {
  let summary = "finds what is computed outside of kernels";
  let description = [{
    The memory of all tensors is the GPU's, so host code can shape, allocate and launch, but not compute. Fails at the
    first op of an entry function that reads or makes the values of a tensor, and names what that was made of: a block,
    an operator of a model.

    Before: entry functions on tensors, with launches. After: the same.
  }];
}

def DestinationResults : Pass<"fgla-destination-results", "::mlir::ModuleOp"> {
  let summary = "entry functions write their results to memory of the caller";
  let description = [{
    Each result tensor of a public function becomes an argument of memref type after the others, and `return %y`
    becomes `bufferization.materialize_in_destination %y`. Argument tensors are marked as not writable. Then
    `tensor.empty` is replaced by the memory that the result goes to, so that the ops that compute it write in place;
    what several results begin with becomes memory of the last one. Each op that starts from a filled tensor gets one of
    its own.

    Before: public functions on tensors that nothing calls. After: public functions without results, which ask for a C
    interface.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect"];
}

def LowerLaunches : Pass<"fgla-lower-launches", "::mlir::ModuleOp"> {
  let summary = "launches become calls";
  let description = [{
    On the CPU a kernel is a function like any other.

    Before: `fgla_tile.launch` on memrefs (bufferized). After: `func.call`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def MergeAllocations : Pass<"fgla-merge-allocations", "::mlir::func::FuncOp"> {
  let summary = "one allocation for buffers that are alive together";
  let description = [{
    An allocation and its release from a GPU's pool take about 1.8 us of a call. Buffers that are allocated in one block
    before one of them is released are made parts of one, each aligned to 256 bytes, if their sizes are known where the
    first is allocated. The memory is released where the last of them was.

    Left alone: buffers that are released in another block, or that have a layout or a memory space.

    Before: `memref.alloc` and `memref.dealloc`. After: the same, with a `memref.view` for each buffer that is a part.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LowerDispatch : Pass<"fgla-lower-dispatch", "::mlir::ModuleOp"> {
  let summary = "host code calls the runtime's services";
  let description = [{
    Each function gets one more argument, the pointer to the services of the call (runtime/Services.h), and passes it
    on. Dispatches, allocation and release of memory, copies, and the number of workers become calls through it.

    Before: functions on memrefs, `fgla_warp.dispatch`. After: calls of pointers in the LLVM dialect in their place.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect"];
}

def LowerExpandShapes : Pass<"fgla-lower-expand-shapes", "::mlir::ModuleOp"> {
  let summary = "expansions of memory into several dynamic dims become casts";
  let description = [{
    `memref.expand_shape` of one dim into two whose sizes are not known (`B * T` into `B`, `T`) becomes
    `memref.reinterpret_cast`. `expand-strided-metadata` crashes on these, and does all others.

    Before: memrefs. After: the same without such expansions.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

#endif
