//===- EmulatorTest.cpp - PTX on the CPU ----------------------------------===//

#include "Fixture.h"

#include "test/emulator/Numbers.h"
#include "test/emulator/TensorMap.h"

using namespace fgla::emulator;

TEST_F(EmulatorTest, ThreadsPartAndMeet) {
  // Odd threads count to their own number; then all add up what the pairs have.
  std::string message = run("mov.b32 %r1, 0;\nand.b32 %r2, %r0, 1;\nsetp.eq.b32 %p0, %r2, 0;\n@%p0 bra $meet;\n"
                            "$again:\nadd.s32 %r1, %r1, 1;\nsetp.lt.u32 %p1, %r1, %r0;\n@%p1 bra $again;\n"
                            "$meet:\nshfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;\nadd.s32 %r4, %r1, %r3;\n"
                            "st.global.b32 [%rd4], %r4;\n",
                            in.data(), out.data());
  EXPECT_EQ(message, "");
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i | 1) << i;
}

TEST_F(EmulatorTest, NumbersAreRoundedAsTheDeviceDoes) {
  EXPECT_EQ(BFloat16(1.0f + 0x1p-8f).bits, 0x3f80); // a tie goes to even
  EXPECT_EQ(BFloat16(1.0f + 0x3p-8f).bits, 0x3f82);
  EXPECT_EQ(roundToTF32(1.0f + 0x1p-11f, TF32Rounding::TiesToEven), 1.0f);
  EXPECT_EQ(roundToTF32(1.0f + 0x1p-11f, TF32Rounding::TiesAway), 1.0f + 0x1p-10f);
  EXPECT_EQ(roundToTF32(1.0f + 0x1.8p-11f, TF32Rounding::TiesToEven), 1.0f + 0x1p-10f);
  EXPECT_EQ(roundToTF32(1.0f + 0x1.8p-11f, TF32Rounding::Cut), 1.0f);
  float x[] = {1e-39f, -3.5f};
  std::memcpy(in.data(), x, sizeof(x));
  // cvt of a pair puts its first operand into the high half; what is below the smallest normal number is zero.
  std::string message = run("ld.global.b32 %r1, [%rd3];\nld.global.b32 %r2, [%rd0+4];\n"
                            "cvt.rn.bf16x2.f32 %r3, %r2, %r1;\nrcp.approx.ftz.f32 %r4, %r1;\n"
                            "st.global.v2.b32 [%rd1], {%r3, %r4};\n",
                            in.data(), out.data(), 1);
  EXPECT_EQ(message, "");
  EXPECT_EQ(out[0], BFloat16(1e-39f).bits | uint32_t(BFloat16(-3.5f).bits) << 16);
  EXPECT_EQ(fromBits<float>(out[1]), INFINITY);
}

TEST_F(EmulatorTest, OperandsOfTwoTypes) {
  std::string loads =
      "mov.b16 %rs0, 0x3E00;\nmov.b16 %rs1, 0x3FC0;\nmov.b32 %r1, 0f3F800001;\n"; // 1.5 twice, 1 + 2^-23
  std::string message = run(loads + "sub.rn.f32.f16 %r2, %rs0, %r1;\nadd.f32.bf16 %r3, %rs1, %r1;\n"
                                    "fma.rn.f32.f16 %r4, %rs0, %rs0, %r1;\nst.global.v2.b32 [%rd1], {%r2, %r3};\n"
                                    "st.global.b32 [%rd1+8], %r4;\n",
                            in.data(), out.data(), 1);
  EXPECT_EQ(message, "");
  EXPECT_EQ(fromBits<float>(out[0]), 0.5f - 0x1p-23f);
  EXPECT_EQ(fromBits<float>(out[1]), 2.5f);
  EXPECT_EQ(fromBits<float>(out[2]), 3.25f);
  expectFailure(run("mul.rn.f32.f16 %r2, %rs0, %r1;\n", in.data(), out.data(), 1), "mul.rn.f32.f16");
}

TEST_F(EmulatorTest, IntegersWrapAround) {
  std::string message = run("mov.b32 %r1, -2147483648;\nmov.b32 %r2, -1;\nadd.s32 %r3, %r1, %r2;\n"
                            "div.s32 %r4, %r1, %r2;\nst.global.v2.b32 [%rd1], {%r3, %r4};\n",
                            in.data(), out.data(), 1);
  EXPECT_EQ(message, "");
  EXPECT_EQ(out[0], 0x7fffffffu);
  EXPECT_EQ(out[1], 0x80000000u);
}

/// m16n8k16 on small integers, against the product by its definition; fragments as in the PTX manual.
TEST_F(EmulatorTest, MatrixInstruction) {
  auto a = [](int row, int k) { return (row * 5 + k * 3) % 7 - 3; };
  auto b = [](int k, int column) { return (k * 2 + column * 3) % 5 - 2; };
  std::string loads, body;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    int group = lane / 4, pair = lane % 4 * 2;
    auto word = [](int low, int high) {
      return BFloat16(float(low)).bits | uint32_t(BFloat16(float(high)).bits) << 16;
    };
    for (int part = 0; part < 4; ++part) {
      int row = group + part % 2 * 8, k = pair + part / 2 * 8;
      in[lane + 32 * part] = word(a(row, k), a(row, k + 1));
    }
    for (int part = 0; part < 2; ++part)
      in[lane + 32 * (4 + part)] = word(b(pair + part * 8, group), b(pair + part * 8 + 1, group));
  }
  for (int part = 0; part < 6; ++part)
    loads += "ld.global.b32 %r" + std::to_string(1 + part) + ", [%rd3+" + std::to_string(128 * part) + "];\n";
  for (int part = 0; part < 4; ++part)
    body += "st.global.b32 [%rd4+" + std::to_string(128 * part) + "], %r" + std::to_string(10 + part) + ";\n";
  std::string message = run(loads +
                                "mov.b32 %r8, 0f3F800000;\n"
                                "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r10, %r11, %r12, %r13}, "
                                "{%r1, %r2, %r3, %r4}, {%r5, %r6}, {%r8, %r8, %r8, %r8};\n" +
                                body,
                            in.data(), out.data());
  EXPECT_EQ(message, "");
  for (int lane = 0; lane < 32; ++lane)
    for (int part = 0; part < 4; ++part) {
      int row = lane / 4 + part / 2 * 8, column = lane % 4 * 2 + part % 2, sum = 1;
      for (int k = 0; k < 16; ++k)
        sum += a(row, k) * b(k, column);
      EXPECT_EQ(fromBits<float>(out[lane + 32 * part]), float(sum)) << row << ", " << column;
    }
}

TEST_F(EmulatorTest, BarriersOrderAccesses) {
  // Each warp writes its number, and reads the other's.
  auto exchange = [](const std::string &between) {
    return "shl.b32 %r1, %r0, 2;\ncvt.u64.u32 %rd5, %r1;\nxor.b64 %rd6, %rd5, 128;\nst.shared.b32 [%rd5], %r0;\n" +
           between + "ld.shared.b32 %r2, [%rd6];\nst.global.b32 [%rd4], %r2;\n";
  };
  EXPECT_EQ(run(exchange("bar.sync 0;\n"), in.data(), out.data(), 64), "");
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], i ^ 32);
  std::string message = run(exchange("bar.warp.sync -1;\n"), in.data(), out.data(), 64);
  expectFailure(message, "which is not ordered with a"); // whichever comes first
}

TEST_F(EmulatorTest, ThreadsOfAWarpWaitForEachOther) {
  auto neighbour = [](const std::string &between) {
    return "shl.b32 %r1, %r0, 2;\ncvt.u64.u32 %rd5, %r1;\nxor.b64 %rd6, %rd5, 4;\nst.shared.b32 [%rd5], %r0;\n" +
           between + "ld.shared.b32 %r2, [%rd6];\n";
  };
  EXPECT_EQ(run(neighbour("bar.warp.sync -1;\n"), in.data(), out.data()), "");
  expectFailure(run(neighbour(""), in.data(), out.data()), "thread 0 reads, which is not ordered with a write");
}

/// Thread 0 says for its warp that all have written; the other warp waits and reads.
TEST_F(EmulatorTest, WhoSignalsKnowsOfItsOwnAccessesAlone) {
  auto signal = [](const std::string &between) {
    return "setp.ne.b32 %p0, %r0, 0;\n@%p0 bra $ready;\nmbarrier.init.shared.b64 [memory+2048], 1;\n$ready:\n"
           "bar.sync 0;\nand.b32 %r1, %r0, 31;\nshl.b32 %r1, %r1, 2;\ncvt.u64.u32 %rd5, %r1;\n"
           "setp.gt.u32 %p1, %r0, 31;\n@%p1 bra $wait;\nst.shared.b32 [%rd5], %r0;\n" +
           between +
           "@%p0 bra $end;\nmbarrier.arrive.shared.b64 %rd6, [memory+2048];\nbra $end;\n"
           "$wait:\nmbarrier.try_wait.parity.shared.b64 %p2, [memory+2048], 0;\n@!%p2 bra $wait;\n"
           "ld.shared.b32 %r2, [%rd5];\n$end:\n";
  };
  EXPECT_EQ(run(signal("bar.warp.sync -1;\n"), in.data(), out.data(), 64), "");
  expectFailure(run(signal(""), in.data(), out.data(), 64), "thread 1 reads, which is not ordered with a write");
}

/// A wait for another warp does not order what the threads of one do.
TEST_F(EmulatorTest, WaitingForAnotherIsNotWaitingForEachOther) {
  std::string message = run("setp.ne.b32 %p0, %r0, 0;\n@%p0 bra $ready;\nmbarrier.init.shared.b64 [memory+2048], 1;\n"
                            "mbarrier.arrive.shared.b64 %rd6, [memory+2048];\n$ready:\nbar.sync 0;\n"
                            "shl.b32 %r1, %r0, 2;\ncvt.u64.u32 %rd5, %r1;\nxor.b64 %rd6, %rd5, 4;\n"
                            "st.shared.b32 [%rd5], %r0;\n"
                            "mbarrier.try_wait.parity.shared.b64 %p2, [memory+2048], 0;\nld.shared.b32 %r2, [%rd6];\n",
                            in.data(), out.data());
  expectFailure(message, "thread 0 reads, which is not ordered with a write");
}

TEST_F(EmulatorTest, WritingTheSameIsNoRace) {
  EXPECT_EQ(run("mov.b32 %r1, 7;\nst.shared.b32 [memory], %r1;\n", in.data(), out.data(), 64), "");
  expectFailure(run("st.shared.b32 [memory], %r0;\n", in.data(), out.data(), 64), "writes, which is not ordered");
}

TEST_F(EmulatorTest, CopiesAreThereWhenTheirBarrierSaysSo) {
  in.fill(5);
  auto copy = [](const std::string &wait) {
    return "setp.ne.b32 %p0, %r0, 0;\n@%p0 bra $ready;\nmbarrier.init.shared.b64 [memory+2048], 32;\n$ready:\n"
           "bar.sync 0;\nshl.b32 %r1, %r0, 4;\ncvt.u64.u32 %rd5, %r1;\nadd.s64 %rd6, %rd0, %rd5;\n"
           "cp.async.cg.shared.global [%rd5], [%rd6], 16, 8;\n"
           "cp.async.mbarrier.arrive.noinc.shared.b64 [memory+2048];\n" +
           wait +
           "ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, [%rd5];\nadd.s32 %r8, %r4, %r7;\nst.global.b32 [%rd4], %r8;\n";
  };
  std::string wait = "$wait:\nmbarrier.try_wait.parity.shared.b64 %p1, [memory+2048], 0;\n@!%p1 bra $wait;\n";
  EXPECT_EQ(run(copy(wait), in.data(), out.data()), "");
  EXPECT_EQ(out[0], 5u); // the second half is zero
  // Nobody has to signal anything for a copy to be late.
  expectFailure(run("cp.async.cg.shared.global [memory], [%rd0], 16;\nld.shared.b32 %r1, [memory];\n"
                    "bar.warp.sync -1;\ncp.async.wait_all;\nld.shared.b32 %r1, [memory];\n",
                    in.data(), out.data(), 1),
                "not ordered");
  // Without the wait, the copy comes after the load, or is not ordered with it.
  for (uint64_t seed = 0; seed < 4; ++seed)
    expectFailure(run(copy(""), in.data(), out.data(), 32, seed), "not ordered");
}

TEST_F(EmulatorTest, TensorCopies) {
  // 3 rows of 64 halves; the box has 4 rows of 64, from row 1 on. Rows lie in lines of 128 bytes, permuted.
  std::array<uint16_t, 3 * 64> array;
  for (uint16_t i = 0; i < array.size(); ++i)
    array[i] = i;
  TensorMap map;
  map.rank = 2;
  map.base = reinterpret_cast<uintptr_t>(array.data());
  map.elementBytes = 2;
  map.isPermuted = true;
  map.sizes = {64, 3};
  map.strides = {128};
  map.box = {64, 4};
  std::string message =
      run("mbarrier.init.shared.b64 [memory+2048], 1;\nmov.b32 %r1, 512;\n"
          "mbarrier.arrive.expect_tx.shared.b64 _, [memory+2048], %r1;\nmov.b32 %r2, 0;\nmov.b32 %r3, 1;\n"
          "mov.b64 %rd5, memory;\ncp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
          "[%rd5], [%rd0, {%r2, %r3}], [memory+2048];\n"
          "$wait:\nmbarrier.try_wait.parity.shared.b64 %p1, [memory+2048], 0;\n@!%p1 bra $wait;\n"
          // Row 1 of the box, elements 0 and 1: their part of 16 bytes is exchanged with the next.
          "ld.shared.b32 %r4, [memory+144];\nld.shared.b32 %r5, [memory+256];\nst.global.v2.b32 [%rd1], {%r4, %r5};\n",
          &map, out.data(), 1);
  EXPECT_EQ(message, "");
  EXPECT_EQ(out[0], 128u | 129u << 16);
  EXPECT_EQ(out[1], 0u); // after the end of the array
}

TEST_F(EmulatorTest, Hangs) {
  std::string message =
      run("setp.lt.u32 %p0, %r0, 32;\n@%p0 bra $end;\nbar.sync 1, 64;\n$end:\n", in.data(), out.data(), 64);
  expectFailure(message, "hangs\n  block 0, warp 1, threads ffffffff at 'bar.sync 1, 64;'");
}

TEST_F(EmulatorTest, WhatIsWrongIsNamed) {
  expectFailure(run("frobnicate.b32 %r1, %r0;\n", in.data(), out.data()), "'frobnicate.b32 %r1, %r0;' is not emulated");
  expectFailure(run("ld.shared.b32 %r1, [memory+4096];\n", in.data(), out.data()),
                "shared address 4096 is behind the end");
  expectFailure(run("ld.shared.v2.b32 {%r1, %r2}, [memory+4];\n", in.data(), out.data()), "is not aligned to 8");
  expectFailure(run("mov.b64 %rd5, 64;\nld.global.b32 %r1, [%rd5];\n", in.data(), out.data()),
                "is not in global memory");
  expectFailure(run("mbarrier.arrive.shared.b64 %rd5, [memory];\n", in.data(), out.data()), "there is no mbarrier");
  expectFailure(run("mul.f32 %r1, %r0;\n", in.data(), out.data()), "vector");
  expectFailure(run("bra {;\n", in.data(), out.data()), "a branch goes nowhere");
  expectFailure(run("add.sat.f32 %r1, %r1, %r1;\n", in.data(), out.data()), "is not emulated");
  expectFailure(run("bra $nowhere;\n", in.data(), out.data()), "no label '$nowhere'");
  expectFailure(run("mov.b32 %r99, 0;\n", in.data(), out.data()), "'%r99' is not known");
}
