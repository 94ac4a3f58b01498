//===- Candidates.cpp - Schedules worth trying ----------------------------===//

#include "passes/schedule/Candidates.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla;

namespace {
/// The members of a schedule, to change some.
struct Members {
  int64_t tile, segments, keySlice, valueSlice, cluster, stages, load, elementwise, instances, matrix, epilogue;

  explicit Members(ScheduleAttr schedule)
      : tile(schedule.getTile()), segments(schedule.getSegments()), keySlice(schedule.getKeySlice()),
        valueSlice(schedule.getValueSlice()), cluster(schedule.getCluster()), stages(schedule.getStages()),
        load(schedule.getLoad()), elementwise(schedule.getElementwise()), instances(schedule.getInstances()),
        matrix(schedule.getMatrix()), epilogue(schedule.getEpilogue()) {}

  ScheduleAttr get(MLIRContext *context) const {
    return ScheduleAttr::get(context, tile, segments, keySlice, valueSlice, cluster, stages, load, elementwise,
                             instances, matrix, epilogue);
  }
};
} // namespace

static constexpr int64_t kChannelsOfLayout = 16; // at least

/// Of the warps that compute elements of `keys` columns: all that fill their lanes, as many in all as were chosen, half
/// and twice as many.
static SmallVector<std::pair<int64_t, int64_t>> listInstances(const Members &chosen, int64_t most) {
  SmallVector<std::pair<int64_t, int64_t>> found;
  int64_t all = chosen.elementwise * chosen.instances;
  for (int64_t total : {all, 2 * all, all / 2})
    for (int64_t warps = most; warps >= 1 && warps * 4 >= most; warps /= 2)
      if (total >= warps && total / warps <= 8)
        found.push_back({warps, total / warps});
  return found;
}

SmallVector<ScheduleAttr> fgla::listCandidates(AttentionOp op, ScheduleAttr chosen) {
  constexpr int64_t kMostSegments = 16;
  MLIRContext *context = op.getContext();
  llvm::SetVector<ScheduleAttr> found;
  found.insert(chosen);
  const Members base(chosen);
  // What warps there are, and how many turns are under way.
  KernelShape shape = getKernelShape(op, chosen);
  for (auto [elementwise, instances] : listInstances(base, getMostElementwiseWarps(shape)))
    for (int64_t load : {base.load, int64_t(2)})
      for (int64_t matrix : {base.matrix, 2 * base.matrix})
        for (int64_t epilogue : {base.epilogue, int64_t(2)})
          for (int64_t stages : {base.stages, int64_t(6), int64_t(8)}) {
            Members next(base);
            next.load = load;
            next.elementwise = elementwise;
            next.instances = instances;
            next.matrix = std::min(matrix, std::max<int64_t>(shape.values / kChannelsOfLayout, 1));
            next.epilogue = epilogue;
            next.stages = stages;
            found.insert(next.get(context));
          }
  // Sequences of one tile have one segment.
  if (base.segments == 0)
    for (int64_t segments = 1; segments <= kMostSegments; segments *= 2) {
      Members next(base);
      next.segments = segments;
      found.insert(next.get(context));
    }
  // Slices of half or twice the channels of the state that were chosen. A slice of all is none.
  auto pad = [](int64_t size) { return std::max<int64_t>(llvm::PowerOf2Ceil(size), kChannelsOfLayout); };
  int64_t allKeys = pad(op.getKeyDim()), allValues = pad(op.getValueDim());
  int64_t keys = base.keySlice ? base.keySlice : allKeys, values = base.valueSlice ? base.valueSlice : allValues;
  for (auto [keySlice, valueSlice] : {std::pair(keys / 2, values),
                                      {keys, values / 2},
                                      {keys / 2, values * 2},
                                      {keys * 2, values / 2},
                                      {keys / 2, values / 2}}) {
    if (keySlice > allKeys || valueSlice > allValues || std::min(keySlice, valueSlice) < kChannelsOfLayout)
      continue;
    Members next(base);
    next.keySlice = keySlice == allKeys ? 0 : keySlice;
    next.valueSlice = valueSlice == allValues ? 0 : valueSlice;
    // Other slices take other warps.
    next.stages = next.load = next.elementwise = next.instances = next.matrix = next.epilogue = 0;
    ScheduleAttr open = next.get(context);
    found.insert(completeSchedule(open, getKernelShape(op, open)));
  }
  return llvm::to_vector(found.getArrayRef());
}

std::string fgla::toMembers(ScheduleAttr schedule) {
  std::string text;
  auto add = [&](StringRef name, int64_t value) {
    text += (text.empty() ? "" : ",") + name.str() + "=" + std::to_string(value);
  };
  add("tile", schedule.getTile());
  add("segments", schedule.getSegments());
  add("key_slice", schedule.getKeySlice());
  add("value_slice", schedule.getValueSlice());
  add("cluster", schedule.getCluster());
  add("stages", schedule.getStages());
  add("load", schedule.getLoad());
  add("elementwise", schedule.getElementwise());
  add("instances", schedule.getInstances());
  add("matrix", schedule.getMatrix());
  add("epilogue", schedule.getEpilogue());
  return text;
}
