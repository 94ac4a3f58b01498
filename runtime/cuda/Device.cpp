//===- Device.cpp - One GPU of this process -------------------------------===//

#include "runtime/cuda/Device.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

static Result<int32_t> countDevices() {
  Result<const Driver *> driver = Driver::get();
  if (!driver.ok())
    return driver.status();
  int count = 0;
  if (Status s = (*driver)->check((*driver)->deviceGetCount(&count), "count cuda devices"); !s.ok())
    return s;
  return std::min<int32_t>(count, maxDevices);
}

Result<int32_t> Device::count() {
  static const Result<int32_t> count = countDevices();
  return count;
}

static Status createPool(Device &device) {
  const Driver &driver = device.driver;
  PoolProperties properties = {};
  properties.allocationType = allocationPinned;
  properties.locationType = locationDevice;
  properties.locationId = device.index;
  if (Status s = driver.check(driver.poolCreate(&device.pool, &properties), "create a memory pool"); !s.ok())
    return s;
  // What a call gives back is kept for the next one.
  uint64_t threshold = UINT64_MAX;
  return driver.check(driver.poolSetAttribute(device.pool, poolReleaseThreshold, &threshold), "set up a memory pool");
}

static Status initialize(Device &device) {
  const Driver &driver = device.driver;
  CaptureRelaxed relaxed(driver);
  DeviceHandle handle;
  if (Status s = driver.check(driver.deviceGet(&handle, device.index), "open the device"); !s.ok())
    return s;
  int hasPools = 0;
  for (auto [attribute, value] :
       {std::pair{multiprocessorCount, &device.multiprocessors}, std::pair{capabilityMajor, &device.major},
        std::pair{capabilityMinor, &device.minor}, std::pair{memoryPoolsSupported, &hasPools}})
    if (Status s = driver.check(driver.deviceGetAttribute(value, attribute, handle), "ask the device"); !s.ok())
      return s;
  if (Status s = driver.check(driver.primaryContextRetain(&device.context, handle), "open the device's context");
      !s.ok())
    return s;
  ContextScope scope(device);
  if (!scope.status().ok() || !hasPools)
    return scope.status();
  return createPool(device);
}

Result<const Device *> Device::get(int32_t index) {
  static std::array<std::atomic<const Device *>, maxDevices> devices;
  static std::mutex mutex;
  if (const Device *device = devices[index].load(std::memory_order_acquire))
    return device;
  Result<const Driver *> driver = Driver::get();
  if (!driver.ok())
    return driver.status();
  std::lock_guard lock(mutex);
  if (const Device *device = devices[index].load(std::memory_order_relaxed))
    return device;
  auto device = std::make_unique<Device>(Device{**driver, index});
  if (Status s = initialize(*device); !s.ok())
    return Status(s.code(), "cuda device " + std::to_string(index) + ": " + s.message());
  devices[index].store(device.get(), std::memory_order_release);
  return const_cast<const Device *>(device.release());
}

std::string Device::text() const {
  return "cuda device " + std::to_string(index) + " (sm_" + std::to_string(major * 10 + minor) + ")";
}

ContextScope::ContextScope(const Device &device) : driver(device.driver) {
  Context current = nullptr;
  failure = driver.check(driver.contextGetCurrent(&current), "ask for the current context");
  if (!failure.ok() || current == device.context)
    return;
  failure = driver.check(driver.contextPush(device.context), "make the device's context current");
  isPushed = failure.ok();
}

ContextScope::~ContextScope() {
  Context popped;
  if (isPushed)
    driver.contextPop(&popped);
}
