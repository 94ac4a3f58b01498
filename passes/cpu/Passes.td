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
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"];
}

def FuseElementwise : Pass<"fgla-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "elementwise ops become part of what alone uses them";
  let description = [{
    Upstream's fusion of elementwise ops, folding of reshapes and of constants, for an op whose result has one user. But an op that
    reads what it writes (`s = s + x`) stays by itself: its user may have more loops, or go over an element more than once, and
    each turn would add again.

    Before: linalg on tensors. After: the same, fewer ops.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def DestinationResults : Pass<"fgla-destination-results", "::mlir::ModuleOp"> {
  let summary = "entry functions write their results to memory of the caller";
  let description = [{
    Each result tensor of a public function becomes an argument of memref type behind the others, and `return %y` becomes
    `bufferization.materialize_in_destination %y`. Argument tensors are marked as not writable. Then `tensor.empty` is replaced by
    the memory that the result goes to, so that the ops that compute it write in place. Each op that starts from a filled tensor
    gets one of its own.

    Before: public functions on tensors that nothing calls. After: public functions without results, which ask for a C interface.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect"];
}

def VectorizeLinalg : Pass<"fgla-vectorize-linalg", "::mlir::ModuleOp"> {
  let summary = "linalg on memory becomes loops over vectors";
  let description = [{
    Any linalg op on memrefs, and `memref.copy`: loops that lie next to each other in all operands become one; the loop along which outputs (or, in a
    reduction, inputs) are contiguous goes by vectors as wide as the module's target has, with a mask at its end; what reductions
    combine, and blocks of a matrix product, stay in registers; outer loops are shared out by OpenMP where there is enough to do. An op that cannot go by vectors becomes
    loops over scalars.

    Before: linalg on memrefs. After: no linalg op, no `memref.copy` of ranked memrefs.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ApproximateMath : Pass<"fgla-approximate-math", "::mlir::ModuleOp"> {
  let summary = "math functions of f32 become polynomials";
  let description = [{
    `exp` and `expm1` by our own patterns (measured over their range: 0.93 and 1.58 ulp at most), the others by upstream's approximations. f64 is left to the math library, but for
    `expm1`.

    Before: any ops. After: no function of f32 or of f32 vectors is a call.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def LowerExpandShapes : Pass<"fgla-lower-expand-shapes", "::mlir::ModuleOp"> {
  let summary = "expansions of memory into several dynamic dims become casts";
  let description = [{
    `memref.expand_shape` of one dim into two whose sizes are not known (`B * T` into `B`, `T`) becomes `memref.reinterpret_cast`.
    `expand-strided-metadata` crashes on these, and does all others.

    Before: memrefs. After: the same without such expansions.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LowerLaunches : Pass<"fgla-lower-launches", "::mlir::ModuleOp"> {
  let summary = "launches become calls";
  let description = [{
    On the CPU a kernel is a function like any other.

    Before: `fgla_tile.launch` on memrefs (bufferized). After: `func.call`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def RolesToThreads : Pass<"fgla-roles-to-threads", "::mlir::ModuleOp"> {
  let summary = "roles become threads that wait for each other";
  let description = [{
    For tests of the split into roles: an `fgla_warp.pipeline` runs on the CPU, an instance of a role a thread, with one program of the grid
    after the other. A channel becomes a ring of tiles in memory with counters; `get`, `put` and `release` wait and signal as on a GPU, and
    channels that share memory there share it here. A role that waits too long, or finds a later turn than its own, ends the program with a
    message that names it and the channel.

    Before: the phase `roles`. After: kernels on tiles, with `scf.forall` marked `fgla.threads`.
  }];
  let options = [
    Option<"stages", "stages", "int64_t", "0", "how many turns are under way (0: what each pipeline says)">,
    Option<"timeout", "timeout", "int64_t", "20", "seconds that a role waits before the program ends">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::fgla::tile::TileDialect"];
}

def ThreadsToOpenMP : Pass<"fgla-threads-to-openmp", "::mlir::ModuleOp"> {
  let summary = "loops whose iterations run at once become teams of threads";
  let description = [{
    Before: `scf.forall` marked `fgla.threads`, on memrefs. After: `omp.parallel` with as many threads as it has iterations.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::omp::OpenMPDialect"];
}

#endif
