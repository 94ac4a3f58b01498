//===- Device.cpp - Where tensors live and code runs ----------------------===//

#include "runtime/Device.h"
#include "runtime/cuda/Device.h"

using namespace fgla::runtime;

Result<int32_t> fgla::runtime::deviceCount(int kind) {
  switch (kind) {
  case FGLA_DEVICE_CPU:
    return 1;
  case FGLA_DEVICE_CUDA:
    return cuda::Device::count();
  }
  return Status(FGLA_INVALID_ARGUMENT, "unknown device kind " + std::to_string(kind));
}

Status fgla::runtime::checkDevice(fgla_device device) {
  Result<int32_t> count = deviceCount(device.kind);
  if (!count.ok())
    return count.status();
  if (device.index < 0 || device.index >= *count)
    return Status(FGLA_INVALID_ARGUMENT,
                  "device index must be in [0, " + std::to_string(*count) + "), got " + std::to_string(device.index));
  return {};
}

Status fgla::runtime::checkTarget(std::string_view target) {
  if (target == "cpu" || target.starts_with("sm_"))
    return {};
  return Status(FGLA_UNSUPPORTED,
                "artifact was compiled for target " + quote(target) + ", this runtime runs: cpu, sm_*");
}
