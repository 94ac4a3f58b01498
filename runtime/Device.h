//===- Device.h - Where tensors live and code runs --------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_DEVICE_H
#define FGLA_RUNTIME_DEVICE_H

#include "runtime/Status.h"

namespace fgla::runtime {

/// How many devices of `kind` there are; FGLA_UNSUPPORTED for a kind that this
/// runtime does not have, FGLA_INVALID_ARGUMENT for no kind at all.
Result<int32_t> deviceCount(int kind);

/// Fails when there is no such device.
Status checkDevice(fgla_device device);

/// Fails when this runtime cannot run code for a manifest's target.
Status checkTarget(std::string_view target);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_DEVICE_H
