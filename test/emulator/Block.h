//===- Block.h - A block of threads, executed -----------------------------===//
//
// What warps, their memory and their barriers are; Cluster.h says in which order they run.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TEST_EMULATOR_BLOCK_H
#define FGLA_TEST_EMULATOR_BLOCK_H

#include "Order.h"
#include "Program.h"

#include <cstring>
#include <deque>
#include <functional>
#include <random>

namespace fgla::emulator {

inline constexpr uint64_t kMostWarps = 32; ///< of a block
/// From here on an address of shared::cluster holds a rank, above that of shared memory and within 32 bits.
inline constexpr int kRankShift = 24;

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

struct Launch {
  const Kernel &kernel;
  Dim3 grid, block;
  uint32_t dynamicShared = 0;
  std::vector<uint8_t> parameters;
  uint64_t seed = 0;
  uint32_t clusterSizeOfLaunch = 0; ///< 0: the launch doesn't say

  uint32_t clusterSize() const {
    return clusterSizeOfLaunch ? clusterSizeOfLaunch : std::max<uint32_t>(kernel.clusterSize, 1);
  }
};

template <typename T> T fromBits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <typename T> uint64_t toBits(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <> inline bool fromBits<bool>(uint64_t bits) { return bits & 1; }

template <typename Function> void forLanes(Mask mask, Function function) {
  if (mask == ~Mask(0)) {
    for (int lane = 0; lane < 32; ++lane)
      function(lane);
    return;
  }
  for (Mask rest = mask; rest; rest &= rest - 1)
    function(__builtin_ctz(rest));
}

class Block;
class Cluster;

/// What the copy engine still has to do. It tells who waits for it what it knows, if somebody does.
using PendingCopy = std::function<void(Clock *)>;

class Warp {
public:
  Warp(Block &block, int32_t number);

  /// Runs until it waits or ends; returns whether it got anywhere.
  bool run();
  bool hasEnded() const { return groups.empty(); }
  std::string describe() const;

  Lanes &at(const Operand &operand) { return registers.at(operand.number); }
  template <typename T> T get(const Operand &operand, int lane) { return fromBits<T>(at(operand).bits[lane]); }
  template <typename T> void set(const Operand &operand, int lane, T value) {
    if (operand.number >= 0)
      at(operand).bits[lane] = toBits(value);
  }
  uint64_t address(const Operand &operand, int lane) { return at(operand).bits[lane] + operand.offset; }
  /// Threads that have not ended.
  Mask getLive() const;

  /// What the copy engine still has to do for these threads, in order: copies, and signals after them.
  std::deque<PendingCopy> copies;
  /// Of the barrier that it has arrived at, if any: its round then. The second: of barrier.cluster.
  int64_t roundOfBarrier = -1, roundOfCluster = -1;

  Actor thread(int lane) const { return {Actor::Thread, inCluster, lane, time, 0, clock}; }
  Actor whole(int lane) const { return {Actor::WholeWarp, inCluster, lane, time, 0, clock}; }
  /// A copy that a thread starts now; what it knows stays as it is.
  struct StartedCopy {
    int32_t warp, lane;
    uint32_t time, number;
    std::shared_ptr<const Clock> clock;

    Actor actor() const { return {Actor::Copy, warp, lane, time, number, *clock}; }
    /// What who waits for the copy knows.
    void finish(Clock &to) const {
      to.join(*clock);
      to.threads(warp)[lane] = std::max(to.threads(warp)[lane], time);
      to.copies(warp) = std::max(to.copies(warp), number);
    }
  };
  StartedCopy startCopy(int lane);
  /// What a thread knows goes to others; what it does next, they don't know.
  void signal(Clock &to, int lane);
  void learn(const Clock &from);
  /// Without a release: that its loads are over, and what a fence of the cluster has put in front.
  void signalRelaxed(Clock &to, int lane);
  /// Without an acquire: which loads are over; the rest after a fence.
  void hear(const Clock &from);
  /// Of cluster scope or wider.
  void fence(Mask mask, bool acquires, bool releases);
  /// All threads know what any did.
  void synchronize();

  Block &block;
  const int32_t number, inCluster; ///< among the block's warps, and among the cluster's
  uint64_t numExecuted = 0;

private:
  /// Threads that are at one instruction.
  struct Group {
    int32_t at;
    Mask mask;
  };
  bool step(size_t group);
  void place(Group group);

  Clock clock; ///< of what every thread knows
  uint32_t time = 1, numCopies = 0;
  std::shared_ptr<const Clock> snapshot; ///< of `clock`, for copies
  Clock heard;                           ///< and not acquired
  Clock fenced;                          ///< what threads knew at their last fence; up to when, of each:
  std::array<uint32_t, 32> fenceTimes{};
  std::vector<Lanes> registers;
  std::vector<Group> groups; // by instruction, the first first
};

/// An mbarrier, which programs know by its address only.
struct PhaseBarrier {
  int64_t count = 0, pending = 0, bytes = 0;
  uint64_t phase = 0;
  Clock arrived, released; ///< of the phase, and of the one before
  /// By threads of other blocks: a wait without .acquire.cluster hears only which loads are over, until a fence.
  Clock arrivedFromOthers, releasedFromOthers;

  void arrive(int64_t arrivals = 1, int64_t expected = 0);
  void complete(int64_t copied);

private:
  void advance();
};

/// What `bar` counts.
struct NamedBarrier {
  int64_t arrived = 0, round = 0;
  bool any = false, result = false;
  Clock known, released; ///< of the round, and of the one before
};

class Block {
public:
  Block(Cluster &cluster, Dim3 index, int32_t rank);

  /// Throws Failure for an address of mapa, which is for .shared::cluster alone.
  static void checkOwn(uint64_t address);
  /// Where shared memory has `bytes` at an address that is aligned to them. Throws Failure.
  uint8_t *shared(uint64_t address, uint64_t bytes);
  /// The same for an access, which has to be ordered with others.
  const uint8_t *read(const Actor &actor, uint64_t address, uint64_t bytes);
  void write(const Actor &actor, uint64_t address, const void *from, uint64_t bytes);
  PhaseBarrier &phaseBarrier(uint64_t address);
  uint64_t constant(const Constant &constant, uint32_t thread) const;

  Cluster &cluster;
  const Launch &launch;
  const Dim3 index;
  const int32_t rank; ///< in the cluster
  std::map<uint64_t, PhaseBarrier> phaseBarriers;
  std::array<NamedBarrier, 16> barriers;
  std::deque<PendingCopy> copies; ///< of tensors: for no thread
  std::vector<uint8_t> sharedMemory;
  std::vector<std::unique_ptr<Warp>> warps;
  bool hasEnded = false; ///< of several in a cluster
  Clock visits;          ///< the last access here by each thread of another block
  Clock knownAtEnd;      ///< by threads that have ended, and from the cluster's barrier

private:
  AccessLog log;
};

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_BLOCK_H
