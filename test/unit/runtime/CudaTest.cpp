//===- CudaTest.cpp - Artifacts for a GPU, on a driver that is made up ----===//
//
// No GPU takes part: fixtures/fake_cuda.h. What a GPU does with the same calls is tested where there is one
// (test/numeric).
//
//===----------------------------------------------------------------------===//

#include "fixtures/fake_cuda.h"
#include "runtime/cuda/Driver.h"
#include "runtime/fgla.h"
#include "test/unit/runtime/TestUtil.h"

#include <dlfcn.h>
#include <numeric>
#include <thread>

// The declarations of our own against NVIDIA's, where its header is installed.
#if __has_include(<cuda.h>)
#include <cuda.h>
namespace cuda = fgla::runtime::cuda;
static_assert(sizeof(cuda::LaunchConfig) == sizeof(CUlaunchConfig) &&
              offsetof(cuda::LaunchConfig, stream) == offsetof(CUlaunchConfig, hStream) &&
              offsetof(cuda::LaunchConfig, numAttributes) == offsetof(CUlaunchConfig, numAttrs));
static_assert(sizeof(cuda::LaunchAttribute) == sizeof(CUlaunchAttribute) &&
              offsetof(cuda::LaunchAttribute, value) == offsetof(CUlaunchAttribute, value));
static_assert(sizeof(cuda::PoolProperties) == sizeof(CUmemPoolProps) &&
              offsetof(cuda::PoolProperties, maxSize) == offsetof(CUmemPoolProps, maxSize) &&
              offsetof(cuda::PoolProperties, locationId) == offsetof(CUmemPoolProps, location.id));
static_assert(int(cuda::multiprocessorCount) == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT &&
              int(cuda::capabilityMajor) == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR &&
              int(cuda::capabilityMinor) == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR &&
              int(cuda::memoryPoolsSupported) == CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED &&
              int(cuda::maxDynamicSharedSize) == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES &&
              int(cuda::jitErrorLog) == CU_JIT_ERROR_LOG_BUFFER &&
              int(cuda::jitErrorLogSize) == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES &&
              int(cuda::poolReleaseThreshold) == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD &&
              int(cuda::captureRelaxed) == CU_STREAM_CAPTURE_MODE_RELAXED &&
              int(cuda::programmaticStreamSerialization) == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
              int(cuda::allocationPinned) == CU_MEM_ALLOCATION_TYPE_PINNED &&
              int(cuda::locationDevice) == CU_MEM_LOCATION_TYPE_DEVICE && int(cuda::success) == CUDA_SUCCESS &&
              int(cuda::outOfMemory) == CUDA_ERROR_OUT_OF_MEMORY);
#endif

using Calls = std::vector<std::string>;

static FakeCuda &fake() {
  static auto *get = reinterpret_cast<FakeCuda *(*)()>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "fakeCuda"));
  return *get();
}

static std::string artifact(const std::string &name) { return std::string(ARTIFACT_DIR) + "/" + name + ".so"; }

namespace {
class CudaTest : public testing::Test {
protected:
  void SetUp() override {
    fake() = {};
    ASSERT_EQ(fgla_module_load(artifact("gpu_artifact").c_str(), &module), FGLA_OK) << fgla_error_message();
    std::iota(x, x + size, 0.f);
  }
  void TearDown() override {
    fgla_module_unload(module);
    EXPECT_EQ(fake().live, 0);
  }

  fgla_tensor tensor(float *data, int32_t device = 0) {
    return {data, FGLA_F32, 1, &size, nullptr, {FGLA_DEVICE_CUDA, device}};
  }
  fgla_status call(const char *name, const fgla_launch_options *options = nullptr, int32_t device = 0) {
    const fgla_function *function = nullptr;
    EXPECT_EQ(fgla_module_function(module, name, &function), FGLA_OK);
    fgla_tensor in = tensor(x, device), out = tensor(y, device);
    return options ? fgla_call_on(function, &in, 1, &out, 1, options) : fgla_call(function, &in, 1, &out, 1);
  }

  static constexpr int64_t size = 200;
  fgla_module *module = nullptr;
  alignas(16) float x[size + 4] = {}, y[size] = {};
};
} // namespace

TEST_F(CudaTest, Devices) {
  int32_t count = 0;
  EXPECT_EQ(fgla_device_count(FGLA_DEVICE_CUDA, &count), FGLA_OK);
  EXPECT_EQ(count, 2);
  EXPECT_STREQ(fgla_module_target(module), "sm_90a");
}

TEST_F(CudaTest, CallWaits) {
  ASSERT_EQ(call("scale"), FGLA_OK) << fgla_error_message();
  for (int64_t i = 0; i < size; ++i)
    EXPECT_EQ(y[i], 2 * x[i]);
  EXPECT_EQ(fake().calls, (Calls{"load cubin in 1000", "attribute 8 = 70000", "attribute 8 = 0",
                                 "allocate 800 from 2000 on 0", "launch 2 1 1 128 1 1 70000 on 0 in 1000",
                                 "launch 100 1 1 32 2 1 0 on 0 in 1000 dependent", "release on 0", "synchronize 0"}));
}

TEST_F(CudaTest, CallOnStreamDoesNotWait) {
  fgla_launch_options options = {};
  options.stream = reinterpret_cast<void *>(5);
  ASSERT_EQ(call("scale", &options, 1), FGLA_OK) << fgla_error_message();
  EXPECT_EQ(fake().calls, (Calls{"load cubin in 1001", "attribute 8 = 70000", "attribute 8 = 0",
                                 "allocate 800 from 2001 on 5", "launch 2 1 1 128 1 1 70000 on 5 in 1001",
                                 "launch 101 1 1 32 2 1 0 on 5 in 1001 dependent", "release on 5"}));
  // The code is there now.
  fake().calls.clear();
  ASSERT_EQ(call("copy", &options, 1), FGLA_OK);
  EXPECT_EQ(fake().calls, Calls{"copy 800"});
  EXPECT_EQ(y[7], x[7]);
}

TEST_F(CudaTest, CallersAllocator) {
  struct Memory {
    alignas(16) float floats[size];
    int allocated = 0, released = 0;
  } memory;
  fgla_launch_options options = {};
  options.user = &memory;
  options.allocate = [](void *user, size_t bytes, void *) -> void * {
    EXPECT_EQ(bytes, size * sizeof(float));
    ++static_cast<Memory *>(user)->allocated;
    return static_cast<Memory *>(user)->floats;
  };
  options.release = [](void *user, void *given, void *) {
    EXPECT_EQ(given, static_cast<Memory *>(user)->floats);
    ++static_cast<Memory *>(user)->released;
  };
  ASSERT_EQ(call("scale", &options), FGLA_OK) << fgla_error_message();
  EXPECT_EQ(memory.floats[9], 18);
  EXPECT_EQ(memory.allocated, 1);
  EXPECT_EQ(memory.released, 1);
  EXPECT_EQ(fake().live, 0);
  options.allocate = [](void *, size_t, void *) -> void * { return nullptr; };
  EXPECT_EQ(call("scale", &options), FGLA_OUT_OF_MEMORY);
  EXPECT_STREQ(fgla_error_message(),
               "cuda device 0 (sm_90): the caller's allocator has no 800 bytes (function 'scale')");
}

TEST_F(CudaTest, CubinOfAnotherArchitecture) {
  fake().refuseCubin = true;
  ASSERT_EQ(call("scale"), FGLA_OK) << fgla_error_message();
  EXPECT_EQ(fake().calls.front(), "load ptx in 1000");
}

TEST_F(CudaTest, DriverErrors) {
  fake().refuseCubin = fake().refusePTX = true;
  EXPECT_EQ(call("scale"), FGLA_UNSUPPORTED);
  EXPECT_STREQ(fgla_error_message(), "cuda device 0 (sm_90): cannot load code for sm_90a: CUDA_ERROR_FAKE (as the test "
                                     "wants it); not today  (function 'scale')");
  fake().refuseCubin = false; // a failure is not remembered
  fake().refuseMemory = true;
  EXPECT_EQ(call("scale"), FGLA_OUT_OF_MEMORY);
  EXPECT_STREQ(fgla_error_message(), "cuda device 0 (sm_90): cannot allocate 800 bytes: CUDA_ERROR_OUT_OF_MEMORY (as "
                                     "the test wants it) (function 'scale')");
  fake().refuseMemory = false;
  fake().refuseLaunch = true;
  EXPECT_EQ(call("scale"), FGLA_DEVICE_ERROR);
  EXPECT_STREQ(fgla_error_message(), "cuda device 0 (sm_90): cannot launch kernel 'scale' on a grid of [2, 1, 1]: "
                                     "CUDA_ERROR_FAKE (as the test wants it) (function 'scale')");
  EXPECT_EQ(call("huge"), FGLA_INVALID_ARGUMENT);
  EXPECT_STREQ(fgla_error_message(), "cuda device 0 (sm_90): kernel 'scale' needs a grid of [1, 65536, 1], more than a "
                                     "launch can have ([2147483647, 65535, 65535]) (function 'huge')");
}

TEST_F(CudaTest, Tensors) {
  const fgla_function *scale = nullptr;
  ASSERT_EQ(fgla_module_function(module, "scale", &scale), FGLA_OK);
  auto expect = [&](fgla_tensor in, fgla_tensor out, const std::string &message) {
    EXPECT_EQ(fgla_call(scale, &in, 1, &out, 1), FGLA_INVALID_ARGUMENT);
    EXPECT_EQ(fgla_error_message(), message + " (function 'scale')");
    EXPECT_EQ(fake().calls, Calls());
  };
  fgla_tensor in = tensor(x), out = tensor(y), other = tensor(y, 1), late = tensor(x + 1), strided = tensor(x);
  int64_t stride = 2;
  strided.stride = &stride;
  expect(in, other, "result 'y' must be on device 0, where the first tensor is, got 1");
  expect(late, out, "argument 'x' must have data aligned to 16 bytes on a cuda device");
  expect(strided, out, "argument 'x' must be contiguous on a cuda device, got strides [2] for shape [200]");
  expect(in, in, "result 'y' must not overlap argument 'x' in memory");
  in.device.kind = FGLA_DEVICE_CPU;
  expect(in, out, "argument 'x' must be on a cuda device, which the artifact was compiled for");
  in.device = {FGLA_DEVICE_CUDA, 2}, out.device = in.device;
  expect(in, out, "argument 'x': device index must be in [0, 2), got 2");
}

TEST_F(CudaTest, ManyThreadsLoadOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      alignas(16) float result[size];
      const fgla_function *scale = nullptr;
      ASSERT_EQ(fgla_module_function(module, "scale", &scale), FGLA_OK);
      fgla_tensor in = tensor(x), out = tensor(result);
      ASSERT_EQ(fgla_call(scale, &in, 1, &out, 1), FGLA_OK) << fgla_error_message();
      EXPECT_EQ(result[size - 1], 2 * x[size - 1]);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(std::count(fake().calls.begin(), fake().calls.end(), "load cubin in 1000"), 1);
}

TEST_F(CudaTest, UnloadGivesCodeBack) {
  ASSERT_EQ(call("scale"), FGLA_OK);
  ASSERT_EQ(call("scale", nullptr, 1), FGLA_OK);
  fgla_module_unload(module);
  module = nullptr;
  EXPECT_EQ(std::count(fake().calls.begin(), fake().calls.end(), "unload"), 2);
}

TEST(CudaModule, CodeIsMissing) {
  fgla_module *module = nullptr;
  EXPECT_EQ(fgla_module_load(artifact("gpu_artifact_without_image").c_str(), &module), FGLA_INVALID_ARTIFACT);
  EXPECT_EQ(fgla_error_message(),
            "artifact '" + artifact("gpu_artifact_without_image") + "': has no code 'image' for kernel 'scale'");
}
