//===- ClusterTest.cpp - Blocks that reach each other's memory ------------===//

#include "Fixture.h"

using namespace fgla::emulator;

namespace {
// Where the threads of a cluster's blocks meet.
const std::string kMeet = "barrier.cluster.arrive;\nbarrier.cluster.wait;\n";
// An mbarrier of one arrival in each block, known to the other; %rd6 is the other block's memory.
const std::string kBegin = "mov.u32 %r20, %cluster_ctarank;\nxor.b32 %r21, %r20, 1;\nmov.b64 %rd5, memory;\n"
                           "mapa.shared::cluster.u64 %rd6, %rd5, %r21;\nsetp.ne.b32 %p0, %r0, 0;\n@%p0 bra $ready;\n"
                           "mbarrier.init.shared.b64 [memory+2048], 1;\n$ready:\n"
                           "fence.mbarrier_init.release.cluster;\nbarrier.cluster.arrive.release.aligned;\n"
                           "barrier.cluster.wait.acquire.aligned;\n";
// Each thread writes its number, with that of its block, into its block's memory; %rd7: where the other block has it.
const std::string kWrite = "shl.b32 %r22, %r20, 8;\nadd.s32 %r23, %r22, %r0;\nshl.b32 %r1, %r0, 2;\n"
                           "cvt.u64.u32 %rd8, %r1;\nadd.s64 %rd7, %rd6, %rd8;\nst.shared.b32 [%rd8], %r23;\n";
// Thread 0 says so to the other block.
const std::string kTell = "bar.sync 0;\n@%p0 bra $told;\nmov.b32 %r4, 1;\n"
                          "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%rd6+2048], %r4;\n$told:\n";

std::string wait(const std::string &order, const std::string &parity = "0") {
  return "$wait" + parity + ":\nmbarrier.try_wait.parity" + order + ".shared.b64 %p1, [memory+2048], " + parity +
         ";\n@!%p1 bra $wait" + parity + ";\n";
}
const std::string kWait = wait(".acquire.cluster");
// Into the other half of the results.
const std::string kRead = "ld.shared::cluster.b32 %r2, [%rd7];\nshl.b32 %r3, %r20, 7;\ncvt.u64.u32 %rd9, %r3;\n"
                          "add.s64 %rd10, %rd4, %rd9;\nst.global.b32 [%rd10], %r2;\n";

/// Of two blocks.
class ClusterTest : public EmulatorTest {
protected:
  void SetUp() override {
    numBlocks = 2;
    limits = ".maxntid 128\n.explicitcluster\n.reqnctapercluster 2, 1, 1\n";
  }
  std::string run(const std::string &body, uint64_t seed = 0, uint32_t numThreads = 32) {
    return EmulatorTest::run(body, in.data(), out.data(), numThreads, seed);
  }
  /// Whatever the order of warps is.
  void expectAlways(const std::string &body, const std::string &what, uint32_t numThreads = 32) {
    for (uint64_t seed = 0; seed < 16; ++seed)
      if (std::string message = run(body, seed, numThreads); what.empty())
        EXPECT_EQ(message, "") << seed;
      else
        expectFailure(message, what);
  }
};
} // namespace

TEST_F(ClusterTest, BlocksHaveRanks) {
  numBlocks = 4;
  limits = ".reqnctapercluster 2\n.minnctapersm 1\n";
  EXPECT_EQ(run("mov.u32 %r1, %cluster_ctarank;\nmov.u32 %r2, %cluster_nctarank;\nmov.u32 %r3, %ctaid.x;\n"
                "mul.wide.u32 %rd5, %r3, 8;\nadd.s64 %rd6, %rd1, %rd5;\nst.global.v2.b32 [%rd6], {%r1, %r2};\n"),
            "");
  for (uint32_t block = 0; block < 4; ++block) {
    EXPECT_EQ(out[2 * block], block % 2);
    EXPECT_EQ(out[2 * block + 1], 2u);
  }
}

TEST_F(ClusterTest, DataCrossesThroughAnMBarrier) {
  expectAlways(kBegin + kWrite + kTell + kWait + kRead + kMeet, "");
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], (i < 32 ? 256u : 0u) + i % 32) << i;
}

TEST_F(ClusterTest, AddressesOf32BitsAndVectors) {
  std::string body = "mapa.shared::cluster.u32 %r5, %r1, %r21;\nand.b32 %r6, %r5, -16;\n"
                     "ld.shared::cluster.v4.b32 {%r7, %r8, %r9, %r10}, [%r6+16];\nmov.b32 {%rs0, %rs1}, %r10;\n"
                     "st.shared::cluster.b16 [%r5+1024], %rs0;\n";
  expectAlways(kBegin + kWrite + kMeet + "setp.gt.u32 %p2, %r0, 27;\n@%p2 bra $skip;\n" + body + "$skip:\n" + kMeet +
                   "ld.shared.b16 %rs2, [%rd8+1024];\ncvt.u32.u16 %r2, %rs2;\nst.global.b32 [%rd4], %r2;\n",
               "");
  EXPECT_EQ(out[0] % 256, 7u);
  EXPECT_EQ(out[27] % 256, 31u);
}

TEST_F(ClusterTest, AWaitThatIsMissingIsARace) {
  // The block that runs first reads what the other writes then.
  int numNamed = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    std::string message = run(kBegin + kWrite + kTell + kRead + kMeet, seed);
    for (auto [writer, reader] : {std::pair("1", "0"), {"0", "1"}})
      numNamed += message.find("block " + std::string(writer) + ", warp 0") == 0 &&
                  message.find("thread 0 writes, which is not ordered with a read of shared address 0 of block " +
                               std::string(writer) + " by thread 0 of warp 0 of block " + reader) != std::string::npos;
  }
  EXPECT_EQ(numNamed, 16);
}

TEST_F(ClusterTest, AWaitOfTheBlockAloneIsARace) {
  for (const char *order : {"", ".acquire.cta"})
    expectAlways(kBegin + kWrite + kTell + wait(order) + kRead + kMeet,
                 "thread 0 reads, which is not ordered with a write of shared address 0 of block");
  // What a wait has heard, its threads may tell their own block.
  expectAlways(kBegin + kWrite + kTell + "setp.gt.u32 %p2, %r0, 31;\n@%p2 bra $others;\n" + kWait +
                   "$others:\nbar.sync 1;\n" + kRead + kMeet,
               "", 64);
}

TEST_F(ClusterTest, AnArrivalHasToBeForTheCluster) {
  for (const char *order : {"", ".release.cta"})
    expectAlways(kBegin + "mbarrier.arrive" + order + ".shared::cluster.b64 _, [%rd6+2048];\n" + kMeet,
                 "thread 0 arrives at another block's mbarrier without .release.cluster");
  expectAlways(kBegin + "mbarrier.arrive.release.cluster.shared::cluster.b64 %rd9, [%rd6+2048];\n" + kMeet,
               "an arrival at another block's mbarrier has no result");
  expectAlways(kBegin + kWrite +
                   "@%p0 bra $told;\nmbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, "
                   "[%rd6+2048];\n$told:\n" +
                   kWait + kRead + kMeet,
               "reads, which is not ordered with a write");
}

TEST_F(ClusterTest, FencesMakeUpForWhatIsRelaxed) {
  std::string release = "fence.release.sync_restrict::shared::cta.cluster;\n";
  std::string acquire = "fence.acquire.sync_restrict::shared::cluster.cluster;\n";
  auto cross = [](const std::string &before, const std::string &waited) {
    return kBegin + kWrite + "bar.warp.sync -1;\n@%p0 bra $told;\n" + before +
           "mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%rd6+2048];\n$told:\n" + waited + kRead + kMeet;
  };
  expectAlways(cross(release, wait("") + acquire), "");
  expectAlways(cross("fence.acq_rel.cluster;\n", wait(".relaxed.cluster") + "fence.acq_rel.cluster;\n"), "");
  expectAlways(cross(release, kWait), "");
  for (const char *other :
       {"", "fence.acq_rel.cta;\n", "fence.proxy.async;\n", "fence.mbarrier_init.release.cluster;\n"}) {
    expectAlways(cross(other, kWait), "thread 0 reads, which is not ordered with a write");
    expectAlways(cross(release, wait("") + other), "thread 0 reads, which is not ordered with a write");
  }
  // What is in front of the fence, and nothing after it.
  expectAlways(cross(release + "st.shared.b32 [%rd8], %r1;\n", wait("") + acquire),
               "thread 0 reads, which is not ordered with a write");
}

TEST_F(ClusterTest, MemoryIsFreeWhenItsReadersSaySo) {
  // Each block writes again what the other reads.
  std::string read = "ld.shared::cluster.b32 %r2, [%rd7];\n";
  std::string again = "add.s32 %r23, %r23, 1;\nst.shared.b32 [%rd8], %r23;\n";
  std::string tell = "bar.warp.sync -1;\n@%p0 bra $told;\nmbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, "
                     "[%rd6+2048];\n$told:\n";
  expectAlways(kBegin + kWrite + kMeet + read + kTell + kWait + again + kMeet, "");
  // Loads have returned before who has made them arrives, whatever the order says.
  expectAlways(kBegin + kWrite + kMeet + read + tell + wait("") + again + kMeet, "");
  expectAlways(kBegin + kWrite + kMeet + tell + read + wait("") + again + kMeet,
               "writes, which is not ordered with a read of shared address");
}

TEST_F(ClusterTest, CopiesForTheOther) {
  auto copy = [](const std::string &waited) {
    return kBegin + kWrite + "@%p0 bra $copied;\ncp.async.cg.shared.global [memory+1024], [%rd0], 16;\n$copied:\n" +
           waited + kTell + kWait + "ld.shared::cluster.b32 %r2, [%rd6+1024];\n" + kMeet;
  };
  expectAlways(copy("cp.async.wait_all;\n"), "");
  expectAlways(copy(""), "which is not ordered with a ");
}

TEST_F(ClusterTest, TheBarrierOrders) {
  expectAlways(kBegin + kWrite + kMeet + kRead + kMeet, "");
  expectAlways(kBegin + kWrite + kRead + kMeet, "which is not ordered with a ");
  expectAlways(kBegin + kWrite + "barrier.cluster.arrive.relaxed;\nbarrier.cluster.wait;\n" + kRead + kMeet,
               "reads, which is not ordered with a write");
  // Between arrival and wait nothing is known, not of the warp's own threads either.
  expectAlways(kBegin + kWrite + "xor.b64 %rd9, %rd8, 4;\nbarrier.cluster.arrive;\nld.shared.b32 %r2, [%rd9];\n" +
                   "barrier.cluster.wait;\n",
               "thread 0 reads, which is not ordered with a write");
  expectAlways("barrier.cluster.wait;\n", "waits for the cluster's barrier without having arrived at it");
  expectAlways("barrier.cluster.arrive;\nbarrier.cluster.arrive;\n",
               "arrives at the cluster's barrier again without having waited for it");
}

TEST_F(ClusterTest, ThreadsThatHaveEndedAreNotWaitedFor) {
  // Warps 1 read, and end; the others keep their blocks alive.
  std::string early = "setp.lt.u32 %p2, %r0, 32;\n@%p2 bra $stay;\n" + kRead + "ret;\n$stay:\n";
  expectAlways(kBegin + kWrite + kMeet + early + kMeet, "", 64);
  // And half of a warp.
  std::string half = "setp.lt.u32 %p2, %r0, 16;\n@%p2 bra $stay;\n" + kRead + "ret;\n$stay:\n";
  expectAlways(kBegin + kWrite + kMeet + half + kMeet, "");
}

TEST_F(ClusterTest, ABlockThatHasEndedIsNotReached) {
  // Block 0 reads of block 1, which does nothing. By luck it is still there; that nothing keeps it is an error as well.
  int numLate = 0, numLucky = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    std::string message =
        run(kBegin + kWrite + kMeet + "setp.eq.b32 %p2, %r20, 1;\n@%p2 bra $end;\n" + kRead + "$end:\n", seed);
    numLate += message.find("thread 0 reads shared memory of block 1, which has ended") != std::string::npos;
    numLucky += message == "block 1 ends and does not know that thread 0 of warp 0 of block 0 is done with its shared "
                           "memory";
  }
  EXPECT_GT(numLate, 0);
  EXPECT_GT(numLucky, 0);
  EXPECT_EQ(numLate + numLucky, 16);
  // Block 1 goes on when block 0 has ended.
  expectAlways(kBegin + "setp.eq.b32 %p2, %r20, 0;\n@%p2 bra $end;\n" + kMeet +
                   "st.shared::cluster.b32 [%rd6], %r0;\n$end:\n",
               "thread 0 writes shared memory of block 0, which has ended");
  expectAlways(kBegin + "setp.eq.b32 %p2, %r20, 0;\n@%p2 bra $end;\n" + kMeet +
                   "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%rd6+2048];\n$end:\n",
               "thread 0 arrives at an mbarrier in shared memory of block 0, which has ended");
}

TEST_F(ClusterTest, HangsAcrossBlocks) {
  std::string message = run(kBegin + "setp.eq.b32 %p2, %r20, 0;\n@%p2 bra $meet;\n" + kWait + "$meet:\n" + kMeet);
  expectFailure(message, "hangs\n  block 0, warp 0, threads ffffffff at 'barrier.cluster.wait;'\n"
                         "  block 1, warp 0, threads ffffffff at 'mbarrier.try_wait.parity.acquire.cluster.shared.b64 "
                         "%p1, [memory+2048], 0;'");
  message = run("setp.eq.b32 %p2, %r0, 0;\n@%p2 bra $first;\nbarrier.cluster.arrive;\nbra $wait;\n$first:\n"
                "barrier.cluster.arrive;\n$wait:\nbarrier.cluster.wait;\n");
  expectFailure(message, "threads fffffffe at 'barrier.cluster.arrive;', which all threads of a warp do together, "
                         "threads 00000001 at 'barrier.cluster.arrive;', which all threads of a warp do together");
}

TEST_F(ClusterTest, GridsAreWholeClusters) {
  numBlocks = 3;
  EXPECT_EQ(run(""), "a grid of 3 blocks in x, which is no multiple of a cluster of 2");
  limits = ".reqnctapercluster 2, 2, 1\n";
  expectFailure(run(""), "a cluster of blocks that are not beside each other in x is not emulated");
  limits = ".reqnctapercluster 9\n";
  expectFailure(run(""), "a cluster of 9 blocks");
}

TEST_F(ClusterTest, WhatIsWrongIsNamed) {
  for (const char *access :
       {"ld.shared.b32 %r2, [%rd6];\n", "st.shared.b32 [%rd6], %r2;\n", "mbarrier.arrive.shared.b64 _, [%rd6];\n",
        "mbarrier.try_wait.parity.shared.b64 %p1, [%rd6], 0;\n", "cvta.shared.u64 %rd7, %rd6;\n"})
    expectAlways(kBegin + access, "is one of mapa, for .shared::cluster alone");
  expectAlways(kBegin + "mapa.shared::cluster.u64 %rd7, %rd5, 2;\n", "there is no block 2 in a cluster of 2");
  expectAlways(kBegin + "mapa.shared::cluster.u64 %rd7, %rd6, 0;\n", "is not that of a block");
  expectAlways(kBegin + "ld.shared::cluster.b32 %r2, [%rd6+4096];\n", "shared address 4096 is behind the end");
  expectAlways(kBegin + "ld.shared::cluster.b32 %r2, [%rd5+-4];\n", "is in no block of the cluster");
  expectAlways(kBegin + "cvt.u32.u64 %r2, %rd6;\nadd.s32 %r3, %r2, 2;\nld.shared::cluster.b32 %r2, [%r3];\n",
               "shared address 2 is not aligned to 4");
  // One's own memory may be mapped, too.
  expectAlways(kBegin + kWrite + "mapa.shared::cluster.u64 %rd7, %rd8, %r20;\n" + kRead, "");
}
