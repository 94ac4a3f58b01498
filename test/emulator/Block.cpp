//===- Block.cpp - A block of threads, executed ---------------------------===//
#include "Cluster.h"

#include <cstdio>

using namespace fgla::emulator;

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

Warp::Warp(Block &block, int32_t number)
    : block(block), number(number), inCluster(block.rank * block.cluster.shape.warpsPerBlock + number),
      clock(block.cluster.shape.numWarps()) {
  const Kernel &kernel = block.launch.kernel;
  registers.resize(kernel.numRegisters);
  // What a program reads before it writes is no number.
  for (Lanes &lanes : registers)
    lanes.bits.fill(~uint64_t(0));
  Dim3 size = block.launch.block;
  uint32_t numThreads = size.x * size.y * size.z, first = 32 * number;
  for (const auto &[index, constant] : kernel.constants)
    for (uint32_t lane = 0; lane < 32; ++lane)
      registers[index].bits[lane] = block.constant(constant, first + lane);
  uint32_t count = std::min<uint32_t>(32, numThreads - first);
  groups.push_back({0, count == 32 ? ~Mask(0) : (Mask(1) << count) - 1});
}

Mask Warp::getLive() const {
  Mask mask = 0;
  for (const Group &group : groups)
    mask |= group.mask;
  return mask;
}

/// Threads that meet go on together.
void Warp::place(Group group) {
  auto found = std::lower_bound(groups.begin(), groups.end(), group.at,
                                [](const Group &other, int32_t position) { return other.at < position; });
  if (found != groups.end() && found->at == group.at)
    found->mask |= group.mask;
  else
    groups.insert(found, group);
}

/// Of a warp that neither waits nor ends.
static constexpr uint64_t kMostInstructions = uint64_t(1) << 32;

/// One instruction of one group; false if it has to wait.
bool Warp::step(size_t index) {
  const Instruction &instruction = block.launch.kernel.code.at(groups[index].at);
  Mask mask = groups[index].mask, active = mask;
  if (instruction.guard.number >= 0) {
    active = 0;
    forLanes(mask, [&](int lane) {
      active |= Mask(get<bool>(instruction.guard, lane) != instruction.guard.isNegated) << lane;
    });
  }
  if (instruction.isWarpWide && active && (getLive() & ~active) != 0)
    return false;
  if (instruction.action && active)
    try {
      if (instruction.action(*this, instruction, active) == Outcome::Waits)
        return false;
    } catch (const Failure &failure) {
      throw Failure(describe() + ": " + failure.what());
    }
  if (++numExecuted > kMostInstructions)
    throw Failure(describe() + ": runs on and on");
  if (!instruction.isBranch && !instruction.isExit) {
    ++groups[index].at;
    if (index + 1 == groups.size() || groups[index].at < groups[index + 1].at)
      return true;
  }
  Group group = groups[index];
  groups.erase(groups.begin() + static_cast<ptrdiff_t>(index));
  if (!instruction.isBranch && !instruction.isExit) {
    place(group);
    return true;
  }
  if (instruction.isBranch)
    forLanes(active, [&](int lane) {
      size_t choice = instruction.operands.empty() ? 0 : get<uint32_t>(instruction.operands.at(0), lane);
      place({instruction.targets.at(choice), Mask(1) << lane});
    });
  if (mask != active)
    place({group.at + 1, mask & ~active});
  return true;
}

Warp::StartedCopy Warp::startCopy(int lane) {
  if (!snapshot)
    snapshot = std::make_shared<Clock>(clock);
  return {inCluster, lane, time++, ++numCopies, snapshot};
}

void Warp::signal(Clock &to, int lane) {
  to.join(clock);
  uint32_t &known = to.threads(inCluster)[lane];
  known = std::max(known, time);
  ++time;
}

void Warp::learn(const Clock &from) {
  clock.join(from);
  snapshot = nullptr;
}

void Warp::signalRelaxed(Clock &to, int lane) {
  if (fenceTimes[lane]) {
    to.join(fenced);
    uint32_t &known = to.threads(inCluster)[lane];
    known = std::max(known, fenceTimes[lane]);
  }
  to.joinLoads(clock);
  to.addLoads(inCluster, lane, time++);
}

void Warp::hear(const Clock &from) {
  heard.join(from);
  clock.joinLoads(from);
  snapshot = nullptr;
}

void Warp::fence(Mask mask, bool acquires, bool releases) {
  if (acquires) {
    learn(heard);
    heard = {};
  }
  if (releases) {
    fenced.join(clock);
    forLanes(mask, [&](int lane) { fenceTimes[lane] = time; });
    ++time;
  }
}

void Warp::synchronize() {
  std::fill_n(clock.threads(inCluster), 32, time++);
  snapshot = nullptr;
}

bool Warp::run() {
  constexpr int kMost = 1 << 14; // then another warp
  bool moved = false;
  for (int count = 0; count < kMost && !groups.empty(); ++count) {
    // Those that are behind catch up, so that threads meet again.
    bool stepped = false;
    for (size_t group = 0; group < groups.size() && !stepped; ++group)
      stepped = step(group);
    if (!stepped)
      break;
    moved = true;
  }
  return moved;
}

std::string Warp::describe() const {
  std::string text = "block " + std::to_string(block.index.x) + ", warp " + std::to_string(number);
  for (const Group &group : groups) {
    char mask[16];
    std::snprintf(mask, sizeof(mask), "%08x", group.mask);
    const auto &code = block.launch.kernel.code;
    bool isInside = group.at < static_cast<int32_t>(code.size());
    text += ", threads " + std::string(mask) + " at '" + (isInside ? code[group.at].text : "the end") + "'";
    if (groups.size() > 1 && isInside && code[group.at].isWarpWide)
      text += ", which all threads of a warp do together";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void PhaseBarrier::arrive(int64_t arrivals, int64_t expected) {
  if (arrivals == 0)
    throw Failure("an arrival at an mbarrier of nobody");
  if (arrivals > pending)
    throw Failure("an mbarrier has more arrivals than its count of " + std::to_string(count));
  pending -= arrivals;
  bytes += expected;
  advance();
}

void PhaseBarrier::complete(int64_t copied) {
  bytes -= copied;
  advance();
}

void PhaseBarrier::advance() {
  if (pending == 0 && bytes == 0) {
    ++phase;
    pending = count;
    released.join(arrived);
    releasedFromOthers.join(arrivedFromOthers);
  }
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

Block::Block(Cluster &cluster, Dim3 index, int32_t rank)
    : cluster(cluster), launch(cluster.launch), index(index), rank(rank),
      log(launch.kernel.sharedBytes + launch.dynamicShared, cluster.shape, rank) {
  // 0xff bytes: no number, in every type of floats.
  sharedMemory.assign(launch.kernel.sharedBytes + launch.dynamicShared, 0xff);
  for (int32_t number = 0; number < cluster.shape.warpsPerBlock; ++number)
    warps.push_back(std::make_unique<Warp>(*this, number));
}

uint64_t Block::constant(const Constant &constant, uint32_t thread) const {
  Dim3 size = launch.block;
  switch (constant.kind) {
  case Constant::Bits:
  case Constant::SharedAddress:
    return constant.bits;
  case Constant::Parameter:
    return reinterpret_cast<uintptr_t>(launch.parameters.data()) + constant.bits;
  case Constant::ThreadX:
    return thread % size.x;
  case Constant::ThreadY:
    return thread / size.x % size.y;
  case Constant::ThreadZ:
    return thread / size.x / size.y;
  case Constant::BlockX:
    return index.x;
  case Constant::BlockY:
    return index.y;
  case Constant::BlockZ:
    return index.z;
  case Constant::SizeX:
    return size.x;
  case Constant::SizeY:
    return size.y;
  case Constant::SizeZ:
    return size.z;
  case Constant::GridX:
    return launch.grid.x;
  case Constant::GridY:
    return launch.grid.y;
  case Constant::GridZ:
    return launch.grid.z;
  case Constant::Lane:
    return thread % 32;
  case Constant::WarpNumber:
    return thread / 32;
  case Constant::ClusterRank:
    return rank;
  case Constant::ClusterSize:
    return cluster.shape.numBlocks;
  }
  return 0;
}

void Block::checkOwn(uint64_t address) {
  if (uint64_t number = address >> kRankShift; number > 0 && number <= kLargestCluster)
    throw Failure("shared address " + std::to_string(address) + " is one of mapa, for .shared::cluster alone");
}

uint8_t *Block::shared(uint64_t address, uint64_t bytes) {
  if (address % bytes != 0)
    throw Failure("shared address " + std::to_string(address) + " is not aligned to " + std::to_string(bytes));
  if (address > sharedMemory.size() || bytes > sharedMemory.size() - address) {
    checkOwn(address);
    throw Failure("shared address " + std::to_string(address) + " is behind the end, " +
                  std::to_string(sharedMemory.size()));
  }
  return sharedMemory.data() + address;
}

const uint8_t *Block::read(const Actor &actor, uint64_t address, uint64_t bytes) {
  const uint8_t *from = shared(address, bytes);
  if (std::string text = log.read(actor, address, bytes); !text.empty())
    throw Failure("thread " + std::to_string(actor.lane) + " reads, which " + text);
  return from;
}

void Block::write(const Actor &actor, uint64_t address, const void *from, uint64_t bytes) {
  uint8_t *to = shared(address, bytes);
  if (std::string text = log.write(actor, address, bytes, std::memcmp(to, from, bytes) != 0); !text.empty())
    throw Failure((actor.kind == Actor::Copy ? "a copy" : "thread " + std::to_string(actor.lane)) + " writes, which " +
                  text);
  std::memcpy(to, from, bytes);
}

PhaseBarrier &Block::phaseBarrier(uint64_t address) {
  checkOwn(address);
  auto found = phaseBarriers.find(address);
  if (found == phaseBarriers.end())
    throw Failure("there is no mbarrier at shared address " + std::to_string(address));
  return found->second;
}
