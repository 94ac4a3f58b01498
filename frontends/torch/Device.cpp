//===- Device.cpp - What a call needs of a GPU ----------------------------===//
//
// Streams and memory come from PyTorch's device-neutral interfaces, and two facts from the driver, which is in the
// process where there is a tensor on a GPU. So one build serves PyTorch with and without CUDA.
//
//===----------------------------------------------------------------------===//

#include "frontends/torch/Device.h"

#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <dlfcn.h>

using namespace fgla::ops;

/// A function of the driver.
template <typename Function> static Function *getDriverFunction(const char *name) {
  static void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  auto *function = driver ? reinterpret_cast<Function *>(dlsym(driver, name)) : nullptr;
  TORCH_CHECK(function, "fgla: NVIDIA's driver has no ", name);
  return function;
}

static int getAttribute(int attribute, int index) {
  static auto *getDevice = getDriverFunction<int(int *, int)>("cuDeviceGet");
  static auto *get = getDriverFunction<int(int *, int, int)>("cuDeviceGetAttribute");
  int device = 0, value = 0;
  TORCH_CHECK(getDevice(&device, index) == 0 && get(&value, attribute, device) == 0,
              "fgla: cannot ask the driver about cuda:", index);
  return value;
}

std::string fgla::ops::getTarget(c10::Device device) {
  if (!device.is_cuda())
    return "cpu";
  constexpr int major = 75, minor = 76; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
  int capability = getAttribute(major, device.index()) * 10 + getAttribute(minor, device.index());
  return "sm_" + std::to_string(capability) + (capability >= 90 ? "a" : "");
}

static void *getStream(c10::Device device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

fgla_launch_options fgla::ops::getLaunchOptions(c10::Device device) {
  if (!device.is_cuda())
    return {};
  static c10::Allocator *allocator = c10::GetAllocator(c10::kCUDA);
  fgla_launch_options options = {};
  options.stream = getStream(device);
  options.allocate = [](void *, size_t bytes, void *) { return allocator->raw_allocate(bytes); };
  options.release = [](void *, void *memory, void *) { allocator->raw_deallocate(memory); };
  return options;
}

bool fgla::ops::isCapturing(c10::Device device) {
  if (!device.is_cuda())
    return false;
  static auto *ask = getDriverFunction<int(void *, int *)>("cuStreamIsCapturing");
  int status = 0;
  return ask(getStream(device), &status) == 0 && status != 0;
}
