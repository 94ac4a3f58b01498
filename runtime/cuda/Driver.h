//===- Driver.h - The CUDA driver, loaded when it is first needed ---------===//
#ifndef FGLA_RUNTIME_CUDA_DRIVER_H
#define FGLA_RUNTIME_CUDA_DRIVER_H

#include "runtime/Status.h"

#include <cstddef>

namespace fgla::runtime::cuda {

// Declared here so that building needs no CUDA; test/unit/runtime/CudaHeaderTest.cpp compares with cuda.h where it is
// installed.
using Error = int; // CUresult
using DeviceHandle = int;
using Address = uint64_t;
using Context = struct ContextTag *;
using Library = struct LibraryTag *; // CUmodule
using Kernel = struct KernelTag *;   // CUfunction
using Stream = struct StreamTag *;
using MemoryPool = struct MemoryPoolTag *;

enum : Error { success = 0, outOfMemory = 2, noDevice = 100, invalidImage = 200, noBinaryForGPU = 209 };
enum DeviceAttribute {
  multiprocessorCount = 16,
  capabilityMajor = 75,
  capabilityMinor = 76,
  memoryPoolsSupported = 115
};
enum { maxDynamicSharedSize = 8 };                 // CUfunction_attribute
enum { jitErrorLog = 5, jitErrorLogSize = 6 };     // CUjit_option
enum { poolReleaseThreshold = 4 };                 // CUmemPool_attribute
enum { captureRelaxed = 2 };                       // CUstreamCaptureMode
enum { programmaticStreamSerialization = 6 };      // CUlaunchAttributeID
enum { tensorMapUInt16 = 1, tensorMapUInt32 = 2 }; // CUtensorMapDataType
enum { tensorMapSwizzle128B = 3 };                 // CUtensorMapSwizzle
enum { tensorMapPromoteTo256B = 3 };               // CUtensorMapL2promotion
enum { allocationPinned = 1, locationDevice = 1 }; // CUmemAllocationType, CUmemLocationType

struct LaunchAttribute {
  int id;
  int padding;
  union {
    int allowed;
    char bytes[64];
  } value;
};

struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

struct PoolProperties {
  int allocationType, handleTypes, locationType, locationId;
  void *security;
  size_t maxSize;
  unsigned short usage;
  unsigned char reserved[54];
};

/// The functions that this runtime uses: (member, name in libcuda.so.1, parameters).
#define FGLA_CUDA_FUNCTIONS(F)                                                                                         \
  F(init, "cuInit", (unsigned flags))                                                                                  \
  F(getErrorName, "cuGetErrorName", (Error error, const char **text))                                                  \
  F(getErrorString, "cuGetErrorString", (Error error, const char **text))                                              \
  F(deviceGetCount, "cuDeviceGetCount", (int *count))                                                                  \
  F(deviceGet, "cuDeviceGet", (DeviceHandle * device, int index))                                                      \
  F(deviceGetAttribute, "cuDeviceGetAttribute", (int *value, int attribute, DeviceHandle device))                      \
  F(primaryContextRetain, "cuDevicePrimaryCtxRetain", (Context * context, DeviceHandle device))                        \
  F(contextGetCurrent, "cuCtxGetCurrent", (Context * context))                                                         \
  F(contextPush, "cuCtxPushCurrent_v2", (Context context))                                                             \
  F(contextPop, "cuCtxPopCurrent_v2", (Context * context))                                                             \
  F(exchangeCaptureMode, "cuThreadExchangeStreamCaptureMode", (int *mode))                                             \
  F(moduleLoad, "cuModuleLoadDataEx",                                                                                  \
    (Library * library, const void *image, unsigned numOptions, int *options, void **values))                          \
  F(moduleUnload, "cuModuleUnload", (Library library))                                                                 \
  F(moduleGetFunction, "cuModuleGetFunction", (Kernel * kernel, Library library, const char *name))                    \
  F(kernelSetAttribute, "cuFuncSetAttribute", (Kernel kernel, int attribute, int value))                               \
  F(launch, "cuLaunchKernelEx", (const LaunchConfig *config, Kernel kernel, void **args, void **extra))                \
  F(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                                    \
    (void *map, int type, unsigned rank, void *array, const uint64_t *sizes, const uint64_t *strides,                  \
     const unsigned *box, const unsigned *steps, int interleave, int swizzle, int promotion, int outside))             \
  F(streamSynchronize, "cuStreamSynchronize", (Stream stream))                                                         \
  F(poolCreate, "cuMemPoolCreate", (MemoryPool * pool, const PoolProperties *properties))                              \
  F(poolSetAttribute, "cuMemPoolSetAttribute", (MemoryPool pool, int attribute, void *value))                          \
  F(allocateFromPool, "cuMemAllocFromPoolAsync", (Address * memory, size_t bytes, MemoryPool pool, Stream stream))     \
  F(release, "cuMemFreeAsync", (Address memory, Stream stream))                                                        \
  F(copy, "cuMemcpyAsync", (Address to, Address from, size_t bytes, Stream stream))

struct Driver {
#define FGLA_CUDA_MEMBER(member, symbol, parameters) Error(*member) parameters = nullptr;
  FGLA_CUDA_FUNCTIONS(FGLA_CUDA_MEMBER)
#undef FGLA_CUDA_MEMBER

  /// Loads and initializes it at the first call. FGLA_UNSUPPORTED where there is none, or no GPU that it can use.
  static Result<const Driver *> get();

  /// "cannot <what>: CUDA_ERROR_X (text)", or success.
  Status check(Error error, const char *what) const;
};

} // namespace fgla::runtime::cuda

#endif // FGLA_RUNTIME_CUDA_DRIVER_H
