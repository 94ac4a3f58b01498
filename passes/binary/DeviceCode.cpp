//===- DeviceCode.cpp - From a GPU module to PTX and machine code ---------===//

#include "passes/binary/DeviceCode.h"
#include "dialect/fgla/FGLA.h"
#include "passes/Symbols.h"
#include "passes/binary/ObjectFile.h"
#include "passes/kernel/KernelList.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace llvm;
using fgla::GPUTarget;
using fgla::binary::Assembled;
using fgla::binary::DeviceCode;
using fgla::runtime::Result;
using fgla::runtime::Status;

static Result<std::unique_ptr<TargetMachine>> makeDeviceMachine(const GPUTarget &target) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const Target *found = TargetRegistry::lookupTarget(triple, error);
  if (!found)
    return Status(FGLA_UNSUPPORTED, "no code generator for NVIDIA GPUs: " + error);
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Fast; // as on the CPU
  return std::unique_ptr<TargetMachine>(
      found->createTargetMachine(triple, target.name, "+ptx" + std::to_string(target.ptx), options, std::nullopt,
                                 std::nullopt, CodeGenOptLevel::Aggressive));
}

static Result<std::unique_ptr<Module>> translate(mlir::gpu::GPUModuleOp module, TargetMachine &machine,
                                                 LLVMContext &context) {
  mlir::MLIRContext &mlirContext = *module.getContext();
  mlir::registerBuiltinDialectTranslation(mlirContext);
  mlir::registerLLVMDialectTranslation(mlirContext);
  mlir::registerGPUDialectTranslation(mlirContext);
  mlir::registerNVVMDialectTranslation(mlirContext);
  // Some ops of NVVM are inline assembly.
  mlir::PassManager manager(&mlirContext, mlir::gpu::GPUModuleOp::getOperationName());
  manager.addPass(mlir::createConvertNVVMToLLVMPass());
  manager.addPass(mlir::createReconcileUnrealizedCastsPass());
  std::unique_ptr<Module> result;
  if (succeeded(manager.run(module)))
    result = mlir::translateModuleToLLVMIR(module, context, module.getName());
  if (!result)
    return Status(FGLA_INVALID_ARGUMENT, "gpu module '" + module.getName().str() + "' cannot be translated to LLVM IR");
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  // Barriers, fences and matrix instructions must stay under the control flow that they stand under.
  for (Function &function : *result)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction); call && call->isInlineAsm())
        if (cast<InlineAsm>(call->getCalledOperand())->hasSideEffects())
          call->setConvergent();
  return result;
}

namespace {
/// Loops that cannot be unrolled as their annotation says stay as they are: nothing to tell the user.
struct IgnoreMissedUnrolling : DiagnosticHandler {
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    return info.getKind() == DK_OptimizationFailure || DiagnosticHandler::handleDiagnostics(info);
  }
};
} // namespace

Result<std::string> fgla::binary::emitPTX(mlir::gpu::GPUModuleOp module, const GPUTarget &target) {
  Result<std::unique_ptr<TargetMachine>> machine = makeDeviceMachine(target);
  if (!machine.ok())
    return machine.status();
  LLVMContext context;
  context.setDiagnosticHandler(std::make_unique<IgnoreMissedUnrolling>());
  Result<std::unique_ptr<Module>> translated = translate(module, **machine, context);
  if (!translated.ok())
    return translated.status();
  optimizeModule(**translated, **machine, OptimizationLevel::O3);
  SmallVector<char, 0> text;
  raw_svector_ostream stream(text);
  legacy::PassManager manager;
  if ((*machine)->addPassesToEmitFile(manager, stream, nullptr, CodeGenFileType::AssemblyFile))
    return Status(FGLA_UNSUPPORTED, "the code generator for NVIDIA GPUs writes no PTX");
  manager.run(**translated);
  return std::string(text.begin(), text.end());
}

/// The machine code of each of `codes`, several at a time: an assembler is a process that takes seconds.
static Status assembleAll(MutableArrayRef<DeviceCode> codes, const GPUTarget &target,
                          function_ref<void(size_t)> progress) {
  std::vector<std::optional<Result<Assembled>>> results(codes.size());
  std::mutex mutex;
  size_t done = 0;
  parallelFor(0, codes.size(), [&](size_t i) {
    results[i] = fgla::binary::assemble(codes[i].ptx, target.name);
    std::lock_guard lock(mutex);
    progress(++done);
  });
  for (auto [code, result] : zip_equal(codes, results)) {
    Result<Assembled> &assembled = *result;
    if (assembled.ok()) {
      code.cubin = std::move(assembled->cubin);
      code.log = std::move(assembled->log);
    } else if (assembled.status().code() == FGLA_NOT_FOUND) {
      code.whyNoCubin = assembled.message();
    } else {
      return Status(assembled.status().code(), "gpu module '" + code.module + "': " + assembled.message());
    }
  }
  return {};
}

Result<std::vector<DeviceCode>> fgla::binary::compileDeviceCode(mlir::ModuleOp module,
                                                                function_ref<void(size_t, size_t)> progress) {
  std::vector<DeviceCode> codes;
  auto attribute = module->getAttrOfType<TargetAttr>(kTargetAttrName);
  const GPUTarget *target = getGPUTarget(module);
  for (auto code : module.getOps<mlir::gpu::GPUModuleOp>()) {
    if (!target)
      return Status(FGLA_INVALID_ARGUMENT, "gpu module '" + code.getName().str() + "' needs a target that is a GPU");
    Result<std::string> ptx = emitPTX(code, *target);
    if (!ptx.ok())
      return ptx.status();
    codes.push_back(DeviceCode{code.getName().str(), std::move(*ptx), {}, {}, {}});
  }
  if (codes.empty())
    return codes;
  if (target->isExactly(attribute.getName())) {
    Status status = assembleAll(codes, *target, [&](size_t done) { progress(done, codes.size()); });
    return status.ok() ? Result<std::vector<DeviceCode>>(std::move(codes)) : status;
  }
  // Machine code of an older GPU runs on no newer one; its PTX does.
  std::string why = "target '" + attribute.getName().str() + "' is newer than this compiler: there is PTX for '" +
                    target->name.str() + "', which the driver translates, and no machine code";
  for (DeviceCode &code : codes)
    code.whyNoCubin = why;
  mlir::emitRemark(mlir::UnknownLoc::get(module.getContext())) << why;
  return codes;
}

/// A constant of bytes. Machine code is read in words.
static mlir::LLVM::GlobalOp addBytes(mlir::OpBuilder &builder, mlir::Location loc, StringRef name, StringRef bytes) {
  auto type = mlir::LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  return mlir::LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, mlir::LLVM::Linkage::Internal, name,
                                      builder.getStringAttr(bytes), /*alignment=*/16);
}

void fgla::binary::embedDeviceCode(mlir::ModuleOp module, ArrayRef<DeviceCode> codes) {
  for (auto code : make_early_inc_range(module.getOps<mlir::gpu::GPUModuleOp>()))
    code.erase();
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module.getBody());
  mlir::Location loc = module.getLoc();
  auto ptr = mlir::LLVM::LLVMPointerType::get(module.getContext());
  for (const DeviceCode &code : codes) {
    std::string symbol = getImageSymbol(code.module);
    mlir::LLVM::GlobalOp cubin, ptx = addBytes(builder, loc, symbol + ".ptx", code.ptx + '\0');
    if (!code.cubin.empty())
      cubin = addBytes(builder, loc, symbol + ".cubin", code.cubin);
    // A runtime::KernelImage.
    auto type = mlir::LLVM::LLVMStructType::getLiteral(module.getContext(), {ptr, ptr});
    auto image = mlir::LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true, mlir::LLVM::Linkage::External,
                                              symbol, mlir::Attribute());
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&image.getInitializerRegion());
    mlir::Value members[] = {cubin ? mlir::Value(mlir::LLVM::AddressOfOp::create(builder, loc, cubin))
                                   : mlir::Value(mlir::LLVM::ZeroOp::create(builder, loc, ptr)),
                             mlir::LLVM::AddressOfOp::create(builder, loc, ptx)};
    mlir::Value value = mlir::LLVM::PoisonOp::create(builder, loc, type);
    for (auto [i, member] : enumerate(members))
      value = mlir::LLVM::InsertValueOp::create(builder, loc, value, member, static_cast<int64_t>(i));
    mlir::LLVM::ReturnOp::create(builder, loc, value);
  }
}
