//===- Device.h - What a call needs of a GPU ------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_DEVICE_H
#define FGLA_FRONTENDS_TORCH_DEVICE_H

#include "runtime/fgla.h"

#include <c10/core/Device.h>

#include <string>

namespace fgla::ops {

/// As `fgla-compile --target` names a device.
std::string getTarget(c10::Device device);

/// The current stream and PyTorch's memory; nothing for the CPU.
fgla_launch_options getLaunchOptions(c10::Device device);

/// The current stream is being captured in a graph.
bool isCapturing(c10::Device device);

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_DEVICE_H
