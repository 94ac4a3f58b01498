//===- KernelList.h - The kernels of a module for a GPU -------------------===//
//
// A kernel is an llvm.func with `nvvm.kernel` in a gpu.module, `nvvm.maxntid`
// or `nvvm.reqntid` (threads of a block), and what dialect/fgla/Attributes.h
// lists for the code of a kernel.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_KERNEL_KERNELLIST_H
#define FGLA_PASSES_KERNEL_KERNELLIST_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

#include <array>

namespace fgla::kernel {

/// All kernels, in the order of the manifest.
llvm::SmallVector<mlir::LLVM::LLVMFuncOp> getKernels(mlir::ModuleOp module);

/// Threads of a block along x, y and z; fails with an error where the kernel does not say.
mlir::FailureOr<std::array<int64_t, 3>> getBlock(mlir::LLVM::LLVMFuncOp kernel);

int64_t getSharedBytes(mlir::LLVM::LLVMFuncOp kernel);

} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_KERNELLIST_H
