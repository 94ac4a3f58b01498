//===- Driver.cpp - A CUDA driver whose device is this machine's processor ===//
//
// The functions of libcuda.so.1 that the runtime uses (runtime/cuda/Driver.h). Memory of the device is the host's, and
// a launch returns when its kernel is done. Only PTX is run: code for an architecture is refused, as by a device of
// another.
//
// FGLA_EMULATED_MULTIPROCESSORS: how many the device says it has (132). FGLA_EMULATOR_SEED: another order of warps.
//
//===----------------------------------------------------------------------===//
#include "Cluster.h"
#include "TensorMap.h"

#include "runtime/cuda/Driver.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

using namespace fgla::runtime::cuda;
namespace emulator = fgla::emulator;
using Module = std::map<std::string, std::unique_ptr<emulator::Kernel>>;

static constexpr Error kInvalidValue = 1, kNotFound = 500, kLaunchFailed = 719;
static constexpr int kClusterDimension = 4; // CUlaunchAttributeID

static uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

static void report(const std::string &text) { std::fprintf(stderr, "emulator: %s\n", text.c_str()); }

/// Neighbouring seeds are not those of neighbouring blocks.
static constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;

/// All clusters of a grid, on the threads that there are. Returns the first failure's message.
static std::string runGrid(const emulator::Launch &launch) {
  emulator::Dim3 grid = launch.grid;
  uint32_t clusterSize = launch.clusterSize();
  uint64_t count = uint64_t(grid.x) * grid.y * grid.z / clusterSize;
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  std::string message;
  auto work = [&] {
    for (uint64_t number = next++; number < count; number = next++)
      try {
        uint64_t block = number * clusterSize;
        emulator::Dim3 first{static_cast<uint32_t>(block % grid.x), static_cast<uint32_t>(block / grid.x % grid.y),
                             static_cast<uint32_t>(block / grid.x / grid.y)};
        emulator::Cluster(launch, first, launch.seed * kOdd + number).run();
      } catch (const std::exception &failure) {
        std::lock_guard lock(mutex);
        next = count;
        message = message.empty() ? failure.what() : message;
      }
  };
  std::vector<std::thread> threads;
  for (unsigned other = 1; other < std::thread::hardware_concurrency() && other < count; ++other)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
  return message;
}

static thread_local Context current = nullptr;

extern "C" {
Error cuInit(unsigned) { return success; }
Error cuGetErrorName(Error error, const char **text) {
  *text = error == kLaunchFailed  ? "CUDA_ERROR_LAUNCH_FAILED"
          : error == invalidImage ? "CUDA_ERROR_INVALID_IMAGE"
          : error == outOfMemory  ? "CUDA_ERROR_OUT_OF_MEMORY"
                                  : "CUDA_ERROR_INVALID_VALUE";
  return success;
}
Error cuGetErrorString(Error, const char **text) {
  *text = "on an emulated device; a launch says more on stderr";
  return success;
}
Error cuDeviceGetCount(int *count) {
  *count = 1;
  return success;
}
Error cuDeviceGet(DeviceHandle *device, int index) {
  *device = index;
  return index == 0 ? success : kInvalidValue;
}
Error cuDeviceGetAttribute(int *value, int attribute, DeviceHandle) {
  *value = attribute == multiprocessorCount ? static_cast<int>(setting("FGLA_EMULATED_MULTIPROCESSORS", 132))
           : attribute == capabilityMajor   ? 9
                                            : attribute == memoryPoolsSupported;
  return success;
}
Error cuDevicePrimaryCtxRetain(Context *context, DeviceHandle) {
  static char tag;
  *context = reinterpret_cast<Context>(&tag);
  return success;
}
Error cuCtxGetCurrent(Context *context) {
  *context = current;
  return success;
}
Error cuCtxPushCurrent_v2(Context context) {
  current = context;
  return success;
}
Error cuCtxPopCurrent_v2(Context *context) {
  *context = current;
  current = nullptr;
  return success;
}
Error cuThreadExchangeStreamCaptureMode(int *) { return success; }

Error cuModuleLoadDataEx(Library *library, const void *image, unsigned numOptions, int *, void **values) {
  if (std::memcmp(image,
                  "\x7f"
                  "ELF",
                  4) == 0)
    return noBinaryForGPU;
  try {
    *library = reinterpret_cast<Library>(new Module(emulator::parsePTX(static_cast<const char *>(image))));
    return success;
  } catch (const std::exception &failure) {
    if (numOptions == 2)
      std::snprintf(static_cast<char *>(values[0]), reinterpret_cast<uintptr_t>(values[1]), "%s", failure.what());
    return invalidImage;
  }
}
Error cuModuleUnload(Library library) {
  delete reinterpret_cast<Module *>(library);
  return success;
}
Error cuModuleGetFunction(Kernel *kernel, Library library, const char *name) {
  auto &module = *reinterpret_cast<Module *>(library);
  auto found = module.find(name);
  if (found == module.end())
    return kNotFound;
  *kernel = reinterpret_cast<Kernel>(found->second.get());
  return success;
}
Error cuFuncSetAttribute(Kernel, int, int) { return success; }

Error cuLaunchKernelEx(const LaunchConfig *config, Kernel handle, void **args, void **) {
  const auto &kernel = *reinterpret_cast<const emulator::Kernel *>(handle);
  emulator::Launch launch{kernel,
                          {config->grid[0], config->grid[1], config->grid[2]},
                          {config->block[0], config->block[1], config->block[2]},
                          config->sharedBytes,
                          std::vector<uint8_t>(kernel.parameterBytes),
                          setting("FGLA_EMULATOR_SEED", 0)};
  for (size_t i = 0; i < kernel.parameterOffsets.size(); ++i)
    std::memcpy(launch.parameters.data() + kernel.parameterOffsets[i], args[i], kernel.parameterSizes[i]);
  for (unsigned i = 0; i < config->numAttributes; ++i)
    if (const LaunchAttribute &attribute = config->attributes[i]; attribute.id == kClusterDimension) {
      unsigned size[3];
      std::memcpy(size, attribute.value.bytes, sizeof(size));
      if (size[1] != 1 || size[2] != 1)
        return kInvalidValue;
      launch.clusterSizeOfLaunch = size[0];
    }
  try {
    checkLaunch(launch);
  } catch (const emulator::Failure &failure) {
    report(kernel.name + ": " + failure.what());
    return kInvalidValue;
  }
  std::string message = runGrid(launch);
  if (message.empty())
    return success;
  report(kernel.name + ": " + message);
  return kLaunchFailed;
}

Error cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *array, const uint64_t *sizes,
                             const uint64_t *strides, const unsigned *box, const unsigned *, int, int swizzle, int,
                             int) {
  emulator::TensorMap encoded;
  encoded.rank = rank;
  encoded.base = reinterpret_cast<uintptr_t>(array);
  encoded.elementBytes = type == tensorMapUInt16 ? 2 : 4;
  encoded.isPermuted = swizzle == tensorMapSwizzle128B;
  if (rank > emulator::TensorMap::mostDims || encoded.base % 16 != 0 || box[0] * encoded.elementBytes > 128)
    return kInvalidValue;
  for (unsigned dim = 0; dim < rank; ++dim) {
    if (sizes[dim] == 0 || sizes[dim] >> 32 || box[dim] == 0 || box[dim] > 256 || (dim && strides[dim - 1] % 16 != 0))
      return kInvalidValue;
    encoded.sizes[dim] = static_cast<uint32_t>(sizes[dim]);
    encoded.box[dim] = static_cast<uint16_t>(box[dim]);
    if (dim)
      encoded.strides[dim - 1] = strides[dim - 1];
  }
  std::memcpy(map, &encoded, sizeof(encoded));
  return success;
}

Error cuStreamSynchronize(Stream) { return success; }
Error cuMemPoolCreate(MemoryPool *pool, const PoolProperties *) {
  static char tag;
  *pool = reinterpret_cast<MemoryPool>(&tag);
  return success;
}
Error cuMemPoolSetAttribute(MemoryPool, int, void *) { return success; }
Error cuMemAllocFromPoolAsync(Address *memory, size_t bytes, MemoryPool, Stream) {
  constexpr size_t kAlignment = 256;
  void *allocated = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (!allocated)
    return outOfMemory;
  std::memset(allocated, 0xff, bytes); // no number, until a kernel writes one
  *memory = reinterpret_cast<Address>(allocated);
  return success;
}
Error cuMemFreeAsync(Address memory, Stream) {
  std::free(reinterpret_cast<void *>(memory));
  return success;
}
Error cuMemcpyAsync(Address to, Address from, size_t bytes, Stream) {
  std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes);
  return success;
}
}
