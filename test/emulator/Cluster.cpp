//===- Cluster.cpp - Blocks that are executed together --------------------===//
#include "Cluster.h"

#include <algorithm>

using namespace fgla::emulator;

static_assert(kMostWarps * kLargestCluster <= 256, "an AccessLog has a byte for a warp");

void fgla::emulator::checkLaunch(const Launch &launch) {
  uint32_t size = launch.clusterSize(), ofKernel = launch.kernel.clusterSize;
  if (ofKernel && ofKernel != size)
    throw Failure("a launch with clusters of " + std::to_string(size) + " blocks, where the kernel has clusters of " +
                  std::to_string(ofKernel));
  if (size > kLargestCluster)
    throw Failure("a cluster of " + std::to_string(size) + " blocks");
  if (launch.grid.x % size != 0)
    throw Failure("a grid of " + std::to_string(launch.grid.x) + " blocks in x, which is no multiple of a cluster of " +
                  std::to_string(size));
  uint64_t numWarps = (uint64_t(launch.block.x) * launch.block.y * launch.block.z + 31) / 32;
  if (numWarps > kMostWarps)
    throw Failure("a block of " + std::to_string(numWarps) + " warps");
  uint64_t bytes = uint64_t(launch.kernel.sharedBytes) + launch.dynamicShared;
  if (bytes >> kRankShift)
    throw Failure("a block with " + std::to_string(bytes) + " bytes of shared memory");
}

static ClusterShape makeShape(const Launch &launch, Dim3 first) {
  uint32_t numThreads = launch.block.x * launch.block.y * launch.block.z;
  return {static_cast<int32_t>((numThreads + 31) / 32), static_cast<int32_t>(launch.clusterSize()), first.x};
}

Cluster::Cluster(const Launch &launch, Dim3 first, uint64_t seed)
    : launch(launch), shape(makeShape(launch, first)), random(seed) {
  for (int32_t rank = 0; rank < shape.numBlocks; ++rank)
    blocks.push_back(std::make_unique<Block>(*this, Dim3{first.x + rank, first.y, first.z}, rank));
}

//===----------------------------------------------------------------------===//
// The order of things
//===----------------------------------------------------------------------===//

/// One thing that the copy engine has to do; false if there is none.
bool Cluster::copy() {
  std::vector<std::deque<PendingCopy> *> queues;
  for (auto &block : blocks) {
    if (!block->copies.empty())
      queues.push_back(&block->copies);
    for (auto &warp : block->warps)
      if (!warp->copies.empty())
        queues.push_back(&warp->copies);
  }
  if (queues.empty())
    return false;
  auto &queue = *queues[random() % queues.size()];
  // Those of a thread are done in order, those of tensors as their bytes come.
  if (std::any_of(blocks.begin(), blocks.end(), [&](const auto &block) { return &queue == &block->copies; }))
    std::swap(queue.front(), queue[random() % queue.size()]);
  auto work = std::move(queue.front());
  queue.pop_front();
  work(nullptr); // who waits learns from a barrier
  return true;
}

void Cluster::run() {
  std::vector<Warp *> running;
  for (auto &block : blocks)
    for (auto &warp : block->warps)
      running.push_back(warp.get());
  while (!running.empty()) {
    std::shuffle(running.begin(), running.end(), random);
    bool moved = false;
    for (Warp *warp : running) {
      moved |= warp->run();
      if (warp->hasEnded())
        end(*warp);
    }
    std::erase_if(running, [](Warp *warp) { return warp->hasEnded(); });
    if (!moved && !copy() && !running.empty())
      reportHang();
  }
  while (copy())
    ;
}

/// With its last warp a block ends, and its shared memory. That others are done with it has to be known, not luck.
void Cluster::end(Warp &warp) {
  Block &block = warp.block;
  if (shape.numBlocks == 1)
    return;
  forLanes(~Mask(0), [&](int lane) { warp.signal(block.knownAtEnd, lane); });
  block.hasEnded = std::all_of(block.warps.begin(), block.warps.end(), [](auto &warp) { return warp->hasEnded(); });
  if (!block.hasEnded || block.visits.isEmpty())
    return;
  for (int32_t number = 0; number < shape.numWarps(); ++number)
    for (int lane = 0; lane < 32; ++lane)
      if (!block.knownAtEnd.isLoadOver(number, lane, block.visits.threads(number)[lane]))
        throw Failure("block " + std::to_string(block.index.x) + " ends and does not know that thread " +
                      std::to_string(lane) + " of " + shape.nameWarp(number) + " is done with its shared memory");
}

void Cluster::reportHang() const {
  std::string text = "hangs";
  for (const auto &block : blocks)
    for (const auto &warp : block->warps)
      if (!warp->hasEnded())
        text += "\n  " + warp->describe();
  throw Failure(text);
}

//===----------------------------------------------------------------------===//
// Each other's memory
//===----------------------------------------------------------------------===//

uint64_t Cluster::mapAddress(uint64_t address, uint32_t rank) const {
  if (rank >= blocks.size())
    throw Failure("there is no block " + std::to_string(rank) + " in a cluster of " + std::to_string(blocks.size()));
  if (address >> kRankShift)
    throw Failure("shared address " + std::to_string(address) + " is not that of a block");
  return address | uint64_t(rank + 1) << kRankShift;
}

Place Cluster::visit(const Actor &actor, uint64_t address, const char *does) {
  Block &own = *blocks[actor.warp / shape.warpsPerBlock];
  uint64_t number = address >> kRankShift; // of a rank, from one on
  if (number == 0)
    return {own, address};
  if (number > blocks.size())
    throw Failure("shared address " + std::to_string(address) + " is in no block of the cluster");
  Block &block = *blocks[number - 1];
  if (block.hasEnded)
    throw Failure("thread " + std::to_string(actor.lane) + " " + does + " shared memory of block " +
                  std::to_string(block.index.x) + ", which has ended");
  if (&block != &own) {
    if (block.visits.isEmpty())
      block.visits = Clock(shape.numWarps());
    block.visits.threads(actor.warp)[actor.lane] = actor.time;
  }
  return {block, address & ((uint64_t(1) << kRankShift) - 1)};
}

const uint8_t *Cluster::read(const Actor &actor, uint64_t address, uint64_t bytes) {
  Place place = visit(actor, address, "reads");
  return place.block.read(actor, place.address, bytes);
}

void Cluster::write(const Actor &actor, uint64_t address, const void *from, uint64_t bytes) {
  Place place = visit(actor, address, "writes");
  place.block.write(actor, place.address, from, bytes);
}

//===----------------------------------------------------------------------===//
// barrier.cluster
//===----------------------------------------------------------------------===//

void Cluster::arrive(Warp &warp, Mask mask, bool releases) {
  if (warp.roundOfCluster >= 0)
    throw Failure("arrives at the cluster's barrier again without having waited for it");
  warp.roundOfCluster = barrier.round;
  forLanes(mask,
           [&](int lane) { releases ? warp.signal(barrier.known, lane) : warp.signalRelaxed(barrier.known, lane); });
  forLanes(~mask, [&](int lane) { warp.signal(barrier.ended, lane); });
}

/// Whether all have arrived that have not ended; the next round begins then.
bool Cluster::endRound() {
  auto isMissing = [&](const Warp &warp) { return warp.roundOfCluster != barrier.round; };
  for (auto &block : blocks)
    for (auto &warp : block->warps)
      if (isMissing(*warp) && !warp->hasEnded())
        return false;
  for (auto &block : blocks)
    for (auto &warp : block->warps)
      if (isMissing(*warp))
        forLanes(~Mask(0), [&](int lane) { warp->signal(barrier.ended, lane); });
  barrier.released.join(barrier.known);
  ++barrier.round;
  return true;
}

Outcome Cluster::wait(Warp &warp, bool acquires) {
  if (warp.roundOfCluster < 0)
    throw Failure("waits for the cluster's barrier without having arrived at it");
  if (warp.roundOfCluster == barrier.round && !endRound())
    return Outcome::Waits;
  warp.roundOfCluster = -1;
  warp.block.knownAtEnd.join(barrier.ended);
  acquires ? warp.learn(barrier.released) : warp.hear(barrier.released);
  return Outcome::Done;
}
