//===- DeviceTensor.h - A tensor in the memory of a GPU -------------------===//
//
// For tools and tests: callers of the C ABI own their memory.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_SUPPORT_DEVICETENSOR_H
#define FGLA_SUPPORT_DEVICETENSOR_H

#include "runtime/cuda/Device.h"
#include "support/Tensor.h"

namespace fgla::runtime::cuda {

/// A copy of a tensor on a device. Each function waits for the device.
class DeviceTensor {
public:
  static Result<DeviceTensor> copyOf(const Tensor &tensor, int32_t device = 0);
  /// Back to the memory of `tensor`, which has the same shape and type.
  Status copyTo(const Tensor &tensor) const;

  /// Valid while this lives unmoved.
  fgla_tensor view() const;

private:
  struct Release {
    const Device *device;
    void operator()(void *memory) const;
  };
  DeviceTensor(DType type, std::vector<int64_t> dims, std::unique_ptr<void, Release> memory)
      : type(type), dims(std::move(dims)), memory(std::move(memory)) {}

  DType type;
  std::vector<int64_t> dims;
  std::unique_ptr<void, Release> memory;
};

} // namespace fgla::runtime::cuda

#endif // FGLA_SUPPORT_DEVICETENSOR_H
