//===- DeviceCode.h - From a GPU module to PTX and machine code -----------===//
#ifndef FGLA_PASSES_BINARY_DEVICECODE_H
#define FGLA_PASSES_BINARY_DEVICECODE_H

#include "passes/Targets.h"
#include "passes/binary/Assembler.h"
#include "runtime/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::gpu {
class GPUModuleOp;
}

namespace fgla::binary {

/// The code of one gpu.module.
struct DeviceCode {
  std::string module;
  std::string ptx;
  std::string cubin;      ///< empty where there is none
  std::string whyNoCubin; ///< then: no assembler, or no such target
  AssemblerLog log;
};

/// Compiles a gpu.module of the dialects LLVM and NVVM, which is changed on the way. An instruction that the chip or
/// the version of PTX lacks is a fatal error of LLVM, which ends the process: its code generators know no other way.
/// Callers that must live use compiler/fgla_compiler.h.
runtime::Result<std::string> emitPTX(mlir::gpu::GPUModuleOp module, const GPUTarget &target);

/// All GPU modules of a module for a GPU. `progress` hears of how many there is machine code, and how many there are,
/// from any thread, from one at a time.
runtime::Result<std::vector<DeviceCode>> compileDeviceCode(mlir::ModuleOp module,
                                                           llvm::function_ref<void(size_t, size_t)> progress);

/// Puts the code into constants, where the manifest names them, in place of the GPU modules.
void embedDeviceCode(mlir::ModuleOp module, llvm::ArrayRef<DeviceCode> codes);

} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_DEVICECODE_H
