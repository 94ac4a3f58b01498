//===- Phases.cpp - The phases of compilation and their order -------------===//

#include "compiler/Phases.h"
#include "compiler/CheckPhase.h"
#include "passes/binary/Passes.h"
#include "passes/cpu/Passes.h"
#include "passes/graph/Passes.h"
#include "passes/host/Passes.h"
#include "passes/kernel/Passes.h"
#include "passes/layout/Passes.h"
#include "passes/onnx/Passes.h"
#include "passes/roles/Passes.h"
#include "passes/schedule/Passes.h"
#include "passes/tiled/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using fgla::Lowering;
using fgla::Phase;
using fgla::PhaseOptions;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

StringRef fgla::stringifyPhase(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "import";
  case Phase::Graph:
    return "graph";
  case Phase::Schedule:
    return "schedule";
  case Phase::Tiled:
    return "tiled";
  case Phase::Roles:
    return "roles";
  case Phase::Layout:
    return "layout";
  case Phase::Reference:
    return "reference";
  case Phase::Kernel:
    return "kernel";
  case Phase::Binary:
    return "binary";
  }
  return {};
}

std::optional<Phase> fgla::symbolizePhase(StringRef name) {
  for (Phase phase : {Phase::Import, Phase::Graph, Phase::Schedule, Phase::Tiled, Phase::Roles, Phase::Layout,
                      Phase::Reference, Phase::Kernel, Phase::Binary})
    if (stringifyPhase(phase) == name)
      return phase;
  return std::nullopt;
}

StringRef fgla::stringifyLowering(Lowering lowering) {
  switch (lowering) {
  case Lowering::Tiled:
    return "tiled";
  case Lowering::Reference:
    return "reference";
  case Lowering::Roles:
    return "roles";
  }
  return {};
}

std::optional<Lowering> fgla::symbolizeLowering(StringRef name) {
  for (Lowering lowering : {Lowering::Tiled, Lowering::Reference, Lowering::Roles})
    if (stringifyLowering(lowering) == name)
      return lowering;
  return std::nullopt;
}

llvm::ArrayRef<Phase> fgla::getPhases(Lowering lowering, bool gpu) {
  static constexpr Phase tiled[] = {Phase::Import, Phase::Graph,  Phase::Schedule,
                                    Phase::Tiled,  Phase::Kernel, Phase::Binary};
  static constexpr Phase onGPU[] = {Phase::Import, Phase::Graph,  Phase::Schedule, Phase::Tiled,
                                    Phase::Roles,  Phase::Layout, Phase::Kernel,   Phase::Binary};
  static constexpr Phase reference[] = {Phase::Import, Phase::Graph, Phase::Reference, Phase::Kernel, Phase::Binary};
  static constexpr Phase roles[] = {Phase::Import, Phase::Graph,  Phase::Schedule, Phase::Tiled,
                                    Phase::Roles,  Phase::Kernel, Phase::Binary};
  if (lowering == Lowering::Reference)
    return reference;
  if (lowering == Lowering::Roles)
    return roles;
  return gpu ? llvm::ArrayRef<Phase>(onGPU) : llvm::ArrayRef<Phase>(tiled);
}

//===----------------------------------------------------------------------===//
// The phases
//===----------------------------------------------------------------------===//

static void addCleanUp(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// Two functions in place of each: the one that computes, and the one for its gradients.
static void addGradients(OpPassManager &manager, const PhaseOptions &options) {
  fgla::ChooseSavedOptions saved;
  saved.memory = options.memory;
  manager.addPass(fgla::createChooseSaved(saved));
  fgla::DifferentiateOptions differentiate;
  differentiate.of = options.gradientOf;
  differentiate.wrt = options.gradientWrt;
  manager.addPass(fgla::createDifferentiate(differentiate));
  addCleanUp(manager);
  manager.addPass(fgla::createNameDims());
}

/// In: fgla ops, or the mirror of an ONNX graph. Out: attention and what
/// surrounds it, on tensors; each function by itself.
static void buildGraph(OpPassManager &manager, const PhaseOptions &options) {
  manager.addPass(fgla::onnx::createRaiseAttention());
  manager.addPass(fgla::onnx::createSimplifyMasks());
  manager.addPass(fgla::onnx::createConvertONNX());
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  manager.addPass(fgla::createNameDims());
  manager.addPass(fgla::createExpandBlock());
  manager.addPass(fgla::createExpandSoftmaxAttention());
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  addCleanUp(manager);
  if (options.gradient)
    addGradients(manager, options);
  // Here, where every op says what shape its results have.
  manager.addPass(fgla::createMakeShapeFunctions());
}

/// Out: each attention that gets a kernel carries its schedule, and its precision if that is not f32.
static void buildSchedule(OpPassManager &manager, const PhaseOptions &options) {
  fgla::AssignScheduleOptions schedule;
  schedule.tile = options.tile;
  schedule.segments = options.segments;
  schedule.schedule = options.schedule;
  schedule.tuned = options.tuned;
  manager.addPass(fgla::createAssignSchedule(schedule));
  fgla::AssignPrecisionOptions precision;
  precision.precision = options.precision;
  manager.addPass(fgla::createAssignPrecision(precision));
}

/// What a CPU does in parts.
static void addExpansions(OpPassManager &manager) {
  manager.addPass(fgla::createExpandDecays());
  manager.addPass(fgla::createExpandRowNorms());
}

/// Out: kernels on tiles and their launches; what got no kernel is plain linalg
/// and scf.
static void buildTiled(OpPassManager &manager, const PhaseOptions &options) {
  fgla::FormKernelsOptions kernels;
  kernels.roles = options.gpu || options.lowering == Lowering::Roles;
  manager.addPass(fgla::createFormKernels(kernels));
  manager.addPass(fgla::createMergeKernels());
  fgla::PadTilesOptions padding;
  padding.isWidening = kernels.roles;
  manager.addPass(fgla::createPadTiles(padding));
  // What is left is named as long as it has its name.
  if (options.gpu)
    manager.addPass(fgla::host::createCheckHost());
  // Roles take diagonal blocks and rows as a whole.
  if (!options.gpu && options.lowering != Lowering::Roles)
    addExpansions(manager);
  manager.addPass(fgla::createExpandSequences());
  manager.addPass(fgla::createLowerToReference());
  addCleanUp(manager);
}

/// Out: kernels as roles and channels.
static void buildRoles(OpPassManager &manager, const PhaseOptions &) {
  manager.addPass(fgla::createNarrowOperands());
  addCleanUp(manager);
  manager.addPass(fgla::createShareLoads());
  manager.addPass(fgla::createAssignRoles());
  addCleanUp(manager);
}

/// Out: a layout for every tile, a place for every channel.
static void buildLayout(OpPassManager &manager, const PhaseOptions &) {
  manager.addPass(fgla::createAssignLayouts());
  manager.addPass(fgla::createLinkCompanions());
  manager.addPass(fgla::createSizeStages());
}

/// Out: plain linalg, scf and arith on tensors, one token after the other.
static void buildReference(OpPassManager &manager, const PhaseOptions &options) {
  if (options.widenToF64)
    manager.addPass(fgla::createWidenToF64());
  manager.addPass(fgla::createExpandSequences());
  manager.addPass(fgla::createLowerToReference());
  addCleanUp(manager);
}

/// Tensors to memrefs. Results are written where the caller wants them,
/// temporaries are freed.
static void addBufferization(OpPassManager &manager) {
  manager.addPass(fgla::host::createDestinationResults());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // Most tiles that a loop carries are updated in place; one that is read again
  // after its update gets new memory each turn.
  options.allowReturnAllocsFromLoops = true;
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  addCleanUp(manager);
  manager.addNestedPass<func::FuncOp>(bufferization::createBufferHoistingPass());
  manager.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  bufferization::buildBufferDeallocationPipeline(manager, {});
}

/// Loops and vectors to the LLVM dialect.
static void addToLLVM(OpPassManager &manager, bool parallel) {
  if (parallel) {
    manager.addPass(fgla::cpu::createThreadsToOpenMP());
    manager.addPass(createForallToParallelLoopPass());
    manager.addPass(createConvertSCFToOpenMPPass());
  }
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(fgla::host::createLowerExpandShapes());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  manager.addPass(arith::createArithExpandOpsPass(expand));
  ConvertMathToLLVMPassOptions math;
  math.approximateLog1p = false; // log(1 + x) loses what is small
  manager.addPass(createConvertMathToLLVMPass(math));
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  if (parallel)
    manager.addPass(createConvertOpenMPToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  addCleanUp(manager);
}

/// For a GPU: the kernels. Their control flow becomes LLVM's with the host's.
static void buildDevice(OpPassManager &manager, const PhaseOptions &options) {
  fgla::kernel::LowerPipelinesOptions pipelines;
  pipelines.checkRaces = options.checkRaces;
  manager.addPass(fgla::kernel::createLowerPipelines(pipelines));
  auto &kernels = manager.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(fgla::kernel::createLowerKernelMath());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createConvertIndexToLLVMPass());
  kernels.addPass(createArithToLLVMConversionPass());
}

/// For a GPU: what runs beside the kernels, which are LLVM dialect already.
static void buildHost(OpPassManager &manager) {
  manager.addPass(fgla::host::createCheckHost());
  addBufferization(manager);
  manager.addPass(fgla::host::createLowerLaunches());
  manager.addNestedPass<func::FuncOp>(fgla::host::createMergeAllocations());
  manager.addPass(fgla::host::createLowerDispatch());
  addToLLVM(manager, /*parallel=*/false);
  manager.addPass(fgla::binary::createEmitEntryPoints());
  manager.addPass(fgla::binary::createCheckAllocations());
  manager.addPass(fgla::binary::createStartThreads());
}

/// For tests: roles as threads of the CPU. Three turns under way make rings that
/// go around in short sequences.
static void addThreads(OpPassManager &manager) {
  fgla::cpu::RolesToThreadsOptions threads;
  threads.stages = 3;
  manager.addPass(fgla::cpu::createRolesToThreads(threads));
  addExpansions(manager);
}

/// In: linalg, scf and arith on tensors, and kernels. Out: the LLVM dialect,
/// with the entry points of an artifact.
static void buildKernel(OpPassManager &manager, const PhaseOptions &options) {
  if (options.gpu)
    buildDevice(manager, options);
  // For functions that did not come through the graph phase.
  manager.addPass(fgla::createMakeShapeFunctions());
  manager.addPass(fgla::host::createRecordManifest());
  if (options.gpu)
    return buildHost(manager);
  if (options.lowering == Lowering::Roles)
    addThreads(manager);
  manager.addNestedPass<func::FuncOp>(fgla::cpu::createFuseElementwise());
  manager.addPass(fgla::cpu::createLowerWalks());
  manager.addPass(fgla::cpu::createLowerTiles());
  addBufferization(manager);
  manager.addPass(fgla::host::createLowerLaunches());
  manager.addPass(fgla::cpu::createVectorizeLinalg());
  manager.addPass(fgla::cpu::createApproximateMath());
  manager.addPass(fgla::cpu::createRoundOnce());
  manager.addPass(fgla::cpu::createLowerAsserts());
  addToLLVM(manager, /*parallel=*/true);
  manager.addPass(fgla::binary::createEmitEntryPoints());
  manager.addPass(fgla::binary::createCheckAllocations());
  manager.addPass(fgla::binary::createStartThreads());
}

void fgla::buildPhase(OpPassManager &manager, Phase phase, const PhaseOptions &options) {
  switch (phase) {
  case Phase::Import:
  case Phase::Binary:
    return;
  case Phase::Graph:
    buildGraph(manager, options);
    break;
  case Phase::Schedule:
    buildSchedule(manager, options);
    break;
  case Phase::Tiled:
    buildTiled(manager, options);
    break;
  case Phase::Roles:
    buildRoles(manager, options);
    break;
  case Phase::Layout:
    buildLayout(manager, options);
    break;
  case Phase::Reference:
    buildReference(manager, options);
    break;
  case Phase::Kernel:
    buildKernel(manager, options);
    break;
  }
  manager.addPass(createCheckPhase(phase));
}

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<int64_t> segments{
      *this, "segments",
      llvm::cl::desc("parts of a sequence that run in parallel (0: decided at launch, -1: the schedule's choice)"),
      llvm::cl::init(-1)};
  Option<int64_t> tile{*this, "tile",
                       llvm::cl::desc("tokens that a kernel computes together (0: the schedule's choice)"),
                       llvm::cl::init(0)};
  Option<std::string> schedule{*this, "schedule", llvm::cl::desc("members of the schedule: stages=4,matrix=8")};
  Option<bool> gpu{*this, "gpu", llvm::cl::desc("the target is a GPU"), llvm::cl::init(false)};
  Option<bool> widenToF64{*this, "widen-to-f64", llvm::cl::desc("make every float f64"), llvm::cl::init(false)};
  Option<bool> gradient{*this, "gradient", llvm::cl::desc("make a forward and a backward function of each"),
                        llvm::cl::init(false)};
};
} // namespace

void fgla::registerPhasePipelines() {
  registerCheckPhasePass();
  for (Phase phase :
       {Phase::Graph, Phase::Schedule, Phase::Tiled, Phase::Roles, Phase::Layout, Phase::Reference, Phase::Kernel}) {
    std::string name = ("fgla-phase-" + stringifyPhase(phase)).str();
    std::string summary = ("the passes of the phase '" + stringifyPhase(phase) + "'").str();
    PassPipelineRegistration<PipelineOptions>(
        name, summary, [phase](OpPassManager &manager, const PipelineOptions &given) {
          PhaseOptions options;
          options.lowering = phase == Phase::Reference ? Lowering::Reference : Lowering::Tiled;
          options.tile = given.tile;
          options.segments = given.segments;
          options.schedule = given.schedule;
          options.widenToF64 = given.widenToF64;
          options.gpu = given.gpu;
          options.gradient = given.gradient;
          buildPhase(manager, phase, options);
        });
  }
}
