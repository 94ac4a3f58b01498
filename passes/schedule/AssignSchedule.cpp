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

/// Reads "stages=4,matrix=8", or the same as an attribute: what is named in it replaces what `given` says.
static FailureOr<ScheduleAttr> parseSchedule(StringRef text, ScheduleAttr given,
                                             function_ref<InFlightDiagnostic()> emitError) {
  constexpr std::array<StringRef, 11> names = {"tile", "segments",    "key_slice", "value_slice", "cluster", "stages",
                                               "load", "elementwise", "instances", "matrix",      "epilogue"};
  std::array<int64_t, 11> values = {given.getTile(),       given.getSegments(),    given.getKeySlice(),
                                    given.getValueSlice(), given.getCluster(),     given.getStages(),
                                    given.getLoad(),       given.getElementwise(), given.getInstances(),
                                    given.getMatrix(),     given.getEpilogue()};
  text = text.trim();
  if (text.consume_front("#fgla.schedule<"))
    text.consume_back(">");
  for (StringRef member : llvm::split(text, ',')) {
    auto [name, value] = member.split('=');
    const auto *found = llvm::find(names, name.trim());
    if (found == names.end())
      return emitError() << "schedule has no member '" << name.trim() << "' (known: " << llvm::join(names, ", ") << ")";
    if (value.trim().getAsInteger(10, values[found - names.begin()]))
      return emitError() << "'" << *found << "' must be a number, got '" << value.trim() << "'";
  }
  auto schedule = std::apply(
      [&](auto... members) { return ScheduleAttr::getChecked(emitError, given.getContext(), members...); }, values);
  if (!schedule)
    return failure();
  return schedule;
}

static ScheduleAttr withSegments(ScheduleAttr schedule, int64_t segments) {
  return ScheduleAttr::get(schedule.getContext(), schedule.getTile(), segments, schedule.getKeySlice(),
                           schedule.getValueSlice(), schedule.getCluster(), schedule.getStages(), schedule.getLoad(),
                           schedule.getElementwise(), schedule.getInstances(), schedule.getMatrix(),
                           schedule.getEpilogue());
}

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
    if (tile != 0 && failed(ScheduleAttr::verify(emitError, tile, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
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
    return parseSchedule(row.schedule, open, [&] {
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
      schedule = ScheduleAttr::get(&getContext(), open.getTile(), 0, keySlice, valueSlice);
    }
    if (segments >= 0)
      schedule = withSegments(schedule, segments);
    if (!this->schedule.empty()) {
      auto parsed = parseSchedule(this->schedule, schedule, [&] { return getOperation()->emitError(); });
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
    return withSegments(schedule, 1);
  }

  /// Chooses it where it is open. Where the number of segments is fixed, nothing of it is decided at launch.
  FailureOr<ScheduleAttr> settleCluster(AttentionOp op, ScheduleAttr schedule) {
    if (gpu && schedule.getCluster() == 0)
      if (int64_t chosen = chooseCluster(op, schedule, *gpu); chosen > 1)
        schedule = withCluster(schedule, chosen, schedule.getKeySlice());
    if (std::string why = checkCluster(op, schedule, gpu); !why.empty())
      return op.emitError() << "a 'cluster' of " << schedule.getCluster() << " programs " << why;
    bool isOpen = schedule.getCluster() > 1 && schedule.getKeySlice() == 0;
    if (isOpen && schedule.getSegments() != 0)
      schedule =
          withCluster(schedule, schedule.getCluster(), getKeySliceOfCluster(op.getKeyDim(), schedule.getCluster()));
    return schedule;
  }

  const GPUTarget *gpu = nullptr; ///< null for the CPU
  TunedTable table;
};
} // namespace
