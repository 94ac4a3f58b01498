//===- Program.cpp - The kernels of an artifact, and calls that launch them ===//

#include "runtime/cuda/Program.h"

#include <memory>

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Result<Library> Program::loadImage(const Device &device, const KernelImage &image) const {
  const Driver &driver = device.driver;
  Library library = nullptr;
  if (image.cubin && driver.moduleLoad(&library, image.cubin, 0, nullptr, nullptr) == success)
    return library;
  // The cubin is for another architecture; PTX of an older one can be compiled for this.
  char log[2048] = "";
  int options[] = {jitErrorLog, jitErrorLogSize};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  Error error = driver.moduleLoad(&library, image.ptx, 2, options, values);
  if (error == success)
    return library;
  std::string text = driver.check(error, ("load code for " + target).c_str()).message();
  for (char &c : log)
    if (c == '\n')
      c = ' ';
  return Status(FGLA_UNSUPPORTED, text + (log[0] ? std::string("; ") + log : ""));
}

Status Program::load(LoadedKernels &loaded) const {
  const Driver &driver = loaded.device.driver;
  CaptureRelaxed relaxed(driver);
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (i == 0 || images[i] != images[i - 1]) {
      Result<Library> library = loadImage(loaded.device, *images[i]);
      if (!library.ok())
        return library.status();
      loaded.libraries.push_back(*library);
    }
    const KernelSpec &spec = kernels[i];
    Kernel kernel = nullptr;
    Error error = driver.moduleGetFunction(&kernel, loaded.libraries.back(), spec.name.c_str());
    if (error == success)
      error = driver.kernelSetAttribute(kernel, maxDynamicSharedSize, static_cast<int>(spec.sharedBytes));
    if (Status s = driver.check(error, "set up the kernel"); !s.ok())
      return Status(s.code(), "kernel " + quote(spec.name) + " (" + std::to_string(spec.sharedBytes) +
                                  " bytes of shared memory): " + s.message());
    loaded.kernels.push_back(kernel);
  }
  return {};
}

Result<const LoadedKernels *> Program::load(int32_t index) const {
  if (LoadedKernels *loaded = devices[index].load(std::memory_order_acquire))
    return loaded;
  Result<const Device *> device = Device::get(index);
  if (!device.ok())
    return device.status();
  std::lock_guard lock(mutex);
  if (LoadedKernels *loaded = devices[index].load(std::memory_order_relaxed))
    return loaded;
  ContextScope scope(**device);
  if (!scope.status().ok())
    return scope.status();
  auto loaded = std::make_unique<LoadedKernels>(LoadedKernels{**device, {}, {}});
  if (Status s = load(*loaded); !s.ok()) {
    for (Library library : loaded->libraries)
      (*device)->driver.moduleUnload(library);
    return Status(s.code(), (*device)->text() + ": " + s.message());
  }
  devices[index].store(loaded.get(), std::memory_order_release);
  return const_cast<const LoadedKernels *>(loaded.release());
}

Program::~Program() {
  for (std::atomic<LoadedKernels *> &slot : devices) {
    std::unique_ptr<LoadedKernels> loaded(slot.load());
    if (!loaded)
      continue;
    ContextScope scope(loaded->device);
    // At the end of a process the driver may be gone already; then nothing is left to unload.
    if (scope.status().ok())
      for (Library library : loaded->libraries)
        loaded->device.driver.moduleUnload(library);
  }
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

namespace {
/// What compiled code is given in one call.
class Call : public Services {
public:
  Call(const Program &program, const LoadedKernels &loaded, const fgla_launch_options &options)
      : Services{&Call::launchKernel, &Call::allocateMemory, &Call::releaseMemory,
                 &Call::copyMemory,   &Call::countWorkers,   &Call::describeArray},
        program(program), loaded(loaded), driver(loaded.device.driver), options(options),
        stream(static_cast<Stream>(options.stream)) {}

  Status status; // the first failure

private:
  static Call &of(Services *services) { return *static_cast<Call *>(services); }

  void fail(Status failure) {
    if (status.ok())
      status = std::move(failure);
  }
  Status launch(const KernelSpec &spec, Kernel kernel, std::array<int64_t, 3> grid, void **args, bool mayOverlap);

  static void launchKernel(Services *services, int64_t index, int64_t x, int64_t y, int64_t z, void **args) {
    Call &call = of(services);
    if (!call.status.ok() || x <= 0 || y <= 0 || z <= 0)
      return;
    // What a kernel need not wait for is known of the one before it in the program, not of whatever else is before it
    // on the stream.
    bool mayOverlap = call.program.kernel(index).isDependent && call.lastLaunched == index - 1;
    call.fail(call.launch(call.program.kernel(index), call.loaded.kernels[index], {x, y, z}, args, mayOverlap));
    call.lastLaunched = index;
  }
  static void *allocateMemory(Services *services, int64_t bytes);
  static void releaseMemory(Services *services, void *memory);
  static void copyMemory(Services *services, void *to, const void *from, int64_t bytes) {
    Call &call = of(services);
    if (call.status.ok() && bytes > 0)
      call.fail(call.driver.check(call.driver.copy(reinterpret_cast<Address>(to), reinterpret_cast<Address>(from),
                                                   static_cast<size_t>(bytes), call.stream),
                                  "copy memory"));
  }
  static void describeArray(Services *services, void *map, const void *array, int64_t elementBytes, int64_t rank,
                            const int64_t *sizes, const int64_t *box);
  static int64_t countWorkers(Services *services) { return of(services).loaded.device.multiprocessors; }

  const Program &program;
  const LoadedKernels &loaded;
  const Driver &driver;
  const fgla_launch_options &options;
  const Stream stream;
  int64_t lastLaunched = -2;
};
} // namespace

Status Call::launch(const KernelSpec &spec, Kernel kernel, std::array<int64_t, 3> grid, void **args, bool mayOverlap) {
  constexpr int64_t limits[] = {INT32_MAX, 65535, 65535};
  LaunchConfig config = {};
  for (int i = 0; i < 3; ++i) {
    if (grid[i] > limits[i])
      return Status(FGLA_INVALID_ARGUMENT, "kernel " + quote(spec.name) + " needs a grid of " + shapeString(grid) +
                                               ", more than a launch can have (" + shapeString(limits) + ")");
    config.grid[i] = static_cast<unsigned>(grid[i]);
    config.block[i] = spec.block[i];
  }
  config.sharedBytes = spec.sharedBytes;
  config.stream = stream;
  LaunchAttribute dependent = {programmaticStreamSerialization, 0, {.allowed = 1}};
  if (mayOverlap) {
    config.attributes = &dependent;
    config.numAttributes = 1;
  }
  Error error = driver.launch(&config, kernel, args, nullptr);
  if (error == success)
    return {};
  return driver.check(error, ("launch kernel " + quote(spec.name) + " on a grid of " + shapeString(grid)).c_str());
}

void *Call::allocateMemory(Services *services, int64_t bytes) {
  Call &call = of(services);
  if (!call.status.ok() || bytes <= 0)
    return nullptr;
  auto size = static_cast<size_t>(bytes);
  if (call.options.allocate) {
    void *memory = call.options.allocate(call.options.user, size, call.options.stream);
    if (!memory)
      call.fail(Status(FGLA_OUT_OF_MEMORY, "the caller's allocator has no " + std::to_string(size) + " bytes"));
    return memory;
  }
  if (!call.loaded.device.pool) {
    call.fail(Status(FGLA_UNSUPPORTED, call.loaded.device.text() + " has no memory pools: give an allocator"));
    return nullptr;
  }
  Address memory = 0;
  Error error = call.driver.allocateFromPool(&memory, size, call.loaded.device.pool, call.stream);
  if (error != success)
    call.fail(call.driver.check(error, ("allocate " + std::to_string(size) + " bytes").c_str()));
  return reinterpret_cast<void *>(memory);
}

void Call::releaseMemory(Services *services, void *memory) {
  Call &call = of(services);
  if (!memory)
    return;
  if (call.options.allocate)
    return call.options.release ? call.options.release(call.options.user, memory, call.options.stream) : void();
  call.fail(call.driver.check(call.driver.release(reinterpret_cast<Address>(memory), call.stream), "release memory"));
}

void Call::describeArray(Services *services, void *map, const void *array, int64_t elementBytes, int64_t rank,
                         const int64_t *sizes, const int64_t *box) {
  Call &call = of(services);
  // The driver counts dims from the innermost, and one copy moves a line along it: so the last dim becomes two, the
  // elements of a line and the lines. Rows come between them, since the lines of one row do not lie side by side.
  constexpr int64_t mostDims = 5, lineBytes = 128;
  const int64_t last = rank - 1, line = lineBytes / elementBytes;
  int64_t rowDim = 0;
  for (int64_t dim = 0; dim < last; ++dim)
    if (box[dim] > 1)
      rowDim = dim;
  uint64_t strides[mostDims] = {}; // of the array's dims, in bytes
  uint64_t bytes = elementBytes;
  for (int64_t dim = last; dim >= 0; --dim) {
    strides[dim] = bytes;
    bytes *= sizes[dim];
  }
  uint64_t size[mostDims] = {}, stride[mostDims] = {};
  unsigned tile[mostDims] = {}, step[mostDims] = {1, 1, 1, 1, 1}, count = 0;
  auto add = [&](uint64_t dimSize, uint64_t dimStride, int64_t dimBox) {
    size[count] = dimSize;
    stride[count] = dimStride;
    tile[count++] = static_cast<unsigned>(dimBox);
  };
  add(std::min(sizes[last], line), elementBytes, line);
  add(sizes[rowDim], strides[rowDim], box[rowDim]);
  add((sizes[last] + line - 1) / line, lineBytes, box[last] / line);
  for (int64_t dim = last - 1; dim >= 0; --dim)
    if (dim != rowDim)
      add(sizes[dim], strides[dim], 1);
  if (!call.status.ok() || bytes == 0) // nothing is copied from an empty array, which the driver refuses
    return;
  Error error =
      call.driver.tensorMapEncodeTiled(map, elementBytes == 2 ? tensorMapUInt16 : tensorMapUInt32, count,
                                       const_cast<void *>(array), size, stride + 1, tile, step,
                                       /*interleave=*/0, tensorMapSwizzle128B, tensorMapPromoteTo256B, /*outside=*/0);
  if (error != success)
    call.fail(call.driver.check(error, ("describe an array of " + shapeString(std::span(sizes, rank)) +
                                        " elements of " + std::to_string(elementBytes) + " bytes to the copy engine")
                                           .c_str()));
}

Status Program::call(Entry entry, void **descriptors, int32_t device, const fgla_launch_options &options,
                     bool wait) const {
  Result<const LoadedKernels *> loaded = load(device);
  if (!loaded.ok())
    return loaded.status();
  const Device &on = (*loaded)->device;
  ContextScope scope(on);
  if (!scope.status().ok())
    return scope.status();
  Call call(*this, **loaded, options);
  if (Status s = fromEntry(entry(descriptors, &call)); call.status.ok())
    call.status = s;
  if (call.status.ok() && wait)
    call.status =
        on.driver.check(on.driver.streamSynchronize(static_cast<Stream>(options.stream)), "complete the kernels");
  if (!call.status.ok())
    return Status(call.status.code(), on.text() + ": " + call.status.message());
  return {};
}
