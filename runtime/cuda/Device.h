//===- Device.h - One GPU of this process ---------------------------------===//
#ifndef FGLA_RUNTIME_CUDA_DEVICE_H
#define FGLA_RUNTIME_CUDA_DEVICE_H

#include "runtime/cuda/Driver.h"

namespace fgla::runtime::cuda {

constexpr int32_t maxDevices = 64;

/// Made at first use and never destroyed: its context is the primary one, which others use too.
struct Device {
  const Driver &driver;
  int32_t index;
  Context context = nullptr;
  MemoryPool pool = nullptr; ///< of our own, so that it may keep memory; null where the device has no pools
  int multiprocessors = 0, major = 0, minor = 0;

  /// How many there are; FGLA_UNSUPPORTED without a driver.
  static Result<int32_t> count();
  static Result<const Device *> get(int32_t index);

  /// "cuda device 0 (sm_90)"
  std::string text() const;
};

/// Makes a device's context current while it lives.
class ContextScope {
public:
  explicit ContextScope(const Device &device);
  ~ContextScope();
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;

  const Status &status() const { return failure; }

private:
  const Driver &driver;
  bool isPushed = false;
  Status failure;
};

/// What is made once in a while must not disturb a stream that this thread is capturing.
class CaptureRelaxed {
public:
  explicit CaptureRelaxed(const Driver &driver) : driver(driver) { driver.exchangeCaptureMode(&mode); }
  ~CaptureRelaxed() { driver.exchangeCaptureMode(&mode); }
  CaptureRelaxed(const CaptureRelaxed &) = delete;
  CaptureRelaxed &operator=(const CaptureRelaxed &) = delete;

private:
  const Driver &driver;
  int mode = captureRelaxed;
};

} // namespace fgla::runtime::cuda

#endif // FGLA_RUNTIME_CUDA_DEVICE_H
