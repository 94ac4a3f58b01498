//===- Program.h - The kernels of an artifact, and calls that launch them -===//
#ifndef FGLA_RUNTIME_CUDA_PROGRAM_H
#define FGLA_RUNTIME_CUDA_PROGRAM_H

#include "runtime/Manifest.h"
#include "runtime/Services.h"
#include "runtime/cuda/Device.h"

#include <array>
#include <atomic>
#include <mutex>

namespace fgla::runtime::cuda {

/// Kernels on one device.
struct LoadedKernels {
  const Device &device;
  std::vector<Library> libraries;
  std::vector<Kernel> kernels; // as in the manifest
};

class Program {
public:
  /// Code that takes descriptors and launches kernels.
  using Entry = int32_t (*)(void **descriptors, Services *services);

  /// `images` has one for each kernel; kernels of one module have the same.
  Program(std::string target, std::vector<KernelSpec> kernels, std::vector<const KernelImage *> images)
      : target(std::move(target)), kernels(std::move(kernels)), images(std::move(images)) {}
  ~Program();
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  /// Runs `entry`, which puts its work on `options.stream`, and returns; with `wait`, when the work is done.
  Status call(Entry entry, void **descriptors, int32_t device, const fgla_launch_options &options, bool wait) const;

  const KernelSpec &kernel(size_t i) const { return kernels[i]; }
  size_t numKernels() const { return kernels.size(); }

private:
  /// At the first call on a device its code is loaded.
  Result<const LoadedKernels *> load(int32_t device) const;
  Status load(LoadedKernels &loaded) const;
  Result<Library> loadImage(const Device &device, const KernelImage &image) const;

  const std::string target;
  const std::vector<KernelSpec> kernels;
  const std::vector<const KernelImage *> images;
  mutable std::mutex mutex; // held while code is loaded
  mutable std::array<std::atomic<LoadedKernels *>, maxDevices> devices = {};
};

} // namespace fgla::runtime::cuda

#endif // FGLA_RUNTIME_CUDA_PROGRAM_H
