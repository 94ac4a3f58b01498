//===- Order.h - What happens before what ---------------------------------===//
//
// Accesses to shared memory have to be ordered: by barriers between warps, by bar.warp.sync between the threads of one.
// Each warp has a clock of what it knows to be over in every other (a vector clock); what it signals takes that along.
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

/// How far each warp is known to have come.
struct Clock {
  std::array<uint32_t, kMostWarps> of{};

  void join(const Clock &other) {
    for (int32_t warp = 0; warp < kMostWarps; ++warp)
      of[warp] = std::max(of[warp], other.of[warp]);
  }
};

/// Who accesses, and when.
struct Actor {
  int32_t warp = 0;
  int32_t lane = 0;  ///< kCopyEngine: none
  uint32_t step = 0; ///< how often the threads of the warp have waited for each other
  const Clock &clock;

  static constexpr int32_t kCopyEngine = -1;
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
  static constexpr int32_t kSeveral = -2; // threads of one warp in one step

  struct Access {
    uint32_t epoch = 0; // of its warp's own clock; 0: none
    uint32_t step = 0;
    int16_t lane = 0, warp = 0;
  };
  static bool isOrdered(const Access &access, const Actor &actor);
  static std::string describe(const Access &access, const char *what, uint64_t cell);

  struct Free {
    void operator()(Access *accesses) const { std::free(accesses); }
  };
  int32_t numWarps;
  // Zeros from the start, of which memory is taken when it is written. Of each cell a write, then each warp's read.
  std::unique_ptr<Access[], Free> accesses;
};

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_ORDER_H
