//===- Order.cpp - What happens before what -------------------------------===//
#include "Order.h"

using namespace fgla::emulator;

AccessLog::AccessLog(uint64_t bytes, int32_t numWarps)
    : numWarps(numWarps),
      accesses(static_cast<Access *>(std::calloc((bytes / kCellBytes + 1) * (numWarps + 1), sizeof(Access)))) {}

bool AccessLog::isOrdered(const Access &access, const Actor &actor) {
  if (access.epoch == 0)
    return true;
  if (access.warp != actor.warp || access.lane == Actor::kCopyEngine || actor.lane == Actor::kCopyEngine)
    return actor.clock.of[access.warp] >= access.epoch;
  return access.lane == actor.lane || access.step < actor.step;
}

std::string AccessLog::describe(const Access &access, const char *what, uint64_t cell) {
  std::string who = access.lane == Actor::kCopyEngine ? "a copy"
                    : access.lane == kSeveral         ? "several threads"
                                                      : "thread " + std::to_string(access.lane);
  return std::string("is not ordered with a ") + what + " of shared address " + std::to_string(cell * kCellBytes) +
         " by " + who + " of warp " + std::to_string(access.warp);
}

std::string AccessLog::read(const Actor &actor, uint64_t address, uint64_t bytes) {
  for (uint64_t cell = address / kCellBytes; cell * kCellBytes < address + bytes; ++cell) {
    Access *known = accesses.get() + cell * (numWarps + 1);
    if (!isOrdered(known[0], actor))
      return describe(known[0], "write", cell);
    Access &own = known[1 + actor.warp];
    uint32_t epoch = actor.clock.of[actor.warp];
    bool isOther = own.epoch == epoch && own.step == actor.step && own.lane != actor.lane;
    own = {epoch, actor.step, static_cast<int16_t>(isOther ? kSeveral : actor.lane), static_cast<int16_t>(actor.warp)};
  }
  return "";
}

std::string AccessLog::write(const Actor &actor, uint64_t address, uint64_t bytes, bool changes) {
  for (uint64_t cell = address / kCellBytes; cell * kCellBytes < address + bytes; ++cell) {
    Access *known = accesses.get() + cell * (numWarps + 1);
    if (!isOrdered(known[0], actor)) {
      if (changes)
        return describe(known[0], "write", cell);
      continue; // who waits for the other sees the same
    }
    for (int32_t warp = 0; warp < numWarps; ++warp)
      if (!isOrdered(known[1 + warp], actor) && changes)
        return describe(known[1 + warp], "read", cell);
    known[0] = {actor.clock.of[actor.warp], actor.step, static_cast<int16_t>(actor.lane),
                static_cast<int16_t>(actor.warp)};
  }
  return "";
}
