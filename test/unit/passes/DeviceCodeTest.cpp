//===- DeviceCodeTest.cpp - From a GPU module to launches -----------------===//
//
// Code is made and assembled for every GPU in the table. It is launched on a driver that is made up (fake_cuda.h),
// which has the one kernel `scale` in C++: that tests what stands between a call and a launch, not the kernel.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compiler.h"
#include "passes/Targets.h"
#include "passes/binary/ObjectFile.h"
#include "test/unit/runtime/TestUtil.h"
#include "test/unit/runtime/fixtures/fake_cuda.h"

#include <dlfcn.h>

using namespace fgla;
using namespace fgla::binary;

static FakeCuda &fake() {
  static auto *get = reinterpret_cast<FakeCuda *(*)()>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "fakeCuda"));
  return *get();
}

static runtime::Result<Compiled> compileScale(llvm::StringRef target) {
  runtime::Result<Source> source = readSource(SCALE_MLIR);
  if (!source.ok())
    return source.status();
  CompileOptions options;
  options.target = target.str();
  options.from = Phase::Layout;
  return compile(*source, options);
}

TEST(AssemblerLog, Kernels) {
  AssemblerLog log = parseAssemblerLog(R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'first' for 'sm_90a'
ptxas info    : Function properties for first
    48 bytes stack frame, 44 bytes spill stores, 40 bytes spill loads
ptxas info    : Used 168 registers, used 9 barriers, 48 bytes cumulative stack size, 1024 bytes smem
ptxas info    : Compile time = 12.500 ms
ptxas info    : (C7511) Potential Performance Loss: wgmma.mma_async instructions are serialized due to insufficient register resources
ptxas warning : Unresolved extern
ptxas info    : Compiling entry function 'second' for 'sm_90a'
ptxas info    : Function properties for second
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
)");
  ASSERT_EQ(log.kernels.size(), 2u);
  const KernelUse *first = log.find("first"), *second = log.find("second");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(log.find("third"), nullptr);
  EXPECT_EQ(first->registers, 168u);
  EXPECT_EQ(first->barriers, 9u);
  EXPECT_EQ(first->stackBytes, 48u);
  EXPECT_EQ(first->spillStores, 44u);
  EXPECT_EQ(first->spillLoads, 40u);
  EXPECT_EQ(first->staticSharedBytes, 1024u);
  EXPECT_EQ(second->registers, 8u);
  EXPECT_EQ(second->staticSharedBytes, 0u);
  ASSERT_EQ(log.warnings.size(), 2u);
  EXPECT_NE(log.warnings[0].find("(C7511)"), std::string::npos);
  EXPECT_NE(log.warnings[1].find("Unresolved extern"), std::string::npos);
}

TEST(DeviceCode, EveryTarget) {
  bool hasAssembler = !findAssembler().empty();
  std::vector<std::string> names{"sm_130"}; // newer than the table
  for (const GPUTarget &target : getGPUTargets())
    names.push_back(target.name.str());
  for (const std::string &name : names) {
    SCOPED_TRACE(name);
    runtime::Result<Compiled> compiled = compileScale(name);
    ASSERT_TRUE(compiled.ok()) << compiled.message();
    ASSERT_EQ(compiled->device.size(), 1u);
    EXPECT_NE(compiled->device[0].ptx.find(".target " + findGPUTarget(name)->name.str()), std::string::npos);
    ASSERT_EQ(compiled->report.size(), 1u);
    const llvm::json::Object &kernel = *compiled->report[0].getAsObject();
    EXPECT_EQ(kernel.getString("kernel"), "scale");
    EXPECT_EQ(kernel.getInteger("threads"), 128);
    EXPECT_EQ(kernel.getInteger("shared_bytes"), 65536);
    bool isNewer = name == names.front();
    EXPECT_EQ(compiled->device[0].cubin.empty(), !hasAssembler || isNewer);
    EXPECT_EQ(compiled->device[0].whyNoCubin.empty(), hasAssembler && !isNewer);
    if (hasAssembler && !isNewer) {
      EXPECT_GT(kernel.getInteger("registers").value_or(0), 0);
      EXPECT_EQ(kernel.getInteger("spill_bytes"), 0);
    }
  }
  if (!hasAssembler)
    GTEST_SKIP() << "no ptxas: PTX was made, but not assembled";
}

TEST(DeviceCode, CallsBecomeLaunches) {
  runtime::Result<Compiled> compiled = compileScale("sm_90a");
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  TempDir folder;
  runtime::Status linked = linkSharedObject(compiled->object, folder / "scale.so");
  ASSERT_TRUE(linked.ok()) << linked.message();
  auto module = runtime::Module::load(folder / "scale.so");
  ASSERT_TRUE(module.ok()) << module.message();
  EXPECT_EQ((*module)->target(), "sm_90a");
  int64_t size = 300;
  alignas(16) float x[300], y[300] = {};
  for (int i = 0; i < 300; ++i)
    x[i] = i;
  fgla_tensor in{x, FGLA_F32, 1, &size, nullptr, {FGLA_DEVICE_CUDA, 1}}, out = in;
  out.data = y;
  runtime::Status status = (*module)->functions().front().call({&in, 1}, {&out, 1});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(y[299], 598);
  EXPECT_EQ(fake().live, 0);
  ASSERT_EQ(fake().calls.size(), 6u);
  EXPECT_EQ(fake().calls[2], "allocate 1200 from 2001 on 0");
  EXPECT_EQ(fake().calls[3], "launch 3 1 1 128 1 1 65536 on 0 in 1001");
  // Nothing is launched on an empty grid.
  fake().calls.clear();
  size = 0;
  ASSERT_TRUE((*module)->functions().front().call({&in, 1}, {&out, 1}).ok());
  EXPECT_EQ(fake().calls, std::vector<std::string>{"synchronize 0"});
}
