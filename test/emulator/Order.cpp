//===- Order.cpp - What happens before what -------------------------------===//
#include "Order.h"

using namespace fgla::emulator;

AccessLog::AccessLog(uint64_t bytes, const ClusterShape &shape, int32_t rank)
    : shape(shape), rank(rank), numWarps(shape.numWarps()),
      accesses(static_cast<Access *>(std::calloc((bytes / kCellBytes + 1) * (numWarps + 1), sizeof(Access)))) {}

AccessLog::Access AccessLog::makeAccess(const Actor &actor) {
  uint32_t lanes = actor.kind == Actor::WholeWarp ? ~0u : 1u << actor.lane;
  return {actor.kind == Actor::Copy ? actor.copy : actor.time, lanes, static_cast<uint8_t>(actor.warp), actor.kind};
}

// A call for each access costs 13 % of a kernel's time.
[[gnu::always_inline]] inline bool AccessLog::isOrdered(const Access &access, const Actor &actor, bool isLoad) {
  if (access.time == 0)
    return true;
  if (access.kind == Actor::Copy)
    return actor.clock.copies(access.warp) >= access.time;
  const uint32_t *known = actor.clock.threads(access.warp);
  bool isOwnWarp = access.warp == actor.warp;
  if (access.kind == Actor::WholeWarp)
    return (isOwnWarp && access.time <= actor.time) || *std::max_element(known, known + 32) >= access.time;
  for (uint32_t rest = access.lanes; rest; rest &= rest - 1) {
    int32_t lane = __builtin_ctz(rest);
    bool isOwn = isOwnWarp && lane == actor.lane && access.time <= actor.time;
    if (!isOwn && known[lane] < access.time && !(isLoad && actor.clock.isLoadOver(access.warp, lane, access.time)))
      return false;
  }
  return true;
}

std::string AccessLog::describe(const Access &access, const char *what, uint64_t cell) const {
  bool isOne = access.kind == Actor::Thread && (access.lanes & (access.lanes - 1)) == 0;
  std::string who = access.kind == Actor::Copy ? "a copy"
                    : isOne                    ? "thread " + std::to_string(__builtin_ctz(access.lanes))
                                               : "several threads";
  return std::string("is not ordered with a ") + what + " of shared address " + std::to_string(cell * kCellBytes) +
         shape.ofBlock(rank) + " by " + who + " of " + shape.nameWarp(access.warp);
}

std::string AccessLog::read(const Actor &actor, uint64_t address, uint64_t bytes) {
  for (uint64_t cell = address / kCellBytes; cell * kCellBytes < address + bytes; ++cell) {
    Access *known = accesses.get() + cell * (numWarps + 1);
    if (!isOrdered(known[0], actor, /*isLoad=*/false))
      return describe(known[0], "write", cell);
    Access &own = known[1 + actor.warp], now = makeAccess(actor);
    // Readers that are not known to be over stay: a write has to come after all of them.
    if (own.kind == now.kind && !isOrdered(own, actor, /*isLoad=*/true))
      now.lanes |= own.lanes;
    own = now;
  }
  return "";
}

std::string AccessLog::write(const Actor &actor, uint64_t address, uint64_t bytes, bool changes) {
  for (uint64_t cell = address / kCellBytes; cell * kCellBytes < address + bytes; ++cell) {
    Access *known = accesses.get() + cell * (numWarps + 1);
    if (!isOrdered(known[0], actor, /*isLoad=*/false)) {
      if (changes)
        return describe(known[0], "write", cell);
      continue; // who waits for the other sees the same
    }
    for (int32_t warp = 0; warp < numWarps; ++warp)
      if (changes && !isOrdered(known[1 + warp], actor, /*isLoad=*/true))
        return describe(known[1 + warp], "read", cell);
    known[0] = makeAccess(actor);
  }
  return "";
}
