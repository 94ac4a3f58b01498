//===- AssignSchedule.cpp - Chooses how each attention runs ---------------===//

#include "dialect/fgla/FGLA.h"
#include "passes/Targets.h"
#include "passes/schedule/Choices.h"
#include "passes/schedule/Passes.h"
#include "passes/schedule/TunedTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace fgla {
#define GEN_PASS_DEF_ASSIGNSCHEDULE
#include "passes/schedule/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

namespace {
struct AssignSchedule : fgla::impl::AssignScheduleBase<AssignSchedule> {
  using AssignScheduleBase::AssignScheduleBase;

  void runOnOperation() override {
    TargetAttr attr = requireTarget(getOperation());
    if (!attr)
      return signalPassFailure();
    StringRef target = attr.getName();
    gpu = findGPUTarget(target);
    if (!gpu && target != "cpu") {
      getOperation()->emitError() << "'" << kTargetAttrName << "' must be one of " << llvm::join(getTargetNames(), ", ")
                                  << ", got '" << target << "'";
      return signalPassFailure();
    }
    // Before anything is computed from it: the other members are open.
    auto emitError = [&] { return getOperation()->emitError(); };
    std::string given = "tile=" + std::to_string(tile);
    if (tile != 0 && failed(ScheduleAttr::get(&getContext(), 1).replace(given, {}, emitError)))
      return signalPassFailure();
    if (gpu && failed(readTable()))
      return signalPassFailure();
    WalkResult gradients = getOperation()->walk([&](Operation *op) {
      if (!gpu || !isa<AttentionGradOp, VJPOp>(op))
        return WalkResult::advance();
      op->emitError() << "'" << op->getName() << "' has no code for target '" << target
                      << "' yet: gradients are computed on the target 'cpu'";
      return WalkResult::interrupt();
    });
    if (gradients.wasInterrupted())
      return signalPassFailure();
    getOperation()->walk([&](RecurrenceInterface op) {
      if (failed(assign(op)))
        signalPassFailure();
    });
  }

private:
  /// Gives `op` a schedule, if it can have a kernel.
  LogicalResult assign(RecurrenceInterface op) {
    std::string rule = ("rule '" + stringifyUpdateRule(op.getRule()) + "'").str();
    if (op.isDeltaRule() && gpu)
      return op.emitError() << rule << " has no kernel for a GPU yet, got target '" << gpu->name
                            << "'; target 'cpu' runs it";
    if (op.isDeltaRule() && !op->hasAttr(kScheduleAttrName)) {
      op.emitRemark() << rule << " has no kernel yet and runs by the sequential lowering";
      return success();
    }
    if (op.getSequences() && gpu)
      return op.emitError() << "operand 'sequences' has no kernel for a GPU yet, got target '" << gpu->name
                            << "'; target 'cpu' runs it";
    if (op.getSequences()) {
      op->removeAttr(kScheduleAttrName);
      op.emitRemark() << "packed sequences have no kernel yet and run by the sequential lowering";
      return success();
    }
    if (auto attention = dyn_cast<AttentionOp>(op.getOperation()))
      return assignForward(attention);
    // One walk a head.
    if (!op->hasAttr(kScheduleAttrName))
      op->setAttr(kScheduleAttrName,
                  ScheduleAttr::get(&getContext(), tile != 0 ? int64_t(tile) : chooseTile(op, gpu), 1));
    return success();
  }

  LogicalResult assignForward(AttentionOp op) {
    if (gpu && std::min(op.getKeyDim(), op.getValueDim()) < 2)
      return op.emitError() << "heads on a GPU must have two or more channels of keys and of values, got "
                            << op.getKeyDim() << " and " << op.getValueDim();
    FailureOr<ScheduleAttr> given = op->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
    if (!*given)
      given = choose(op);
    if (failed(given) || failed(given = settleCluster(op, *given)))
      return failure();
    for (int64_t slice : {given->getKeySlice(), given->getValueSlice()})
      // A wider tile would hold channels of the next slice.
      if (gpu && slice != 0 && (!llvm::isPowerOf2_64(slice) || slice < kLeastSlice))
        return op.emitError() << "slices on a GPU must be powers of two from " << kLeastSlice << " channels on, got "
                              << slice;
    op->setAttr(kScheduleAttrName, gpu ? completeSchedule(*given, getKernelShape(op, *given), gpu) : *given);
    return success();
  }

  LogicalResult readTable() {
    table = TunedTable();
    if (tuned == "none")
      return success();
    if (tuned.empty()) {
      table = TunedTable::shipped();
    } else {
      runtime::Result<TunedTable> read = readTunedTable(tuned);
      if (!read.ok())
        return getOperation()->emitError() << read.message();
      table = *read;
    }
    // Every line, not only the one that is asked for.
    for (const TunedRow &row : table.getRows())
      if (failed(parseRow(row, ScheduleAttr::get(&getContext(), 16, 0))))
        return failure();
    return success();
  }

  FailureOr<ScheduleAttr> parseRow(const TunedRow &row, ScheduleAttr open) {
    return open.replace(row.schedule, AttentionOp::getRoles(), [&] {
      InFlightDiagnostic error = getOperation()->emitError();
      error << table.getName() << ":" << row.line << ": ";
      return error;
    });
  }

  /// A line of the table, as a whole or not at all: its members fit each other. Null if there is none.
  FailureOr<ScheduleAttr> lookUp(AttentionOp op, ScheduleAttr open) {
    if (!gpu || tile != 0 || !schedule.empty())
      return ScheduleAttr();
    TunedKey key = getTunedKey(op, *gpu);
    const TunedRow *row = table.find(key);
    key.shape = TunedKey::kAnyShape;
    if (!row && !(row = table.find(key)))
      return ScheduleAttr();
    return parseRow(*row, open);
  }

  /// What the options say, what was measured, and choices for the rest.
  FailureOr<ScheduleAttr> choose(AttentionOp op) {
    auto open = ScheduleAttr::get(&getContext(), tile != 0 ? int64_t(tile) : chooseTile(op, gpu), 0);
    FailureOr<ScheduleAttr> found = lookUp(op, open);
    if (failed(found))
      return failure();
    ScheduleAttr schedule = *found;
    if (!schedule) {
      auto [keySlice, valueSlice] = gpu ? chooseSlices(op, *gpu) : std::pair<int64_t, int64_t>();
      schedule = open.with(ScheduleMember::KeySlice, keySlice).with(ScheduleMember::ValueSlice, valueSlice);
    }
    if (segments >= 0)
      schedule = schedule.with(ScheduleMember::Segments, segments);
    if (!this->schedule.empty()) {
      auto parsed = schedule.replace(this->schedule, op.getRoles(), [&] { return getOperation()->emitError(); });
      if (failed(parsed))
        return failure();
      schedule = *parsed;
      if (!gpu && schedule != ScheduleAttr::get(&getContext(), schedule.getTile(), schedule.getSegments()))
        op.emitRemark() << "of the schedule '" << this->schedule
                        << "', a CPU has a use for 'tile' and 'segments' only: the rest has no effect";
    }
    // One tile can't be cut into segments.
    int64_t tokens = op.getQuery().getType().getDimSize(1);
    if (ShapedType::isDynamic(tokens) || tokens > schedule.getTile())
      return schedule;
    return schedule.with(ScheduleMember::Segments, 1);
  }

  /// Chooses it where it is open. Where the number of segments is fixed, nothing of it is decided at launch.
  FailureOr<ScheduleAttr> settleCluster(AttentionOp op, ScheduleAttr schedule) {
    if (gpu && schedule.getCluster() == 0)
      if (int64_t chosen = chooseCluster(op, schedule, *gpu); chosen > 1)
        schedule = schedule.with(ScheduleMember::Cluster, chosen);
    if (std::string why = checkCluster(op, schedule, gpu); !why.empty())
      return op.emitError() << "a 'cluster' of " << schedule.getCluster() << " programs " << why;
    bool isOpen = schedule.getCluster() > 1 && schedule.getKeySlice() == 0;
    if (isOpen && schedule.getSegments() != 0)
      schedule = schedule.with(ScheduleMember::KeySlice, getKeySliceOfCluster(op.getKeyDim(), schedule.getCluster()));
    return schedule;
  }

  const GPUTarget *gpu = nullptr; ///< null for the CPU
  TunedTable table;
};
} // namespace
