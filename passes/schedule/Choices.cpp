//===- Choices.cpp - What a schedule is where nothing was said ------------===//

#include "passes/schedule/Choices.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla;

/// A warp of the matrix role has these values' columns of the state, and a thread so many sums in registers.
static constexpr int64_t kValuesOfWarp = 16, kMostSums = 128;

/// The next size that tiles are shared out by: layouts are made of bits, and 16 channels are the least.
static int64_t padForLayouts(int64_t size) { return std::max<int64_t>(llvm::PowerOf2Ceil(size), 16); }

/// For a CPU by measurement (docs/performance/cpu-forward.md): each tile passes over the whole state, which wants long
/// tiles where the state is large, and does work of its square on the diagonal. A tile longer than the sequence is
/// waste. For a GPU: the rows of a matrix instruction.
int64_t fgla::chooseTile(RecurrenceInterface op, bool gpu) {
  if (gpu)
    return 16;
  constexpr int64_t kLargeState = 64 * 1024; // elements
  int64_t tile = op.getKeyDim() * op.getValueDim() > kLargeState ? 64 : 32;
  int64_t tokens = op.getQuery().getType().getDimSize(1);
  if (ShapedType::isDynamic(tokens) || tokens >= tile)
    return tile;
  return static_cast<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(tokens, 1)));
}

/// Whether features are made by a map of two halves side by side, which have to be in one program.
static bool hasHalves(Value features) {
  auto map = features.getDefiningOp<TileFormInterface>();
  return map && map.hasHalves();
}

/// The state is in the registers of one role. Programs that share a head each compute queries, keys and decays of the
/// key channels that they own: so as many values as fit. Key slices make that work as small as it is without slices,
/// but their outputs are parts of sums, which cost a trip through memory.
///
/// Two turns have to fit shared memory too. Where that is about 100 KB, tiles of 128 keys and 128 values of f32 do not
/// fit. Nor do decays of 256 values: a turn holds two tiles of them in f32, and two more of what they are computed
/// from. Where registers cannot move between warps, sums of f32 and what rounding has lost of them need too many for so
/// many keys and values.
std::pair<int64_t, int64_t> fgla::chooseSlices(AttentionOp op, const GPUTarget &target) {
  constexpr int64_t kMostKeys = 128, kMostValuesWithDecays = 128;
  constexpr unsigned kLargeShared = 160 * 1024;
  bool isSmall = target.sharedPerBlock < kLargeShared, isWide = op.getQuery().getType().getElementType().isF32();
  const int64_t mostElements = 128 * (isWide && (isSmall || !target.hasRegisterMoves) ? 64 : 128);
  int64_t keys = padForLayouts(op.getKeyDim()), values = padForLayouts(op.getValueDim());
  // Few values are few warps: of f32, a sum in a thread has two registers.
  const int64_t mostInWarps = values / kValuesOfWarp * 32 * kMostSums / (isWide ? 2 : 1);
  std::pair<int64_t, int64_t> slices{0, 0};
  if (keys * values <= std::min(mostElements, mostInWarps))
    return slices;
  if (keys > kMostKeys && !hasHalves(op.getQuery()) && !hasHalves(op.getKey()))
    keys = slices.first = kMostKeys;
  if (keys * values > mostElements)
    slices.second = mostElements / keys;
  if (isSmall && op.getAxis() == DecayAxis::Value && slices.second > kMostValuesWithDecays)
    slices.second = kMostValuesWithDecays;
  return slices;
}

/// What crosses is never padded: the rows of a matrix instruction.
static constexpr int64_t kLeastTileOfCluster = 16;

int64_t fgla::getKeySliceOfCluster(int64_t keys, int64_t cluster) {
  return std::max<int64_t>(llvm::PowerOf2Ceil(llvm::divideCeil(keys, cluster)), kChannelsOfLine);
}

std::string fgla::checkCluster(AttentionOp op, ScheduleAttr schedule, const GPUTarget *target) {
  int64_t cluster = schedule.getCluster(), keys = op.getKeyDim(), slice = schedule.getKeySlice();
  if (cluster <= 1)
    return "";
  if (!target || !target->hasBulkCopies)
    return "needs a GPU of sm_90 or newer";
  if (op.getQuery().getType().getElementTypeBitWidth() != 16)
    return "needs 16-bit arrays, whose outputs cross as bf16";
  if (schedule.getTile() < kLeastTileOfCluster)
    return "needs tiles of " + std::to_string(kLeastTileOfCluster) + " tokens or more, got " +
           std::to_string(schedule.getTile());
  if (op.getAxis() == DecayAxis::Value)
    return "cannot add up outputs that decays of values have changed";
  if (hasHalves(op.getQuery()) || hasHalves(op.getKey()))
    return "cannot share the keys of a map that puts tiles side by side ('hedgehog')";
  if (slice == 0 && schedule.getSegments() == 0 && schedule.getValueSlice() != 0)
    return "is chosen at launch where programs own all values, got a 'value_slice' of " +
           std::to_string(schedule.getValueSlice()) + "; with a 'key_slice' it is not";
  slice = slice ? slice : getKeySliceOfCluster(keys, cluster);
  if (int64_t slices = llvm::divideCeil(keys, slice); slices != cluster)
    return "needs as many slices of " + std::to_string(slice) + " keys, " + std::to_string(keys) + " keys have " +
           std::to_string(slices);
  return "";
}

/// Where key slices are needed anyway, their outputs need not go through memory. Where heads are few, two programs for
/// each are better than two segments, which read half of the sequence twice. Larger clusters leave multiprocessors
/// without any: of an H200's 132, those of four take 120.
int64_t fgla::chooseCluster(AttentionOp op, ScheduleAttr schedule, const GPUTarget &target) {
  constexpr int64_t kPrograms = 2;
  bool hasSlices = schedule.getKeySlice() != 0;
  bool isOpen = schedule.getValueSlice() == 0 && schedule.getSegments() == 0;
  if ((!hasSlices && !isOpen) || schedule.getTile() < kLeastTileOfCluster)
    return 1;
  ScheduleAttr asked = schedule.with(ScheduleMember::Cluster, kPrograms);
  return checkCluster(op, asked, &target).empty() ? kPrograms : 1;
}

KernelShape fgla::getKernelShape(AttentionOp op, ScheduleAttr schedule) {
  auto channels = [](int64_t size, int64_t slice) { return padForLayouts(slice != 0 ? std::min(size, slice) : size); };
  int64_t keys = channels(op.getKeyDim(), schedule.getKeySlice());
  int64_t values = channels(op.getValueDim(), schedule.getValueSlice());
  KernelShape shape;
  shape.keys = keys;
  shape.values = values;
  if (op.getAxis() == DecayAxis::Value) // decays run down the columns of the values
    shape.keys = std::max(keys, values);
  shape.isWide = op.getQuery().getType().getElementType().isF32();
  shape.sums = keys * values * (shape.isWide ? 2 : 1);
  return shape;
}

TunedKey fgla::getTunedKey(AttentionOp op, const GPUTarget &target) {
  RankedTensorType query = op.getQuery().getType();
  TunedKey key;
  key.target = target.name;
  key.keys = op.getKeyDim();
  key.values = op.getValueDim();
  llvm::raw_string_ostream(key.element) << query.getElementType();
  key.axis = op.getAxis() ? stringifyDecayAxis(*op.getAxis()).str() : "none";
  if (!query.isDynamicDim(0) && !query.isDynamicDim(1))
    key.shape = classifyShape(query.getDimSize(0) * op.getNumQueryHeads(), target.multiprocessors);
  return key;
}

/// Two columns a lane.
int64_t fgla::getMostElementwiseWarps(const KernelShape &shape) {
  constexpr int64_t kKeysOfWarp = 64;
  return std::max<int64_t>(llvm::PowerOf2Ceil(shape.keys) / kKeysOfWarp, 1);
}

ScheduleAttr fgla::completeSchedule(ScheduleAttr given, const KernelShape &shape, const GPUTarget *target) {
  // A warp alone is too slow (16 warps in all: 0.224 ms where these take 0.18).
  constexpr int64_t kEpilogue = 4;
  // The elementwise role has the most instructions: as many warps as registers allow. f32 needs twice the registers.
  constexpr int64_t kElementwise = 8;
  // The matrix role: as few as hold the state, since each reads all queries and keys.
  constexpr int64_t kMatrix = 4;
  // Where registers stay where they are, a thread of 16 warps has 128, which is enough for half of the sums and for
  // elements: with more warps both are spilled. One group of four is left for loads, rows and the epilogue.
  constexpr int64_t kEvenWarps = 16, kEvenSmall = 4;
  bool isEven = target && !target->hasRegisterMoves;

  auto [name, elementwise, instances] = given.getRole(role::kElementwise);
  int64_t load = given.getRole(role::kLoad).warps, matrix = given.getRole(role::kMatrix).warps,
          epilogue = given.getRole(role::kEpilogue).warps;
  if (!matrix) {
    int64_t needed = llvm::PowerOf2Ceil(shape.sums) / (32 * (isEven ? kMostSums / 2 : kMostSums));
    matrix =
        std::min<int64_t>(llvm::PowerOf2Ceil(shape.values) / kValuesOfWarp, std::clamp(needed, kMatrix, 2 * kMatrix));
  }
  int64_t all = shape.isWide ? kElementwise / 2 : kElementwise;
  if (isEven)
    all =
        std::clamp<int64_t>(llvm::bit_floor<uint64_t>(std::max<int64_t>(kEvenWarps - kEvenSmall - matrix, 1)), 1, all);
  if (!elementwise)
    elementwise = std::min(getMostElementwiseWarps(shape), all);
  if (!instances)
    instances = std::max<int64_t>(all / elementwise, 1);
  if (!epilogue)
    epilogue = isEven ? 1 : kEpilogue;
  if (!load && isEven)
    load = 1;
  return given.withoutRoles()
      .withRole(role::kLoad, load)
      .withRole(role::kElementwise, elementwise, instances)
      .withRole(role::kMatrix, matrix)
      .withRole(role::kEpilogue, epilogue);
}
