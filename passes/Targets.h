//===- Targets.h - The machines that fgla compiles for --------------------===//
#ifndef FGLA_PASSES_TARGETS_H
#define FGLA_PASSES_TARGETS_H

#include "dialect/fgla/FGLA.h"
#include "runtime/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace fgla {

/// What schedules and code generation need to know of a GPU. Sizes in bytes.
struct GPUTarget {
  llvm::StringRef name;  ///< of the target, and the architecture as LLVM and ptxas name it: "sm_90a"
  unsigned ptx;          ///< the lowest version of PTX that has all that the flags below say: 80 is 8.0
  llvm::StringRef board; ///< the one that the next numbers belong to
  unsigned multiprocessors;
  unsigned bandwidth; ///< of the board's memory, GB/s
  unsigned clock;     ///< at most, MHz
  double matrixFlops; ///< of bf16 without sparsity, 10^12 a second
  unsigned sharedPerBlock;
  unsigned registersPerMultiprocessor = 65536;
  // All have cp.async, ldmatrix, mma.sync on bf16, f16 and tf32, and mbarrier with test_wait.
  bool hasBulkCopies = false;    ///< TMA, mbarrier with try_wait, dependent launch, clusters
  bool hasMatrixStores = false;  ///< stmatrix
  bool hasRegisterMoves = false; ///< setmaxnreg

  unsigned getArchitecture() const; ///< 90 for "sm_90a"
  /// Whether code for `target` is machine code for this GPU, not PTX of an older one.
  bool isExactly(llvm::StringRef target) const { return name == target; }
};

/// All GPUs, oldest first.
llvm::ArrayRef<GPUTarget> getGPUTargets();

/// The row of a GPU, or null. A name newer than the table ("sm_130") gets the newest architecture whose PTX later GPUs
/// can run.
const GPUTarget *findGPUTarget(llvm::StringRef name);

/// What the module around `op` is compiled for; null where it does not say.
TargetAttr getTarget(mlir::Operation *op);

/// Its GPU; null for the CPU, and where the module says nothing.
const GPUTarget *getGPUTarget(mlir::Operation *op);
const GPUTarget *getGPUTarget(TargetAttr target);

/// The same for passes that cannot do without: an error where there is none.
const GPUTarget *requireGPUTarget(mlir::ModuleOp module);
/// Any target: an error where there is none.
TargetAttr requireTarget(mlir::ModuleOp module);

/// Names of all targets, "cpu" first.
std::vector<llvm::StringRef> getTargetNames();

/// The attribute of the target `name`. For the CPU it describes the machine
/// that this runs on. An error for a name that is not known.
runtime::Result<TargetAttr> getTarget(mlir::MLIRContext &context, llvm::StringRef name);

/// "+avx,+avx2,-sse4a": what this machine has and has not, sorted, so that one machine always has one text.
std::string getHostFeatures();

/// Processor and features of this machine, for the key of a cache.
std::string getHostDescription();

/// Which compiler this is, for the key of a cache: its version, LLVM's, and
/// which build of the running program.
std::string getCompilerId();

} // namespace fgla

#endif // FGLA_PASSES_TARGETS_H
