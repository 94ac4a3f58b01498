// Passes on kernels and linalg that run on a processor, in the order they run.
#ifndef FGLA_CPU_PASSES
#define FGLA_CPU_PASSES

include "mlir/Pass/PassBase.td"

def RolesToThreads : Pass<"fgla-roles-to-threads", "::mlir::ModuleOp"> {
  let summary = "roles become threads that wait for each other";
  let description = [{
    For tests of the split into roles: an `fgla_warp.pipeline` runs on the CPU, an instance of a role a thread, with one
    program of the grid after the other. A channel becomes a ring of tiles in memory with counters; `get`, `put` and
    `release` wait and signal as on a GPU, and channels that share memory there share it here. A role that waits too
    long, or finds a later turn than its own, ends the program with a message that names it and the channel.

    Before: the phase `roles`. After: kernels on tiles, with `scf.forall` marked `fgla.threads`.
  }];
  let options = [
    Option<"stages", "stages", "int64_t", "0", "how many turns are under way (0: what each pipeline says)">,
    Option<"timeout", "timeout", "int64_t", "20", "seconds that a role waits before the program ends">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::fgla::tile::TileDialect"];
}

def LowerWalks : Pass<"fgla-lower-walks", "::mlir::ModuleOp"> {
  let summary = "walks over tokens become loops over turns";
  let description = [{
    `fgla_tile.walk` becomes an `scf.for` over the turns of its instance, which computes the first token and the number
    of rows of each.

    Before: kernels on tiles. After: no `fgla_tile.walk`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def LowerTiles : Pass<"fgla-lower-tiles", "::mlir::ModuleOp"> {
  let summary = "tile ops become loops over vectors";
  let description = [{
    Each tile op becomes an `scf.for` nest over vectors as wide as `fgla.target` says, on tensors: maps element by
    element, dots in register blocks, scans and reductions down rows or along them. Bufferization then gives each tile
    its memory.

    Before: kernels on tiles without `walk`. After: no op of `fgla_tile` but `launch`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"];
}

def FuseElementwise : Pass<"fgla-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "elementwise ops become part of what alone uses them";
  let description = [{
    Upstream's fusion of elementwise ops, folding of reshapes and of constants, for an op whose result has one user. But
    an op that reads what it writes (`s = s + x`) stays by itself: its user may have more loops, or go over an element
    more than once, and each turn would add again.

    Before: linalg on tensors. After: the same, fewer ops.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def VectorizeLinalg : Pass<"fgla-vectorize-linalg", "::mlir::ModuleOp"> {
  let summary = "linalg on memory becomes loops over vectors";
  let description = [{
    Any linalg op on memrefs, and `memref.copy`: dims of size one that no loop goes along (broadcasts) are dropped,
    loops that lie next to each other in all operands that have them become one; the loop along which outputs (or, in a
    reduction, inputs) are contiguous goes by vectors as wide as the module's target has, with a mask at its end; what
    reductions combine, and blocks of a matrix product, stay in registers; outer loops are shared out by OpenMP where
    there is enough to do. An op that cannot go by vectors becomes loops over scalars.

    Before: linalg on memrefs. After: no linalg op, no `memref.copy` of ranked memrefs.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ApproximateMath : Pass<"fgla-approximate-math", "::mlir::ModuleOp"> {
  let summary = "math functions of f32 become polynomials";
  let description = [{
    `exp`, `expm1`, `log`, `log2`, `sin` and `cos` by our own patterns (measured over every f32: 2.2 ulp at most),
    `tanh`, `log1p`, `erf` and `erfc` by upstream's approximations (at most 5 ulp). All others, f64 but for `expm1`, and
    sines and cosines of arguments beyond 10^5, whose reduction needs more bits of pi, are left to the math library.

    Before: any ops. After: none of these functions of f32 or of f32 vectors is a call, but for the far arguments.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def RoundOnce : Pass<"fgla-round-once", "::mlir::ModuleOp"> {
  let summary = "conversions to f16 and bf16 round once";
  let description = [{
    `arith.truncf` from f64 to f16 or bf16, and `arith.sitofp` and `arith.uitofp` from 32 bits and more to bf16, for
    which a processor has no instruction: by way of f32, which is rounded to odd, so that the second rounding is the
    only one. No library is called.

    Before: any ops. After: no such conversion.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def LowerAsserts : Pass<"fgla-lower-asserts", "::mlir::ModuleOp"> {
  let summary = "a condition that does not hold fails the call";
  let description = [{
    A function with `cf.assert` gets one more argument, a pointer to a C string, and writes the message there where the
    condition does not hold. It goes on, so what comes after must be safe either way; the runtime then returns the
    message as an error.

    Before: entry functions on memory, with their results as arguments. After: no `cf.assert`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect"];
}

def ThreadsToOpenMP : Pass<"fgla-threads-to-openmp", "::mlir::ModuleOp"> {
  let summary = "loops whose iterations run at once become teams of threads";
  let description = [{
    Before: `scf.forall` marked `fgla.threads`, on memrefs. After: `omp.parallel` with as many threads as it has
    iterations.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::omp::OpenMPDialect"];
}

#endif
