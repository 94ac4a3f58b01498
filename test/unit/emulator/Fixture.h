//===- Fixture.h - A kernel for a test ------------------------------------===//
#ifndef FGLA_TEST_UNIT_EMULATOR_FIXTURE_H
#define FGLA_TEST_UNIT_EMULATOR_FIXTURE_H

#include "test/emulator/Cluster.h"

#include <gtest/gtest.h>

namespace fgla::emulator {

/// Runs a kernel of two parameters, an array that it reads and one that it writes.
class EmulatorTest : public testing::Test {
protected:
  /// Returns the message of a failure, or "".
  std::string run(const std::string &body, const void *in, void *out, uint32_t numThreads = 32, uint64_t seed = 0) {
    std::string text = ".version 8.0\n.target sm_90a\n.address_size 64\n"
                       ".extern .shared .align 1024 .b8 memory[];\n"
                       ".visible .entry kernel(\n.param .u64 .ptr .global .align 16 in,\n.param .u64 out\n)\n" +
                       limits +
                       "{\n.reg .pred %p<8>;\n.reg .b16 %rs<8>;\n.reg .b32 %r<32>;\n.reg .b64 %rd<16>;\n"
                       "ld.param.b64 %rd0, [in];\nld.param.b64 %rd1, [out];\nmov.u32 %r0, %tid.x;\n"
                       "mul.wide.u32 %rd2, %r0, 4;\nadd.s64 %rd3, %rd0, %rd2;\nadd.s64 %rd4, %rd1, %rd2;\n" +
                       body + "ret;\n}\n";
    try {
      auto kernels = parsePTX(text);
      const Kernel &kernel = *kernels.at("kernel");
      Launch launch{kernel, {numBlocks}, {numThreads, 1, 1}, 4096, std::vector<uint8_t>(kernel.parameterBytes)};
      uint64_t arguments[] = {reinterpret_cast<uintptr_t>(in), reinterpret_cast<uintptr_t>(out)};
      std::memcpy(launch.parameters.data(), arguments, sizeof(arguments));
      checkLaunch(launch);
      for (uint32_t block = 0; block < numBlocks; block += launch.clusterSize())
        Cluster(launch, {block, 0, 0}, seed).run();
      return "";
    } catch (const std::exception &failure) {
      return failure.what();
    }
  }
  void expectFailure(const std::string &message, const std::string &what) {
    EXPECT_NE(message.find(what), std::string::npos) << message;
  }

  std::array<uint32_t, 256> in{}, out{};
  uint32_t numBlocks = 1;
  std::string limits; // directives in front of the body
};

} // namespace fgla::emulator

#endif // FGLA_TEST_UNIT_EMULATOR_FIXTURE_H
