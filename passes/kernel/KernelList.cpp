//===- KernelList.cpp - The kernels of a module for a GPU -----------------===//

#include "passes/kernel/KernelList.h"
#include "dialect/fgla/Attributes.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

SmallVector<LLVM::LLVMFuncOp> fgla::kernel::getKernels(ModuleOp module) {
  SmallVector<LLVM::LLVMFuncOp> kernels;
  for (auto code : module.getOps<gpu::GPUModuleOp>())
    for (auto function : code.getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
        kernels.push_back(function);
  return kernels;
}

FailureOr<std::array<int64_t, 3>> fgla::kernel::getBlock(LLVM::LLVMFuncOp kernel) {
  std::array<int64_t, 3> block = {1, 1, 1};
  auto sizes = kernel->getAttrOfType<DenseI32ArrayAttr>(NVVM::NVVMDialect::getReqntidAttrName());
  if (!sizes)
    sizes = kernel->getAttrOfType<DenseI32ArrayAttr>(NVVM::NVVMDialect::getMaxntidAttrName());
  if (!sizes || sizes.empty() || sizes.size() > 3)
    return kernel.emitOpError(
        "must say how many threads a block has: 'nvvm.maxntid' or 'nvvm.reqntid' with 1 to 3 sizes");
  llvm::copy(sizes.asArrayRef(), block.begin());
  return block;
}

int64_t fgla::kernel::getSharedBytes(LLVM::LLVMFuncOp kernel) {
  auto bytes = kernel->getAttrOfType<IntegerAttr>(fgla::kSharedBytesAttrName);
  return bytes ? bytes.getInt() : 0;
}
