//===- Order.h - What happens before what ---------------------------------===//
//
// Accesses to shared memory have to be ordered: by barriers between warps, by bar.warp.sync between the threads of one.
// A clock says how much of every thread's past is known to be over (a vector clock); what signals takes that along.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TEST_EMULATOR_ORDER_H
#define FGLA_TEST_EMULATOR_ORDER_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace fgla::emulator {

inline constexpr int32_t kMostWarps = 32;

/// Up to which time each thread's accesses are known to be over, and up to which number the copies of each warp.
struct Clock {
  std::array<std::array<uint32_t, 32>, kMostWarps> threads{};
  std::array<uint32_t, kMostWarps> copies{};

  void join(const Clock &other) {
    for (int32_t warp = 0; warp < kMostWarps; ++warp) {
      copies[warp] = std::max(copies[warp], other.copies[warp]);
      for (int32_t lane = 0; lane < 32; ++lane)
        threads[warp][lane] = std::max(threads[warp][lane], other.threads[warp][lane]);
    }
  }
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
  AccessLog(uint64_t bytes, int32_t numWarps);

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
  static bool isOrdered(const Access &access, const Actor &actor);
  static std::string describe(const Access &access, const char *what, uint64_t cell);
  static Access makeAccess(const Actor &actor);

  struct Free {
    void operator()(Access *accesses) const { std::free(accesses); }
  };
  int32_t numWarps;
  // Zeros from the start, of which memory is taken when it is written. Of each cell a write, then each warp's reads.
  std::unique_ptr<Access[], Free> accesses;
};

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_ORDER_H
