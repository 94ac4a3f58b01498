//===- Driver.cpp - The CUDA driver, loaded when it is first needed -------===//

#include "runtime/cuda/Driver.h"

#include <dlfcn.h>

using namespace fgla::runtime;
using namespace fgla::runtime::cuda;

static Status unsupported(const std::string &what) { return Status(FGLA_UNSUPPORTED, what); }

static Status load(Driver &driver) {
  // Stays loaded: others in the process use it too.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return unsupported(std::string("no CUDA driver: ") + dlerror());
#define FGLA_CUDA_LOOK_UP(member, symbol, parameters)                                                                  \
  if (!(driver.member = reinterpret_cast<decltype(driver.member)>(dlsym(library, symbol))))                            \
    return unsupported("the CUDA driver has no " symbol "; version 12.0 or later is needed");
  FGLA_CUDA_FUNCTIONS(FGLA_CUDA_LOOK_UP)
#undef FGLA_CUDA_LOOK_UP
  Status status = driver.check(driver.init(0), "use the CUDA driver");
  return status.ok() ? status : unsupported(status.message());
}

Result<const Driver *> Driver::get() {
  static Driver driver;
  static const Status status = load(driver);
  if (!status.ok())
    return status;
  return &driver;
}

Status Driver::check(Error error, const char *what) const {
  if (error == success)
    return {};
  const char *name = nullptr, *text = nullptr;
  getErrorName(error, &name);
  getErrorString(error, &text);
  return Status(error == outOfMemory ? FGLA_OUT_OF_MEMORY : FGLA_DEVICE_ERROR,
                std::string("cannot ") + what + ": " + (name ? name : "error " + std::to_string(error)) +
                    (text ? std::string(" (") + text + ")" : ""));
}
