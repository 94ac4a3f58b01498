//===- Synchronization.cpp - Barriers, and what threads tell each other ---===//
#include "Actions.h"
#include "Cluster.h"

#include <algorithm>

using namespace fgla::emulator;

namespace {
Outcome nothing(Warp &, const Instruction &, Mask) { return Outcome::Done; }

//===----------------------------------------------------------------------===//
// In a warp
//===----------------------------------------------------------------------===//

Outcome synchronizeWarp(Warp &warp, const Instruction &i, Mask mask) {
  Mask members = warp.get<uint32_t>(i.operands.at(0), __builtin_ctz(mask));
  if ((warp.getLive() & ~members) != 0)
    throw Failure("bar.warp.sync of some threads of a warp is not emulated");
  warp.synchronize();
  return Outcome::Done;
}

Outcome vote(Warp &warp, const Instruction &i, Mask mask) {
  Mask votes = 0;
  forLanes(mask, [&](int lane) {
    votes |= Mask(warp.get<bool>(i.operands.at(1), lane) != i.operands.at(1).isNegated) << lane;
  });
  uint64_t result = i.has("any") ? votes != 0 : i.has("all") ? votes == mask : votes;
  forLanes(mask, [&](int lane) { warp.set(i.operands.at(0), lane, result); });
  return Outcome::Done;
}

Outcome elect(Warp &warp, const Instruction &i, Mask mask) {
  int leader = __builtin_ctz(mask);
  forLanes(mask, [&](int lane) {
    warp.set(i.operands.at(0), lane, uint32_t(leader));
    warp.set(i.operands.at(1), lane, uint64_t(lane == leader));
  });
  return Outcome::Done;
}

Outcome shuffle(Warp &warp, const Instruction &i, Mask mask) {
  const Lanes source = warp.at(i.operands.at(1));
  forLanes(mask, [&](int lane) {
    int b = warp.get<int32_t>(i.operands.at(2), lane), c = warp.get<int32_t>(i.operands.at(3), lane);
    int segment = (c >> 8) & 31, last = (lane & segment) | (c & 31 & ~segment);
    int from = i.has("up")     ? lane - b
               : i.has("down") ? lane + b
               : i.has("bfly") ? lane ^ b
                               : (lane & segment) | (b & ~segment & 31);
    bool isInside = i.has("up") ? from >= last : from <= last;
    warp.set(i.operands.at(0), lane, source.bits[isInside ? from : lane]);
  });
  return Outcome::Done;
}

//===----------------------------------------------------------------------===//
// In a block
//===----------------------------------------------------------------------===//

/// Arrives, then waits for the round to end.
template <typename Arrive> Outcome meet(Warp &warp, const Instruction &i, Mask mask, size_t first, Arrive arrive) {
  int lane = __builtin_ctz(mask);
  auto number = warp.get<uint32_t>(i.operands.at(first), lane);
  auto all = static_cast<int64_t>(32 * warp.block.warps.size());
  int64_t count = i.operands.size() > first + 1 && !i.has("pred") ? warp.get<uint32_t>(i.operands.at(first + 1), lane)
                  : i.has("pred")                                 ? warp.get<uint32_t>(i.operands.at(2), lane)
                                                                  : all;
  if (number >= warp.block.barriers.size() || count % 32 != 0 || count > all)
    throw Failure("barrier " + std::to_string(number) + " for " + std::to_string(count) + " threads");
  NamedBarrier &barrier = warp.block.barriers[number];
  if (warp.roundOfBarrier < 0) {
    warp.roundOfBarrier = barrier.round;
    arrive(barrier);
    warp.synchronize();
    warp.signal(barrier.known, lane);
    barrier.arrived += 32;
    if (barrier.arrived == count) {
      barrier.result = barrier.any;
      barrier.any = false;
      barrier.arrived = 0;
      barrier.released.join(barrier.known);
      ++barrier.round;
    }
  }
  if (warp.roundOfBarrier == barrier.round)
    return Outcome::Waits;
  warp.roundOfBarrier = -1;
  warp.learn(barrier.released);
  warp.synchronize();
  return Outcome::Done;
}

Outcome synchronizeBlock(Warp &warp, const Instruction &i, Mask mask) {
  return meet(warp, i, mask, 0, [](NamedBarrier &) {});
}

/// bar.red.or.pred p, number, count, q
Outcome reduceBlock(Warp &warp, const Instruction &i, Mask mask) {
  Outcome outcome = meet(warp, i, mask, 1, [&](NamedBarrier &barrier) {
    forLanes(mask,
             [&](int lane) { barrier.any |= warp.get<bool>(i.operands.at(3), lane) != i.operands.at(3).isNegated; });
  });
  if (outcome == Outcome::Done) {
    bool result = warp.block.barriers[warp.get<uint32_t>(i.operands.at(1), __builtin_ctz(mask))].result;
    forLanes(mask, [&](int lane) { warp.set(i.operands.at(0), lane, uint64_t(result)); });
  }
  return outcome;
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

Outcome initialize(Warp &warp, const Instruction &i, Mask mask) {
  forLanes(mask, [&](int lane) {
    uint64_t address = warp.address(i.operands.at(0), lane);
    warp.block.shared(address, 8);
    int64_t count = warp.get<uint32_t>(i.operands.at(1), lane);
    PhaseBarrier &barrier = warp.block.phaseBarriers[address] = {};
    barrier.count = barrier.pending = count;
  });
  return Outcome::Done;
}

/// mbarrier.arrive state, [barrier], how many arrive; with expect_tx one arrives, and bytes are to come
Outcome arrive(Warp &warp, const Instruction &i, Mask mask) {
  const bool isMapped = i.has("shared::cluster"), expects = i.has("expect_tx"), isRelaxed = i.has("relaxed");
  forLanes(mask, [&](int lane) {
    int64_t number = i.operands.size() > 2 ? warp.get<uint32_t>(i.operands[2], lane) : 1;
    uint64_t address = warp.address(i.operands.at(1), lane);
    Place place = isMapped ? warp.block.cluster.visit(warp.thread(lane), address, "arrives at an mbarrier in")
                           : Place{warp.block, address};
    bool isOfOther = &place.block != &warp.block;
    if (isOfOther && !i.has("cluster"))
      throw Failure("thread " + std::to_string(lane) + " arrives at another block's mbarrier without .release.cluster" +
                    " (or .relaxed.cluster, behind a fence where it has written)");
    if (isOfOther && i.operands[0].number >= 0)
      throw Failure("an arrival at another block's mbarrier has no result");
    PhaseBarrier &barrier = place.block.phaseBarrier(place.address);
    if (isOfOther && isRelaxed)
      warp.signalRelaxed(barrier.arrivedFromOthers, lane);
    else
      warp.signal(isOfOther ? barrier.arrivedFromOthers : barrier.arrived, lane);
    barrier.arrive(expects ? 1 : number, expects ? number : 0);
  });
  return Outcome::Done;
}

/// cp.async.mbarrier.arrive.noinc [barrier]: when the thread's copies so far are done
Outcome arriveAfterCopies(Warp &warp, const Instruction &i, Mask mask) {
  forLanes(mask, [&](int lane) {
    PhaseBarrier &barrier = warp.block.phaseBarrier(warp.address(i.operands.at(0), lane));
    auto known = std::make_shared<Clock>();
    warp.signal(*known, lane);
    // Copies of a warp are done in their order.
    known->copies(warp.inCluster) = warp.startCopy(lane).number;
    warp.copies.push_back([=, &barrier](Clock *) {
      barrier.arrived.join(*known);
      barrier.arrive();
    });
  });
  return Outcome::Done;
}

/// mbarrier.try_wait.parity or test_wait.parity done, [barrier], parity: neither says that it has waited in vain
Outcome wait(Warp &warp, const Instruction &i, Mask mask) {
  const bool acquires = i.has("cluster") && !i.has("relaxed");
  bool isOver = true;
  forLanes(mask, [&](int lane) {
    const PhaseBarrier &barrier = warp.block.phaseBarrier(warp.address(i.operands.at(1), lane));
    isOver &= (barrier.phase & 1) != (warp.get<uint32_t>(i.operands.at(2), lane) & 1);
  });
  if (!isOver)
    return Outcome::Waits;
  const PhaseBarrier *heard = nullptr; // most often all wait for one
  forLanes(mask, [&](int lane) {
    const PhaseBarrier &barrier = warp.block.phaseBarrier(warp.address(i.operands.at(1), lane));
    if (&barrier != heard) {
      warp.learn(barrier.released);
      if (!barrier.releasedFromOthers.isEmpty())
        acquires ? warp.learn(barrier.releasedFromOthers) : warp.hear(barrier.releasedFromOthers);
    }
    heard = &barrier;
    warp.set(i.operands.at(0), lane, uint64_t(1));
  });
  return Outcome::Done;
}

//===----------------------------------------------------------------------===//
// In a cluster
//===----------------------------------------------------------------------===//

Outcome fence(Warp &warp, const Instruction &i, Mask mask) {
  if (warp.block.cluster.shape.numBlocks > 1)
    warp.fence(mask, !i.has("release"), !i.has("acquire"));
  return Outcome::Done;
}

Outcome arriveAtCluster(Warp &warp, const Instruction &i, Mask mask) {
  warp.block.cluster.arrive(warp, mask, /*releases=*/!i.has("relaxed"));
  return Outcome::Done;
}

Outcome waitForCluster(Warp &warp, const Instruction &i, Mask) {
  return warp.block.cluster.wait(warp, /*acquires=*/!i.has("relaxed"));
}
} // namespace

Action fgla::emulator::findSynchronization(const Instruction &i) {
  const std::string &op = i.name.front();
  // Between blocks fences count, where something may be left out for them; those for other proxies don't.
  if ((op == "fence" || op == "membar") && !i.has("proxy") && !i.has("mbarrier_init") && !i.has("cta"))
    return fence;
  // Kernels of a stream run one after the other, and what is written is there at once.
  if (op == "fence" || op == "membar" || op == "griddepcontrol" || op == "setmaxnreg")
    return nothing;
  if (op == "bar" && i.has("warp"))
    return synchronizeWarp;
  if ((op == "bar" || op == "barrier") && i.has("sync"))
    return synchronizeBlock;
  if (op == "barrier" && i.has("cluster"))
    return i.has("arrive") ? arriveAtCluster : i.has("wait") ? waitForCluster : nullptr;
  if (op == "bar" && i.has("red") && i.has("or"))
    return reduceBlock;
  if (op == "vote")
    return vote;
  if (op == "elect")
    return elect;
  if (op == "shfl")
    return shuffle;
  if (op == "cp" && i.has("mbarrier") && i.has("noinc"))
    return arriveAfterCopies;
  if (op != "mbarrier")
    return nullptr;
  return i.has("init")                             ? initialize
         : i.has("arrive")                         ? arrive
         : i.has("try_wait") || i.has("test_wait") ? wait
                                                   : nullptr;
}
