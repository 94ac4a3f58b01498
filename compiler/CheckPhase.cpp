//===- CheckPhase.cpp - What each phase promises --------------------------===//

#include "compiler/CheckPhase.h"
#include "dialect/fgla/FGLA.h"
#include "dialect/tile/Tile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using fgla::Phase;

/// The dialects whose ops a phase may leave. Shape functions store to a memref; `fgla_tile` may stand in kernels
/// and launches only; of `cf` there is `cf.assert`.
static ArrayRef<StringRef> allowedDialects(Phase phase) {
  static constexpr StringRef graph[] = {"builtin", "func",   "arith", "math",   "tensor", "linalg",
                                        "scf",     "affine", "index", "memref", "cf",     "fgla"};
  static constexpr StringRef tiled[] = {"builtin", "func",   "arith", "math",   "tensor", "linalg",
                                        "scf",     "affine", "index", "memref", "cf",     "fgla_tile"};
  static constexpr StringRef roles[] = {"builtin", "func",  "arith",  "math", "tensor",    "linalg",   "scf",
                                        "affine",  "index", "memref", "cf",   "fgla_tile", "fgla_warp"};
  static constexpr StringRef reference[] = {"builtin", "func",   "arith", "math",   "tensor", "linalg",
                                            "scf",     "affine", "index", "memref", "cf"};
  static constexpr StringRef kernel[] = {"builtin", "llvm", "omp", "gpu", "nvvm"};
  switch (phase) {
  case Phase::Graph:
  case Phase::Schedule:
    return graph;
  case Phase::Tiled:
    return tiled;
  case Phase::Roles:
  case Phase::Layout:
    return roles;
  case Phase::Reference:
    return reference;
  case Phase::Kernel:
    return kernel;
  case Phase::Import:
  case Phase::Binary:
    break;
  }
  return {};
}

/// The rule that `op` breaks, or empty.
static std::string findViolation(Operation *op, Phase phase) {
  StringRef dialect = op->getName().getDialectNamespace();
  if (!llvm::is_contained(allowedDialects(phase), dialect))
    return "no op of the dialect '" + dialect.str() + "'";
  if ((phase == Phase::Schedule || phase == Phase::Tiled) && isa<ModuleOp>(op) && !op->getParentOp() &&
      !isa_and_nonnull<fgla::TargetAttr>(op->getAttr(fgla::kTargetAttrName)))
    return "'fgla.target' on the module";
  if (phase == Phase::Graph && isa<fgla::BlockOp, fgla::StepOp, fgla::SoftmaxAttentionOp>(op))
    return "no block, no step and no softmax attention, only what they consist of";
  if (auto attention = dyn_cast<fgla::RecurrenceInterface>(op);
      phase == Phase::Schedule && attention && !attention.isDeltaRule() && !attention.getSequences() &&
      !isa_and_nonnull<fgla::ScheduleAttr>(op->getAttr(fgla::kScheduleAttrName)))
    return "'fgla.schedule' on every kernel root";
  if (phase == Phase::Tiled && isa<fgla::tile::TileDialect>(op->getDialect()) && !isa<fgla::tile::LaunchOp>(op)) {
    auto function = op->getParentOfType<FunctionOpInterface>();
    if (!function || function.isPublic())
      return "ops on tiles in kernels only";
  }
  return {};
}

namespace {
class CheckPhase : public PassWrapper<CheckPhase, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckPhase)

  CheckPhase() = default;
  CheckPhase(const CheckPhase &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "fgla-check-phase"; }
  StringRef getDescription() const override { return "checks what a phase promises to the next one"; }

  void runOnOperation() override {
    WalkResult result = getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      std::string rule = findViolation(op, phase);
      if (rule.empty())
        return WalkResult::advance();
      op->emitError() << "'" << op->getName() << "' breaks the contract of phase '" << fgla::stringifyPhase(phase)
                      << "', which promises " << rule;
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  Option<Phase> phase{*this, "phase", llvm::cl::desc("the phase whose contract is checked"),
                      llvm::cl::init(Phase::Graph),
                      llvm::cl::values(clEnumValN(Phase::Graph, "graph", "fgla ops on tensors"),
                                       clEnumValN(Phase::Schedule, "schedule", "the same, with schedules"),
                                       clEnumValN(Phase::Tiled, "tiled", "kernels on tiles"),
                                       clEnumValN(Phase::Roles, "roles", "kernels as roles and channels"),
                                       clEnumValN(Phase::Layout, "layout", "the same, with layouts"),
                                       clEnumValN(Phase::Reference, "reference", "linalg and scf on tensors"),
                                       clEnumValN(Phase::Kernel, "kernel", "the LLVM dialect"))};
};
} // namespace

std::unique_ptr<Pass> fgla::createCheckPhase(Phase phase) {
  auto pass = std::make_unique<CheckPhase>();
  pass->phase = phase;
  return pass;
}

void fgla::registerCheckPhasePass() { PassRegistration<CheckPhase>(); }
