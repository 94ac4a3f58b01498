//===- CudaDeviceTest.cpp - Artifacts on a GPU ----------------------------===//
//
// What a driver that is made up cannot show (test/unit/runtime/CudaTest.cpp). Skipped where there is no GPU. The
// program and the folder `artifacts` beside it can be carried to a machine that has one; it needs nothing else of the
// build.
//
//===----------------------------------------------------------------------===//

#include "runtime/Module.h"
#include "support/DeviceTensor.h"

#include <chrono>
#include <dlfcn.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

/// A function of the driver that the runtime does not use.
template <typename... Args> static Error callDriver(const char *name, Args... args) {
  auto *function = reinterpret_cast<Error (*)(Args...)>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), name));
  return function ? function(args...) : -1;
}

static Tensor makeTensor(int64_t size) {
  Result<Tensor> tensor = Tensor::create(FGLA_F32, {size});
  return std::move(*tensor);
}

static std::string artifact(const std::string &target) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string() + "/artifacts/scale_" + target + ".so";
}

namespace {
/// y = 2 x in one launch, with a workspace (test/passes/host/Inputs/scale.mlir).
class CudaDeviceTest : public testing::Test {
protected:
  void SetUp() override {
    Result<int32_t> count = Device::count();
    if (!count.ok() || *count == 0)
      GTEST_SKIP() << "no GPU: " << count.message();
    device = *Device::get(0);
    x.emplace(makeTensor(size));
    for (int64_t i = 0; i < size; ++i)
      x->set(i, i);
  }

  std::unique_ptr<Module> load(const std::string &target) {
    auto module = Module::load(artifact(target));
    EXPECT_TRUE(module.ok()) << module.message();
    return std::move(*module);
  }
  /// The target whose code this device runs as it is, if there is one.
  std::string nativeTarget() const {
    std::string name = "sm_" + std::to_string(device->major * 10 + device->minor) + (device->major >= 9 ? "a" : "");
    return std::filesystem::exists(artifact(name)) ? name : "sm_80";
  }
  void expectDoubled(const DeviceTensor &y) {
    Tensor result = makeTensor(size);
    ASSERT_TRUE(y.copyTo(result).ok());
    for (int64_t i = 0; i < size; ++i)
      ASSERT_EQ(result.get(i), 2 * i) << i;
  }
  DeviceTensor onDevice(const Tensor &tensor) { return std::move(*DeviceTensor::copyOf(tensor)); }
  DeviceTensor empty() { return onDevice(makeTensor(size)); }

  static constexpr int64_t size = 100001;
  const Device *device = nullptr;
  std::optional<Tensor> x;
};
} // namespace

TEST_F(CudaDeviceTest, NativeCodeAndPTX) {
  for (const std::string &target : {nativeTarget(), std::string("sm_80")}) {
    SCOPED_TRACE(target);
    auto module = load(target);
    DeviceTensor in = onDevice(*x), out = empty();
    fgla_tensor inView = in.view(), outView = out.view();
    Status status = module->functions().front().call({&inView, 1}, {&outView, 1});
    ASSERT_TRUE(status.ok()) << status.message();
    expectDoubled(out);
  }
}

TEST_F(CudaDeviceTest, CodeOfAnotherArchitecture) {
  if (device->major == 12)
    GTEST_SKIP() << "this device runs the code";
  auto module = load("sm_120a");
  DeviceTensor in = onDevice(*x), out = empty();
  fgla_tensor inView = in.view(), outView = out.view();
  Status status = module->functions().front().call({&inView, 1}, {&outView, 1});
  EXPECT_EQ(status.code(), FGLA_UNSUPPORTED);
  EXPECT_NE(status.message().find("cannot load code for sm_120a"), std::string::npos) << status.message();
}

// The first call ever of a module is captured: its code is loaded meanwhile, its workspace becomes part of the graph.
TEST_F(CudaDeviceTest, Graph) {
  auto module = load(nativeTarget());
  DeviceTensor in = onDevice(*x), out = empty();
  fgla_tensor inView = in.view(), outView = out.view();
  ContextScope scope(*device);
  void *stream = nullptr, *graph = nullptr, *executable = nullptr;
  ASSERT_EQ(callDriver("cuStreamCreate", &stream, 1u), success);
  ASSERT_EQ(callDriver("cuStreamBeginCapture_v2", stream, /*global=*/0), success);
  fgla_launch_options options = {};
  options.stream = stream;
  Status status = module->functions().front().call({&inView, 1}, {&outView, 1}, options, /*wait=*/false);
  EXPECT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(callDriver("cuStreamEndCapture", stream, &graph), success);
  ASSERT_EQ(callDriver("cuGraphInstantiateWithFlags", &executable, graph, 0ull), success);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(callDriver("cuGraphLaunch", executable, stream), success);
  ASSERT_EQ(callDriver("cuStreamSynchronize", stream), success);
  expectDoubled(out);
  callDriver("cuGraphExecDestroy", executable);
  callDriver("cuGraphDestroy", graph);
  callDriver("cuStreamDestroy_v2", stream);
}

TEST_F(CudaDeviceTest, ThreadsOnStreamsOfTheirOwn) {
  auto module = load(nativeTarget());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      ContextScope scope(*device);
      void *stream = nullptr;
      ASSERT_EQ(callDriver("cuStreamCreate", &stream, 1u), success);
      DeviceTensor in = onDevice(*x), out = empty();
      fgla_tensor inView = in.view(), outView = out.view();
      fgla_launch_options options = {};
      options.stream = stream;
      for (int i = 0; i < 20; ++i) {
        Status status = module->functions().front().call({&inView, 1}, {&outView, 1}, options, /*wait=*/i == 19);
        ASSERT_TRUE(status.ok()) << status.message();
      }
      expectDoubled(out);
      callDriver("cuStreamDestroy_v2", stream);
    });
  for (std::thread &thread : threads)
    thread.join();
}

// A call has one launch, one allocation and one release.
TEST_F(CudaDeviceTest, CallsAreCheap) {
  auto module = load(nativeTarget());
  const Function &function = module->functions().front();
  Tensor small = makeTensor(128);
  DeviceTensor in = onDevice(small), out = onDevice(small);
  fgla_tensor inView = in.view(), outView = out.view();
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    constexpr int calls = 100; // less than what a stream queues up
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i)
      ASSERT_TRUE(function.call({&inView, 1}, {&outView, 1}, {}, /*wait=*/false).ok());
    best = std::min(best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
                              calls);
    ASSERT_TRUE(function.call({&inView, 1}, {&outView, 1}).ok());
  }
  std::printf("%.2f us a call on %s\n", best, device->text().c_str());
  EXPECT_LT(best, 10);
}
