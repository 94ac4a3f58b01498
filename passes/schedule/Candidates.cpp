//===- Candidates.cpp - Schedules worth trying ----------------------------===//

#include "passes/schedule/Candidates.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla;

static constexpr int64_t kChannelsOfLayout = 16; // at least

/// Of the warps that compute elements of `keys` columns: all that fill their lanes, as many in all as were chosen, half
/// and twice as many.
static SmallVector<std::pair<int64_t, int64_t>> listInstances(const RoleSize &chosen, int64_t most) {
  SmallVector<std::pair<int64_t, int64_t>> found;
  int64_t all = chosen.warps * chosen.instances;
  for (int64_t total : {all, 2 * all, all / 2})
    for (int64_t warps = most; warps >= 1 && warps * 4 >= most; warps /= 2)
      if (total >= warps && total / warps <= 8)
        found.push_back({warps, total / warps});
  return found;
}

SmallVector<ScheduleAttr> fgla::listCandidates(AttentionOp op, ScheduleAttr chosen) {
  constexpr int64_t kMostSegments = 16;
  llvm::SetVector<ScheduleAttr> found;
  found.insert(chosen);
  auto getWarps = [&](StringRef role) { return chosen.getRole(role).warps; };
  // What warps there are, and how many turns are under way.
  KernelShape shape = getKernelShape(op, chosen);
  const int64_t mostMatrix = std::max<int64_t>(shape.values / kChannelsOfLayout, 1);
  for (auto [elementwise, instances] :
       listInstances(chosen.getRole(role::kElementwise), getMostElementwiseWarps(shape)))
    for (int64_t load : {getWarps(role::kLoad), int64_t(2)})
      for (int64_t matrix : {getWarps(role::kMatrix), 2 * getWarps(role::kMatrix)})
        for (int64_t epilogue : {getWarps(role::kEpilogue), int64_t(2)})
          for (int64_t stages : {chosen.getStages(), int64_t(6), int64_t(8)})
            found.insert(chosen.with(ScheduleMember::Stages, stages)
                             .withoutRoles()
                             .withRole(role::kLoad, load)
                             .withRole(role::kElementwise, elementwise, instances)
                             .withRole(role::kMatrix, std::min(matrix, mostMatrix))
                             .withRole(role::kEpilogue, epilogue));
  // Sequences of one tile have one segment.
  if (chosen.getSegments() == 0)
    for (int64_t segments = 1; segments <= kMostSegments; segments *= 2)
      found.insert(chosen.with(ScheduleMember::Segments, segments));
  // Slices of half or twice the channels of the state that were chosen. A slice of all is none.
  auto pad = [](int64_t size) { return std::max<int64_t>(llvm::PowerOf2Ceil(size), kChannelsOfLayout); };
  int64_t allKeys = pad(op.getKeyDim()), allValues = pad(op.getValueDim());
  int64_t keys = chosen.getKeySlice() ? chosen.getKeySlice() : allKeys;
  int64_t values = chosen.getValueSlice() ? chosen.getValueSlice() : allValues;
  for (auto [keySlice, valueSlice] : {std::pair(keys / 2, values),
                                      {keys, values / 2},
                                      {keys / 2, values * 2},
                                      {keys * 2, values / 2},
                                      {keys / 2, values / 2}}) {
    if (keySlice > allKeys || valueSlice > allValues || std::min(keySlice, valueSlice) < kChannelsOfLayout)
      continue;
    // Other slices take other warps.
    ScheduleAttr open = chosen.with(ScheduleMember::KeySlice, keySlice == allKeys ? 0 : keySlice)
                            .with(ScheduleMember::ValueSlice, valueSlice == allValues ? 0 : valueSlice)
                            .with(ScheduleMember::Stages, 0)
                            .withoutRoles();
    found.insert(completeSchedule(open, getKernelShape(op, open)));
  }
  return llvm::to_vector(found.getArrayRef());
}
