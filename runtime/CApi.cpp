//===- CApi.cpp - The C ABI over the C++ classes --------------------------===//

#include "runtime/Device.h"
#include "runtime/Module.h"

#include <algorithm>
#include <new>

using namespace fgla::runtime;

/// A function with its signature in the form that the C ABI gives out.
struct fgla_function {
  const Function *function;
  std::vector<std::vector<fgla_dim>> argDims, resultDims;
};

struct fgla_module {
  std::unique_ptr<Module> module;
  std::vector<fgla_function> functions; // as in the module, never resized
};

static thread_local std::string lastError;

static fgla_status report(const Status &status) {
  if (!status.ok())
    lastError = status.message();
  return status.code();
}

/// What `body` returns. The library's own memory may be lacking too: then nothing has been done.
static fgla_status guard(auto &&body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    lastError = "no memory"; // short enough to be in the string itself
    return FGLA_OUT_OF_MEMORY;
  }
}

static fgla_status nullArgument(const char *what) {
  return report(Status(FGLA_INVALID_ARGUMENT, std::string(what) + " must not be null"));
}

static std::vector<std::vector<fgla_dim>> toDims(const std::vector<ValueSpec> &values) {
  std::vector<std::vector<fgla_dim>> result;
  for (const ValueSpec &value : values) {
    std::vector<fgla_dim> &dims = result.emplace_back();
    for (const DimSpec &dim : value.dims)
      dims.push_back({dim.size, dim.isConstrained() ? dim.symbol.c_str() : nullptr});
  }
  return result;
}

static fgla_status valueInfo(const char *what, const std::vector<ValueSpec> &values,
                             const std::vector<std::vector<fgla_dim>> &dims, int32_t index, fgla_value_info *info) {
  return guard([&]() -> fgla_status {
    if (!info)
      return nullArgument("info");
    if (index < 0 || static_cast<size_t>(index) >= values.size())
      return report(Status(FGLA_INVALID_ARGUMENT, std::string(what) + " index must be in [0, " +
                                                      std::to_string(values.size()) + "), got " +
                                                      std::to_string(index)));
    const ValueSpec &value = values[index];
    *info = {value.name.c_str(), value.dtype, static_cast<int32_t>(value.rank()), dims[index].data()};
    return FGLA_OK;
  });
}

/// A counted array from C: the count is not negative, the pointer not null
/// unless it is zero.
template <typename T> static Result<std::span<T>> toSpan(const char *what, T *data, int32_t count) {
  if (count < 0)
    return Status(FGLA_INVALID_ARGUMENT,
                  std::string("number of ") + what + " must be >= 0, got " + std::to_string(count));
  if (!data && count > 0)
    return Status(FGLA_INVALID_ARGUMENT, std::string(what) + " must not be null");
  return std::span<T>(data, static_cast<size_t>(count));
}

//===----------------------------------------------------------------------===//
// About the library
//===----------------------------------------------------------------------===//

int32_t fgla_abi_version(void) { return FGLA_ABI_VERSION; }

const char *fgla_error_message(void) { return lastError.c_str(); }

const char *fgla_status_name(fgla_status status) {
  switch (status) {
  case FGLA_OK:
    return "ok";
  case FGLA_INVALID_ARGUMENT:
    return "invalid argument";
  case FGLA_NOT_FOUND:
    return "not found";
  case FGLA_INVALID_ARTIFACT:
    return "invalid artifact";
  case FGLA_ABI_MISMATCH:
    return "abi mismatch";
  case FGLA_UNSUPPORTED:
    return "unsupported";
  case FGLA_OUT_OF_MEMORY:
    return "out of memory";
  case FGLA_IO_ERROR:
    return "io error";
  case FGLA_DEVICE_ERROR:
    return "device error";
  }
  return "unknown status";
}

const char *fgla_dtype_name(fgla_dtype dtype) {
  const DTypeInfo *row = findDType(dtype);
  return row ? row->name : nullptr;
}

size_t fgla_dtype_size(fgla_dtype dtype) {
  const DTypeInfo *row = findDType(dtype);
  return row ? row->size : 0;
}

fgla_status fgla_device_count(fgla_device_kind kind, int32_t *count) {
  return guard([&]() -> fgla_status {
    if (!count)
      return nullArgument("count");
    Result<int32_t> found = deviceCount(kind);
    if (found.ok())
      *count = *found;
    return report(found.status());
  });
}

//===----------------------------------------------------------------------===//
// Modules and functions
//===----------------------------------------------------------------------===//

fgla_status fgla_module_load(const char *path, fgla_module **module) {
  return guard([&]() -> fgla_status {
    if (!path)
      return nullArgument("path");
    if (!module)
      return nullArgument("module");
    Result<std::unique_ptr<Module>> loaded = Module::load(path);
    if (!loaded.ok())
      return report(loaded.status());
    auto handle = std::make_unique<fgla_module>(std::move(*loaded), std::vector<fgla_function>());
    for (const Function &function : handle->module->functions())
      handle->functions.push_back({&function, toDims(function.spec().args), toDims(function.spec().results)});
    *module = handle.release();
    return FGLA_OK;
  });
}

void fgla_module_unload(fgla_module *module) { delete module; }

const char *fgla_module_target(const fgla_module *module) { return module->module->target().c_str(); }

const char *fgla_module_compiler(const fgla_module *module) { return module->module->compiler().c_str(); }

int32_t fgla_module_num_functions(const fgla_module *module) { return static_cast<int32_t>(module->functions.size()); }

fgla_status fgla_module_function_at(const fgla_module *module, int32_t index, const fgla_function **function) {
  return guard([&]() -> fgla_status {
    if (!module || !function)
      return nullArgument(module ? "function" : "module");
    if (index < 0 || index >= fgla_module_num_functions(module))
      return report(Status(FGLA_INVALID_ARGUMENT, "function index must be in [0, " +
                                                      std::to_string(module->functions.size()) + "), got " +
                                                      std::to_string(index)));
    *function = &module->functions[index];
    return FGLA_OK;
  });
}

fgla_status fgla_module_function(const fgla_module *module, const char *name, const fgla_function **function) {
  return guard([&]() -> fgla_status {
    if (!module || !name || !function)
      return nullArgument(!module ? "module" : !name ? "name" : "function");
    Result<const Function *> found = module->module->find(name);
    if (!found.ok())
      return report(found.status());
    *function = &module->functions[*found - module->module->functions().data()];
    return FGLA_OK;
  });
}

const char *fgla_function_name(const fgla_function *function) { return function->function->spec().name.c_str(); }

int32_t fgla_function_num_args(const fgla_function *function) { return static_cast<int32_t>(function->argDims.size()); }

int32_t fgla_function_num_results(const fgla_function *function) {
  return static_cast<int32_t>(function->resultDims.size());
}

int32_t fgla_function_num_result_dims(const fgla_function *function) {
  return static_cast<int32_t>(function->function->spec().numResultDims());
}

fgla_status fgla_function_arg(const fgla_function *function, int32_t index, fgla_value_info *info) {
  if (!function)
    return nullArgument("function");
  return valueInfo("argument", function->function->spec().args, function->argDims, index, info);
}

fgla_status fgla_function_result(const fgla_function *function, int32_t index, fgla_value_info *info) {
  if (!function)
    return nullArgument("function");
  return valueInfo("result", function->function->spec().results, function->resultDims, index, info);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

fgla_status fgla_function_result_shapes(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                                        int64_t *dims, int32_t num_dims) {
  return guard([&]() -> fgla_status {
    if (!function)
      return nullArgument("function");
    Result<std::span<const fgla_tensor>> argSpan = toSpan("arguments", args, num_args);
    if (!argSpan.ok())
      return report(argSpan.status());
    Result<std::span<int64_t>> dimSpan = toSpan("dims", dims, num_dims);
    if (!dimSpan.ok())
      return report(dimSpan.status());
    int32_t expected = fgla_function_num_result_dims(function);
    if (num_dims != expected)
      return report(Status(FGLA_INVALID_ARGUMENT,
                           "number of dims must be " + std::to_string(expected) + ", got " + std::to_string(num_dims)));
    Result<std::vector<int64_t>> found = function->function->resultShapes(*argSpan);
    if (!found.ok())
      return report(found.status());
    std::copy(found->begin(), found->end(), dims);
    return FGLA_OK;
  });
}

static fgla_status call(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                        const fgla_tensor *results, int32_t num_results, const fgla_launch_options &options,
                        bool wait) {
  return guard([&]() -> fgla_status {
    if (!function)
      return nullArgument("function");
    Result<std::span<const fgla_tensor>> argSpan = toSpan("arguments", args, num_args);
    if (!argSpan.ok())
      return report(argSpan.status());
    Result<std::span<const fgla_tensor>> resultSpan = toSpan("results", results, num_results);
    if (!resultSpan.ok())
      return report(resultSpan.status());
    return report(function->function->call(*argSpan, *resultSpan, options, wait));
  });
}

fgla_status fgla_call(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                      const fgla_tensor *results, int32_t num_results) {
  return call(function, args, num_args, results, num_results, {}, /*wait=*/true);
}

fgla_status fgla_call_on(const fgla_function *function, const fgla_tensor *args, int32_t num_args,
                         const fgla_tensor *results, int32_t num_results, const fgla_launch_options *options) {
  return call(function, args, num_args, results, num_results, options ? *options : fgla_launch_options{},
              /*wait=*/false);
}
