// Passes from roles with layouts to GPU code.
#ifndef FGLA_KERNEL_PASSES
#define FGLA_KERNEL_PASSES

include "mlir/Pass/PassBase.td"

def LowerPipelines : Pass<"fgla-lower-pipelines", "::mlir::ModuleOp"> {
  let summary = "Pipelines become GPU kernels and their dispatch";
  let description = [{
    Each `scf.forall` around a pipeline becomes a function in a `gpu.module`, and an `fgla_warp.dispatch` of it on a
    grid. In it, each role is a branch on the number of the warp; tiles are registers; channels are shared memory with
    mbarriers: one for each role, which says that all that the role puts in a turn is there, and one that says that all
    roles are done with the turn.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::fgla::warp::WarpDialect"];
  let options = [
    Option<"checkRaces", "check-races", "bool", "false",
      "each lane arrives at barriers for itself, not one for its warp after a bar.warp.sync: the same order of accesses, in a form that "
      "race checkers follow">
  ];
}

def LowerKernelMath : Pass<"fgla-lower-kernel-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Functions of one f32 become instructions of the special function unit";
  let description = [{
    In a function that carries `fgla.precise`, the argument of an exponential has two parts, for the unit takes only
    what f32 holds. In others `tanh`, `erf`, `sin`, `cos`, `log1p` and powers are a few instructions, exact to 2^-14 of
    the result. What an operand can be (intervals) and what becomes of a result (it stands beside a constant of its
    size) decide which.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::arith::ArithDialect"];
}

#endif
