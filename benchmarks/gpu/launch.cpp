//===- launch.cpp - The host's part of a call on a GPU --------------------===//
//
// How long a call through the C ABI takes that only puts kernels on a stream, beside what the driver takes for the
// same: a launch, an allocation and its release, a tensor map. The queue is never full, and the device is never waited
// for while time is taken. The program needs NVIDIA's driver and artifacts (build.py), and nothing else of the build.
//
//   usage: fgla_launch [--artifacts DIR] [ARTIFACT:B:T ...]
//
//===----------------------------------------------------------------------===//

#include "runtime/Module.h"
#include "runtime/fgla.h"
#include "support/DeviceTensor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <functional>
#include <string>
#include <vector>

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

static constexpr int kCalls = 100; // of at most 4 entries each: a stream takes about 1000 before it makes the host wait
static constexpr int kRounds = 41;
static constexpr size_t kParameterBytes = 1024; // eight tensor maps

/// Two kernels that do nothing.
static const char *const kCode = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry empty() { ret; }
.visible .entry parameters(.param .align 64 .b8 maps[1024]) { ret; }
)";

[[noreturn]] static void fail(const std::string &message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}
static void check(const Status &status) {
  if (!status.ok())
    fail(status.message());
}
static void check(fgla_status status) {
  if (status != FGLA_OK)
    fail(fgla_error_message());
}

/// A function of the driver that the runtime does not use.
template <typename... Args> static Error callDriver(const char *name, Args... args) {
  static void *const library = dlopen("libcuda.so.1", RTLD_NOW);
  auto *function = reinterpret_cast<Error (*)(Args...)>(dlsym(library, name));
  return function ? function(args...) : -1;
}

namespace {
/// Times what puts work on the stream of one device.
class Bench {
public:
  explicit Bench(const Device &device) : device(device), driver(device.driver), scope(device) {
    check(scope.status());
    check(driver.check(callDriver("cuStreamCreate", &stream, 1u), "create a stream"));
    Library library = nullptr;
    CaptureRelaxed relaxed(driver);
    check(driver.check(driver.moduleLoad(&library, kCode, 0, nullptr, nullptr), "load the empty kernels"));
    check(driver.check(driver.moduleGetFunction(&empty, library, "empty"), "find a kernel"));
    check(driver.check(driver.moduleGetFunction(&parameters, library, "parameters"), "find a kernel"));
  }

  void run(const char *name, const std::function<void()> &call) {
    std::vector<double> times;
    for (int round = 0; round < kRounds; ++round) {
      auto begin = std::chrono::steady_clock::now();
      for (int i = 0; i < kCalls; ++i)
        call();
      std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
      times.push_back(time.count() / kCalls);
      check(driver.check(driver.streamSynchronize(stream), "complete the kernels"));
    }
    std::sort(times.begin(), times.end());
    std::printf("| %-58s | %6.2f | %6.2f |\n", name, times[times.size() / 2], times.front());
  }

  void runDriver();
  void runArtifact(const std::string &folder, const std::string &text);

private:
  const Device &device;
  const Driver &driver;
  ContextScope scope;
  Stream stream = nullptr;
  Kernel empty = nullptr, parameters = nullptr;
};
} // namespace

void Bench::runDriver() {
  auto expect = [&](Error error) { check(driver.check(error, "do what is timed")); };
  static char map[kParameterBytes];
  void *args[] = {map};
  auto *launchKernel =
      reinterpret_cast<Error (*)(Kernel, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream,
                                 void **, void **)>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuLaunchKernel"));
  if (!launchKernel)
    fail("the driver has no cuLaunchKernel");
  LaunchConfig config = {{1, 1, 1}, {32, 1, 1}, 0, stream, nullptr, 0};
  run("cuLaunchKernel, an empty kernel",
      [&] { expect(launchKernel(empty, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr)); });
  run("cuLaunchKernelEx, an empty kernel", [&] { expect(driver.launch(&config, empty, nullptr, nullptr)); });
  run("cuLaunchKernelEx, an empty kernel with 1 KiB of parameters",
      [&] { expect(driver.launch(&config, parameters, args, nullptr)); });
  if (device.pool)
    run("cuMemAllocFromPoolAsync and cuMemFreeAsync, 4 MiB", [&] {
      Address memory = 0;
      expect(driver.allocateFromPool(&memory, 4 << 20, device.pool, stream));
      expect(driver.release(memory, stream));
    });
  if (device.major < 9 || !driver.tensorMapEncodeTiled)
    return;
  Result<Tensor> array = Tensor::create(FGLA_BF16, {16, 2, 64});
  check(array.status());
  Result<DeviceTensor> onDevice = DeviceTensor::copyOf(*array, device.index);
  check(onDevice.status());
  alignas(64) static char encoded[128];
  const uint64_t sizes[] = {64, 16, 2}, strides[] = {256, 128};
  const unsigned box[] = {64, 16, 1}, steps[] = {1, 1, 1};
  run("cuTensorMapEncodeTiled", [&] {
    expect(driver.tensorMapEncodeTiled(encoded, tensorMapUInt16, 3, onDevice->view().data, sizes, strides, box, steps,
                                       /*interleave=*/0, tensorMapSwizzle128B, tensorMapPromoteTo256B, /*outside=*/0));
  });
}

/// The shape of an argument or result: the first dim that is dynamic is the batch, others are tokens.
static std::vector<int64_t> getShape(const fgla_value_info &info, int64_t batch, int64_t tokens) {
  std::vector<int64_t> shape;
  for (int32_t dim = 0; dim < info.rank; ++dim)
    shape.push_back(info.dims[dim].size >= 0 ? info.dims[dim].size : dim == 0 ? batch : tokens);
  return shape;
}

/// TEXT is ARTIFACT:B:T.
void Bench::runArtifact(const std::string &folder, const std::string &text) {
  size_t second = text.rfind(':'), first = second == std::string::npos ? second : text.rfind(':', second - 1);
  if (first == std::string::npos)
    fail("expected ARTIFACT:B:T, got '" + text + "'");
  std::string name = text.substr(0, first);
  int64_t batch = std::atoll(text.substr(first + 1).c_str()), tokens = std::atoll(text.substr(second + 1).c_str());
  fgla_module *module = nullptr;
  const fgla_function *function = nullptr;
  check(fgla_module_load((folder + "/" + name + ".so").c_str(), &module));
  check(fgla_module_function_at(module, 0, &function));

  std::vector<DeviceTensor> memory;
  auto add = [&](int32_t count, auto *describe) {
    for (int32_t i = 0; i < count; ++i) {
      fgla_value_info info;
      check(describe(function, i, &info));
      Result<Tensor> tensor = Tensor::create(info.dtype, getShape(info, batch, tokens));
      check(tensor.status());
      Result<DeviceTensor> copy = DeviceTensor::copyOf(*tensor, device.index);
      check(copy.status());
      memory.push_back(std::move(*copy));
    }
  };
  int32_t numArgs = fgla_function_num_args(function), numResults = fgla_function_num_results(function);
  add(numArgs, fgla_function_arg);
  add(numResults, fgla_function_result);
  std::vector<fgla_tensor> views;
  for (const DeviceTensor &tensor : memory)
    views.push_back(tensor.view());

  // An allocator that costs nothing: calls on one stream come one after the other, so they may share memory.
  static constexpr size_t kWorkspaceBytes = size_t(256) << 20;
  Address workspace = 0;
  check(driver.check(callDriver("cuMemAlloc_v2", &workspace, kWorkspaceBytes), "allocate memory"));
  static size_t used;
  used = 0;
  fgla_launch_options own = {}, given = {};
  own.stream = given.stream = stream;
  given.user = reinterpret_cast<void *>(workspace);
  given.allocate = [](void *user, size_t bytes, void *) -> void * {
    void *memory = static_cast<char *>(user) + used;
    used += (bytes + 255) / 256 * 256;
    return used <= kWorkspaceBytes ? memory : nullptr;
  };
  given.release = [](void *, void *, void *) { used = 0; };
  auto call = [&](const fgla_launch_options &options) {
    check(fgla_call_on(function, views.data(), numArgs, views.data() + numArgs, numResults, &options));
  };
  call(own); // loads the code
  run((text + ", the runtime's pool").c_str(), [&] { call(own); });
  run((text + ", memory of the caller").c_str(), [&] { call(given); });
  callDriver("cuMemFree_v2", workspace);
  memory.clear();
  fgla_module_unload(module);
}

int main(int count, char **args) {
  std::string folder = ".gpu/artifacts";
  std::vector<std::string> work;
  for (int i = 1; i < count; ++i)
    if (std::string(args[i]) == "--artifacts" && i + 1 < count)
      folder = args[++i];
    else
      work.push_back(args[i]);
  if (work.empty())
    work = {"fgla_h16_k128.sm_90a:1:16", "fgla_h16_k128.sm_90a:1:2048", "step_h16_k128.sm_90a:1:1"};
  Result<const Device *> device = Device::get(0);
  check(device.status());
  std::printf("%s; host time in us a call, median and least of %d rounds of %d calls\n\n", (*device)->text().c_str(),
              kRounds, kCalls);
  std::printf("| %-58s | %6s | %6s |\n|---|---|---|\n", "", "median", "least");
  Bench bench(**device);
  bench.runDriver();
  for (const std::string &text : work)
    bench.runArtifact(folder, text);
  return 0;
}
