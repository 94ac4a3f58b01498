//===- Cluster.h - Blocks that are executed together ----------------------===//
//
// Warps run one at a time, in an order drawn from a seed, each until it has to wait. Copies that a program does not
// wait for happen as late as they may, so that a wait that is missing shows. Where no warp of any block can go on and
// nothing is left to be copied, the cluster hangs, and says in what. A launch without clusters has clusters of one
// block.
//
// An address of shared::cluster is that of the block itself, or holds a rank above it (mapa).
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TEST_EMULATOR_CLUSTER_H
#define FGLA_TEST_EMULATOR_CLUSTER_H

#include "Block.h"

namespace fgla::emulator {

/// In a block's shared memory.
struct Place {
  Block &block;
  uint64_t address;
};

/// What barrier.cluster counts.
struct ClusterBarrier {
  int64_t round = 0;
  Clock known, released; ///< of the round, and of the one before
  Clock ended; ///< of threads that ended instead of arriving: nobody reads what they wrote, but their accesses are over
};

class Cluster {
public:
  /// The blocks from `first` on, beside each other in x.
  Cluster(const Launch &launch, Dim3 first, uint64_t seed);
  Cluster(const Cluster &) = delete;

  /// Throws Failure.
  void run();

  /// Whose an address of shared::cluster is. Throws Failure where it is no block's, or that of one that has ended;
  /// `does`: what the message says of the thread.
  Place visit(const Actor &actor, uint64_t address, const char *does);
  const uint8_t *read(const Actor &actor, uint64_t address, uint64_t bytes);
  void write(const Actor &actor, uint64_t address, const void *from, uint64_t bytes);
  /// mapa
  uint64_t mapAddress(uint64_t address, uint32_t rank) const;
  bool isShared(uint64_t genericAddress) const;

  /// barrier.cluster, by all threads of a warp.
  void arrive(Warp &warp, Mask mask, bool releases);
  Outcome wait(Warp &warp, bool acquires);

  const Launch &launch;
  const ClusterShape shape;
  std::vector<std::unique_ptr<Block>> blocks;

private:
  bool copy();
  bool endRound();
  void end(Warp &warp);
  [[noreturn]] void reportHang() const;

  std::mt19937_64 random;
  ClusterBarrier barrier;
};

/// What a launch has to be before its clusters are made. Throws Failure.
void checkLaunch(const Launch &launch);

inline bool Cluster::isShared(uint64_t genericAddress) const {
  for (const auto &block : blocks)
    if (genericAddress - reinterpret_cast<uintptr_t>(block->sharedMemory.data()) < block->sharedMemory.size())
      return true;
  return false;
}

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_CLUSTER_H
