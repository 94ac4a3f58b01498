//===- Choices.h - What a schedule is where nothing was said --------------===//
//
// The numbers that kernels are tuned by, and why they are what they are: the one place to change them. What is measured
// was measured on an H100 (docs/performance/gpu-forward.md). A schedule attribute, `--schedule` and the table of tuned
// schedules say otherwise for one kernel.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_SCHEDULE_CHOICES_H
#define FGLA_PASSES_SCHEDULE_CHOICES_H

#include "dialect/fgla/FGLA.h"
#include "passes/Targets.h"
#include "passes/schedule/TunedTable.h"

namespace fgla {

/// What the choices for a GPU depend on.
struct KernelShape {
  int64_t keys = 1;    ///< columns of the tiles that the elementwise role runs down
  int64_t values = 16; ///< columns of the state
  int64_t sums = 0;    ///< elements of tiles that the loop carries
  bool isWide = false; ///< arrays of f32: what sums lose is carried too, and instructions are six times as many
};

/// The shape of the kernel that `op` becomes.
KernelShape getKernelShape(AttentionOp op, ScheduleAttr schedule);

/// The keys of one of `cluster` programs that share a head: a line of shared memory or more.
int64_t getKeySliceOfCluster(int64_t keys, int64_t cluster);

/// The programs that run together, for a schedule that leaves it open; 1: none do.
int64_t chooseCluster(AttentionOp op, ScheduleAttr schedule, const GPUTarget &target);

/// Why `schedule` cannot have its cluster; empty if it can.
std::string checkCluster(AttentionOp op, ScheduleAttr schedule, const GPUTarget *target);

/// The channels of the state that one program owns on a GPU, keys and values; 0 where it owns all.
std::pair<int64_t, int64_t> chooseSlices(AttentionOp op, const GPUTarget &target);

/// What the table of tuned schedules is asked for: the class of a shape is known where batch and tokens are.
TunedKey getTunedKey(AttentionOp op, const GPUTarget &target);

/// The warps of an instance of the elementwise role that all have columns.
int64_t getMostElementwiseWarps(const KernelShape &shape);

/// Fills in what `given` leaves open (0) for a GPU. Open stay `stages`, as many as fit, which layouts decide, and
/// `load`: what loads, threads or the copy engine, is known when tiles have become channels.
ScheduleAttr completeSchedule(ScheduleAttr given, const KernelShape &shape, const GPUTarget *target = nullptr);

/// Channels of 16 bits in a line of shared memory, and those that a layout shares out at least.
constexpr int64_t kChannelsOfLine = 64, kLeastSlice = 16;

/// The tile length where none was given.
int64_t chooseTile(RecurrenceInterface op, bool gpu);

/// Registers of a thread, where a target can share them out among groups of warps.
struct RegisterShares {
  static constexpr int64_t kSmall = 32;       ///< roles that share a group: loads, numbers of rows
  static constexpr int64_t kRows = 40;        ///< an epilogue at least: rows whole in a warp, 16 bytes a thread
  static constexpr int64_t kBesidesRows = 16; ///< beside its elements and parameters
  static constexpr int64_t kBesidesSums = 72; ///< beside carried sums. With 16 to 32 less, products no longer overlap
  static constexpr int64_t kLeast = 32, kMost = 232;
};

/// Warps that load. Where threads do, a warp alone is too slow (16 warps in all: 0.224 ms where 20 take 0.18); the copy
/// engine needs one thread, and a second warp takes issue slots from the others (0.164 ms for 0.160).
constexpr int64_t kLoadWarps = 2, kCopyEngineWarps = 1;

/// Groups of epilogue warps that take turns where a kernel does nothing but work on rows.
constexpr int64_t kInstancesOfRows = 4;

/// Warps that add up rows of exponentials in turn: with the one that loads they fill a group. One warp for each of two
/// tiles' rows takes 8 cycles for an instruction, and 3,100 for a turn (softmax: 0.230 ms; these three 0.204).
constexpr int64_t kInstancesOfSums = 3;

/// Elements of a tile that a warp of the epilogue has at once: 16 a lane, beside what they are added up from.
constexpr int64_t kElementsOfRowWarp = 512;

/// Turns under way. More than 16 were never of use, and each costs barriers.
constexpr int64_t kMostStages = 16;

/// A segment is read twice, so it has to be long, and the workers have to be idle otherwise.
constexpr int64_t kLeastTilesOfSegment = 8;

} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_CHOICES_H
