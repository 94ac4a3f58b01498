//===- ObjectFile.cpp - From the LLVM dialect to machine code -------------===//

#include "passes/binary/ObjectFile.h"
#include "passes/Targets.h"
#include "runtime/ArtifactFile.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/OpenMP/OpenMPToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

#include <mutex>

using namespace llvm;
using fgla::TargetAttr;
using fgla::runtime::Result;
using fgla::runtime::Status;

static Result<std::unique_ptr<TargetMachine>> makeTargetMachine(TargetAttr target) {
  static std::once_flag initialized;
  std::call_once(initialized, [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
  });
  Triple triple(sys::getDefaultTargetTriple());
  std::string error;
  const Target *machine = TargetRegistry::lookupTarget(triple, error);
  if (!machine)
    return Status(FGLA_UNSUPPORTED, "no code generator for this machine: " + error);
  TargetOptions options;
  // a * b + c may become one operation, rounded once; nothing else is allowed
  // to change a result.
  options.AllowFPOpFusion = FPOpFusion::Fast;
  // What runs beside the kernels of a GPU runs on any processor of the family.
  bool isForGPU = fgla::getGPUTarget(target);
  if (isForGPU)
    return std::unique_ptr<TargetMachine>(machine->createTargetMachine(triple, triple.isX86() ? "x86-64" : "generic",
                                                                       "", options, Reloc::PIC_, std::nullopt,
                                                                       CodeGenOptLevel::Default));
  std::string cpu = target && target.getCpu() ? target.getCpu().str() : sys::getHostCPUName().str();
  std::string features = target && target.getFeatures() ? target.getFeatures().str()
                         : target && target.getCpu()    ? ""
                                                        : fgla::getHostFeatures();
  return std::unique_ptr<TargetMachine>(machine->createTargetMachine(triple, cpu, features, options, Reloc::PIC_,
                                                                     std::nullopt, CodeGenOptLevel::Default));
}

/// What makes a shared object out of this module an artifact that can be sealed.
static void addSeal(Module &module) {
  Constant *bytes = ConstantDataArray::getString(module.getContext(), fgla::runtime::makeOpenSeal(), /*AddNull=*/false);
  auto *seal = new GlobalVariable(module, bytes->getType(), /*isConstant=*/true, GlobalValue::PrivateLinkage, bytes,
                                  "fgla.seal");
  seal->setSection(fgla::runtime::sealSection);
  seal->setAlignment(Align(4));
  appendToUsed(module, {seal});
}

static Result<std::unique_ptr<Module>> translate(mlir::ModuleOp module, TargetAttr target, TargetMachine &machine,
                                                 LLVMContext &context) {
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  mlir::registerOpenMPDialectTranslation(*module.getContext());
  std::unique_ptr<Module> result = mlir::translateModuleToLLVMIR(module, context, "fgla");
  if (!result)
    return Status(FGLA_INVALID_ARGUMENT, "the module cannot be translated to LLVM IR");
  result->setDataLayout(machine.createDataLayout());
  result->setTargetTriple(machine.getTargetTriple());
  addSeal(*result);
  for (Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // LLVM prefers half of AVX-512 by default; the kernels are written for
    // whole registers.
    if (target && target.getVectorBits() >= 512)
      function.addFnAttr("prefer-vector-width", "512");
  }
  return result;
}

void fgla::binary::optimizeModule(Module &module, TargetMachine &machine, OptimizationLevel level) {
  PipelineTuningOptions tuning;
  // Loops are vectorized by our own passes, at a width that they choose.
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = false;
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(level).run(module, modules);
}

Result<std::string> fgla::binary::emitObject(mlir::ModuleOp module, TargetAttr target) {
  Result<std::unique_ptr<TargetMachine>> machine = makeTargetMachine(target);
  if (!machine.ok())
    return machine.status();
  LLVMContext context;
  Result<std::unique_ptr<Module>> translated = translate(module, target, **machine, context);
  if (!translated.ok())
    return translated.status();
  optimizeModule(**translated, **machine, OptimizationLevel::O2);
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager manager;
  if ((*machine)->addPassesToEmitFile(manager, stream, nullptr, CodeGenFileType::ObjectFile))
    return Status(FGLA_UNSUPPORTED, "the code generator of this machine writes no object files");
  manager.run(**translated);
  return std::string(bytes.begin(), bytes.end());
}

Result<std::string> fgla::binary::emitLLVMText(mlir::ModuleOp module, TargetAttr target, bool optimized) {
  Result<std::unique_ptr<TargetMachine>> machine = makeTargetMachine(target);
  if (!machine.ok())
    return machine.status();
  LLVMContext context;
  Result<std::unique_ptr<Module>> translated = translate(module, target, **machine, context);
  if (!translated.ok())
    return translated.status();
  if (optimized)
    optimizeModule(**translated, **machine, OptimizationLevel::O2);
  std::string text;
  raw_string_ostream(text) << **translated;
  return text;
}
