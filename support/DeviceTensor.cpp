//===- DeviceTensor.cpp - A tensor in the memory of a GPU -----------------===//

#include "support/DeviceTensor.h"

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

/// Puts something on the default stream of a device and waits for it.
static Status onDevice(const Device &device, const char *what, auto action) {
  ContextScope scope(device);
  if (!scope.status().ok())
    return scope.status();
  Error error = action(device.driver);
  if (error == success)
    error = device.driver.streamSynchronize(nullptr);
  return device.driver.check(error, what);
}

void DeviceTensor::Release::operator()(void *memory) const {
  // There is nobody to tell of a failure.
  (void)onDevice(*device, "release memory",
                 [&](const Driver &driver) { return driver.release(reinterpret_cast<Address>(memory), nullptr); });
}

Result<DeviceTensor> DeviceTensor::copyOf(const Tensor &tensor, int32_t index) {
  if (Result<int32_t> count = Device::count(); !count.ok())
    return count.status();
  else if (index < 0 || index >= *count)
    return Status(FGLA_UNSUPPORTED, "there is no cuda device " + std::to_string(index));
  Result<const Device *> device = Device::get(index);
  if (!device.ok())
    return device.status();
  if (!(*device)->pool)
    return Status(FGLA_UNSUPPORTED, (*device)->text() + " has no memory pools");
  Address memory = 0;
  size_t bytes = tensor.numBytes();
  Status status = onDevice(**device, "allocate and copy a tensor", [&](const Driver &driver) {
    Error error = driver.allocateFromPool(&memory, std::max<size_t>(bytes, 1), (*device)->pool, nullptr);
    if (error == success && bytes > 0)
      error = driver.copy(memory, reinterpret_cast<Address>(tensor.data()), bytes, nullptr);
    return error;
  });
  DeviceTensor copy(tensor.dtype(), tensor.shape(), {reinterpret_cast<void *>(memory), Release{*device}});
  if (!status.ok())
    return status;
  return copy;
}

Status DeviceTensor::copyTo(const Tensor &tensor) const {
  return onDevice(*memory.get_deleter().device, "copy a tensor", [&](const Driver &driver) {
    auto from = reinterpret_cast<Address>(memory.get()), to = reinterpret_cast<Address>(tensor.view().data);
    return tensor.numBytes() > 0 ? driver.copy(to, from, tensor.numBytes(), nullptr) : success;
  });
}

fgla_tensor DeviceTensor::view() const {
  int32_t device = memory.get_deleter().device->index;
  return {memory.get(), type, static_cast<int32_t>(dims.size()), dims.data(), nullptr, {FGLA_DEVICE_CUDA, device}};
}
