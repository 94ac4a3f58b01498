//===- Order.h - What happens before what ---------------------------------===//
//
// Accesses to shared memory have to be ordered: by barriers between warps, by bar.warp.sync between the threads of one.
// A clock says how much of every thread's past is known to be over (a vector clock); what signals takes that along.
// Warps are numbered through a cluster: those of its second block come after those of its first.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TEST_EMULATOR_ORDER_H
#define FGLA_TEST_EMULATOR_ORDER_H

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace fgla::emulator {

/// Whose warps have numbers.
struct ClusterShape {
  int32_t warpsPerBlock, numBlocks;
  uint32_t firstBlock;

  int32_t numWarps() const { return warpsPerBlock * numBlocks; }
  /// " of block 3"; nothing where there is no other.
  std::string ofBlock(int32_t rank) const {
    return numBlocks == 1 ? "" : " of block " + std::to_string(firstBlock + rank);
  }
  std::string nameWarp(int32_t warp) const {
    return "warp " + std::to_string(warp % warpsPerBlock) + ofBlock(warp / warpsPerBlock);
  }
};

/// Up to which time each thread's accesses are known to be over, and up to which number the copies of each warp. Of
/// some threads, more is known of loads than of stores: a load is over when it has returned.
class Clock {
public:
  /// Knows nothing, and becomes as large as what it learns.
  Clock() = default;
  explicit Clock(int32_t numWarps) : times(size_t(kPerWarp) * numWarps) {}

  bool isEmpty() const { return times.empty() && loads.empty(); }
  /// Of a warp's 32 threads.
  uint32_t *threads(int32_t warp) { return times.data() + kPerWarp * warp; }
  const uint32_t *threads(int32_t warp) const { return times.data() + kPerWarp * warp; }
  uint32_t &copies(int32_t warp) { return times[kPerWarp * warp + 32]; }
  uint32_t copies(int32_t warp) const { return times[kPerWarp * warp + 32]; }

  bool isLoadOver(int32_t warp, int32_t lane, uint32_t time) const {
    return threads(warp)[lane] >= time || (!loads.empty() && loads[kPerWarp * warp + lane] >= time);
  }

  void join(const Clock &other) {
    join(times, other.times);
    join(loads, other.loads);
  }
  /// Of what the other knows, what it knows of loads.
  void joinLoads(const Clock &other) {
    join(loads, other.times);
    join(loads, other.loads);
  }
  void addLoads(int32_t warp, int32_t lane, uint32_t time) {
    uint32_t &known = loads[kPerWarp * warp + lane];
    known = std::max(known, time);
  }

private:
  static void join(std::vector<uint32_t> &to, const std::vector<uint32_t> &from) {
    if (to.size() < from.size())
      to.resize(from.size());
    uint32_t *at = to.data();
    const uint32_t *other = from.data();
    for (size_t i = 0, end = from.size(); i < end; ++i)
      at[i] = std::max(at[i], other[i]);
  }

  static constexpr int32_t kPerWarp = 33; // 32 threads and the copies
  std::vector<uint32_t> times, loads;     // the second is empty where all of a cluster is one block
};

/// Who accesses, when, and what it knows.
struct Actor {
  enum Kind : uint8_t {
    Thread,
    WholeWarp, ///< an instruction that all threads are done with together
    Copy       ///< by the copy engine, for a thread that started it at `time`
  };
  Kind kind;
  int32_t warp, lane;
  uint32_t time;
  uint32_t copy; ///< the number of a copy, from one on
  const Clock &clock;
};

/// The last accesses to each pair of bytes.
class AccessLog {
public:
  /// Of a block's memory.
  AccessLog(uint64_t bytes, const ClusterShape &shape, int32_t rank);

  /// "" or what the access is not ordered with. `changes`: whether the write changes what is there; threads may write
  /// the same.
  std::string read(const Actor &actor, uint64_t address, uint64_t bytes);
  std::string write(const Actor &actor, uint64_t address, uint64_t bytes, bool changes);

private:
  static constexpr uint64_t kCellBytes = 2;

  struct Access {
    uint32_t time = 0;  // of the threads', or the number of a copy; 0: none
    uint32_t lanes = 0; // who has read since what is known to be over
    uint8_t warp = 0;
    Actor::Kind kind = Actor::Thread;
  };
  static bool isOrdered(const Access &access, const Actor &actor, bool isLoad);
  std::string describe(const Access &access, const char *what, uint64_t cell) const;
  static Access makeAccess(const Actor &actor);

  struct Free {
    void operator()(Access *accesses) const { std::free(accesses); }
  };
  const ClusterShape shape;
  const int32_t rank, numWarps;
  // Zeros from the start, of which memory is taken when it is written. Of each cell a write, then each warp's reads.
  std::unique_ptr<Access[], Free> accesses;
};

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_ORDER_H
