//===- Memory.cpp - Loads, stores and copies ------------------------------===//
//
// Global addresses are the host's own. Shared memory has addresses from zero on, and in the generic space those of the
// host's array that it is. Cluster.h says how other blocks' is addressed.
//
//===----------------------------------------------------------------------===//
#include "Actions.h"
#include "Cluster.h"
#include "TensorMap.h"

#include <algorithm>

using namespace fgla::emulator;

namespace {
/// "b32" -> 4
int bytesOf(const Instruction &i) { return std::stoi(i.name.back().substr(1)) / 8; }

uint8_t *global(Warp &warp, const Operand &address, int lane, uint64_t bytes) {
  uint64_t at = warp.address(address, lane);
  if (at % bytes != 0)
    throw Failure("address " + std::to_string(at) + " is not aligned to " + std::to_string(bytes));
  if (at < 4096 || warp.block.cluster.isShared(at))
    throw Failure("address " + std::to_string(at) + " is not in global memory");
  return reinterpret_cast<uint8_t *>(at);
}

/// A register, or the registers of a list, of `each` bytes.
std::vector<const Operand *> partsOf(const Operand &operand, uint64_t each) {
  std::vector<const Operand *> parts;
  for (const Operand &part : operand.list)
    parts.push_back(&part);
  if (parts.size() * each > 16)
    throw Failure("an access of more than 16 bytes");
  return parts.empty() ? std::vector{&operand} : parts;
}

enum class Space { Global, Shared, Cluster };
Space spaceOf(const Instruction &i) {
  return i.has("shared::cluster")                  ? Space::Cluster
         : i.has("shared") || i.has("shared::cta") ? Space::Shared
                                                   : Space::Global;
}

Outcome load(Warp &warp, const Instruction &i, Mask mask) {
  const uint64_t each = bytesOf(i);
  auto parts = partsOf(i.operands.at(0), each);
  const uint64_t bytes = each * parts.size();
  const Space space = spaceOf(i);
  const Operand &at = i.operands.at(1);
  forLanes(mask, [&](int lane) {
    const uint8_t *from = space == Space::Global ? global(warp, at, lane, bytes)
                          : space == Space::Shared
                              ? warp.block.read(warp.thread(lane), warp.address(at, lane), bytes)
                              : warp.block.cluster.read(warp.thread(lane), warp.address(at, lane), bytes);
    for (const Operand *part : parts) {
      uint64_t bits = 0;
      std::memcpy(&bits, from, each);
      warp.set(*part, lane, bits);
      from += each;
    }
  });
  return Outcome::Done;
}

Outcome store(Warp &warp, const Instruction &i, Mask mask) {
  const uint64_t each = bytesOf(i);
  auto parts = partsOf(i.operands.at(1), each);
  const uint64_t bytes = each * parts.size();
  const Space space = spaceOf(i);
  const Operand &at = i.operands.at(0);
  forLanes(mask, [&](int lane) {
    uint8_t values[16];
    for (size_t part = 0; part < parts.size(); ++part)
      std::memcpy(values + part * each, &warp.at(*parts[part]).bits[lane], each);
    if (space == Space::Global)
      std::memcpy(global(warp, at, lane, bytes), values, bytes);
    else if (space == Space::Shared)
      warp.block.write(warp.thread(lane), warp.address(at, lane), values, bytes);
    else
      warp.block.cluster.write(warp.thread(lane), warp.address(at, lane), values, bytes);
  });
  return Outcome::Done;
}

/// mapa.shared::cluster to, address in this block, rank
Outcome mapAddress(Warp &warp, const Instruction &i, Mask mask) {
  forLanes(mask, [&](int lane) {
    auto rank = warp.get<uint32_t>(i.operands.at(2), lane);
    warp.set(i.operands.at(0), lane, warp.block.cluster.mapAddress(warp.address(i.operands.at(1), lane), rank));
  });
  return Outcome::Done;
}

/// cvta.shared and cvta.to.shared; parameters and global memory have generic addresses here.
Outcome convertAddress(Warp &warp, const Instruction &i, Mask mask) {
  auto base = reinterpret_cast<uintptr_t>(warp.block.sharedMemory.data());
  bool isShared = i.has("shared") || i.has("shared::cluster"), isTo = i.has("to");
  forLanes(mask, [&](int lane) {
    uint64_t address = warp.address(i.operands.at(1), lane);
    if (isShared && !isTo)
      Block::checkOwn(address); // others' memory has no generic address here
    warp.set(i.operands.at(0), lane, !isShared ? address : isTo ? address - base : address + base);
  });
  return Outcome::Done;
}

/// cp.async.cg.shared.global [to], [from], bytes, bytes that are there: the rest is zero
Outcome copyElements(Warp &warp, const Instruction &i, Mask mask) {
  forLanes(mask, [&](int lane) {
    auto size = warp.get<uint32_t>(i.operands.at(2), lane);
    auto present = i.operands.size() > 3 ? warp.get<uint32_t>(i.operands.at(3), lane) : size;
    uint64_t to = warp.address(i.operands.at(0), lane), from = warp.address(i.operands.at(1), lane);
    if (size != 4 && size != 8 && size != 16)
      throw Failure("a copy of " + std::to_string(size) + " bytes");
    warp.block.shared(to, size);
    if (from % size != 0)
      throw Failure("address " + std::to_string(from) + " is not aligned to " + std::to_string(size));
    warp.copies.push_back([=, &block = warp.block, copy = warp.startCopy(lane)](Clock *done) {
      uint8_t bytes[16] = {};
      std::memcpy(bytes, reinterpret_cast<const void *>(from), std::min(present, size));
      block.write(copy.actor(), to, bytes, size);
      if (done)
        copy.finish(*done);
    });
  });
  return Outcome::Done;
}

/// Waits for all copies of these threads, whose results are theirs then.
Outcome waitForCopies(Warp &warp, const Instruction &, Mask) {
  Clock done;
  for (; !warp.copies.empty(); warp.copies.pop_front())
    warp.copies.front()(&done);
  warp.learn(done);
  return Outcome::Done;
}

/// [to], [map, {coordinates}], [barrier]
Outcome copyTensor(Warp &warp, const Instruction &i, Mask mask) {
  forLanes(mask, [&](int lane) {
    const Operand &source = i.operands.at(1);
    TensorMap map;
    std::memcpy(&map, reinterpret_cast<const void *>(warp.address(source.list[0], lane)), sizeof(map));
    std::array<int32_t, TensorMap::mostDims> corner{};
    if (map.magic != TensorMap::kMagic || map.rank != source.list[1].list.size())
      throw Failure("no map of a tensor of " + std::to_string(source.list[1].list.size()) + " dims");
    for (uint32_t dim = 0; dim < map.rank; ++dim)
      corner[dim] = warp.get<int32_t>(source.list[1].list[dim], lane);
    uint64_t to = warp.address(i.operands.at(0), lane);
    PhaseBarrier &barrier = warp.block.phaseBarrier(warp.address(i.operands.at(2), lane));
    warp.block.shared(to, 1); // also of shared::cluster, in which this block's addresses are its own
    if (to % 128 != 0)
      throw Failure("a tensor is copied to address " + std::to_string(to) + ", not aligned to 128");
    Block &block = warp.block;
    block.copies.push_back([=, &barrier, &block, copy = warp.startCopy(lane)](Clock *) {
      int64_t bytes = map.copy(corner, to, [&](uint64_t address, const void *from, uint64_t size) {
        block.write(copy.actor(), address, from, size);
      });
      copy.finish(barrier.arrived);
      barrier.complete(bytes);
    });
  });
  return Outcome::Done;
}
} // namespace

Action fgla::emulator::findMemory(const Instruction &i) {
  const std::string &op = i.name.front();
  // What others' memory gets from the copy engine.
  if ((op == "st" && i.has("async")) || i.has("multicast::cluster"))
    return nullptr;
  if (op == "ld")
    return load;
  if (op == "st")
    return store;
  if (op == "mapa")
    return i.has("shared::cluster") ? mapAddress : nullptr;
  if (op == "cvta")
    return convertAddress;
  if (op != "cp" || i.has("mbarrier"))
    return nullptr;
  if (i.has("tensor"))
    return copyTensor;
  // Groups are not told apart.
  bool isOfGroups = i.has("commit_group") || i.has("wait_group");
  return i.has("wait_all") ? waitForCopies : isOfGroups ? nullptr : copyElements;
}
