//===- Function.cpp - Checked calls into compiled code --------------------===//

#include "runtime/Function.h"

#include "runtime/Device.h"
#include "runtime/Strided.h"
#include "runtime/cuda/Program.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <memory_resource>

using namespace fgla::runtime;

static_assert(sizeof(void *) == sizeof(int64_t), "descriptors are built from 64-bit words");

namespace {
/// An argument or result of the signature. Turned into text only for an error:
/// a call that is right should not spend its time on strings.
struct Who {
  const char *role;
  const ValueSpec *spec;

  std::string text() const { return std::string(role) + " " + quote(spec->name); }
  std::string dim(size_t i) const { return text() + " dim " + std::to_string(i); }
};

/// What a symbol stands for in this call, and which dim said so.
struct Binding {
  std::string_view symbol;
  int64_t size;
  Who origin;
  size_t originDim;
};
using Bindings = std::pmr::vector<Binding>;
using Dims = std::pmr::vector<int64_t>;

/// The memory of one call: on the stack, and from the heap only where a signature is unusually large.
class CallMemory {
public:
  operator std::pmr::memory_resource *() { return &resource; }

private:
  alignas(std::max_align_t) std::byte bytes[8192];
  std::pmr::monotonic_buffer_resource resource{bytes, sizeof(bytes)};
};

/// Bytes [begin, end) that a tensor touches; empty when it has no elements.
struct MemoryRange {
  uintptr_t begin = 0, end = 0;
  bool overlaps(const MemoryRange &other) const { return begin < other.end && other.begin < end; }
};

/// Memref descriptors {allocated, aligned, offset, sizes, strides}, all in one
/// block of words. Behind their pointers is one to where the code may leave a message.
class Descriptors {
public:
  /// For tensors as `specs` say.
  Descriptors(std::pmr::memory_resource *memory, std::initializer_list<const std::vector<ValueSpec> *> specs)
      : words(memory), starts(memory) {
    size_t size = 0, count = 0;
    for (const std::vector<ValueSpec> *values : specs)
      for (const ValueSpec &value : *values) {
        size += 3 + 2 * value.rank();
        ++count;
      }
    words.reserve(size);
    starts.reserve(count + 1);
  }

  void add(void *data, std::span<const int64_t> shape) {
    size_t start = words.size();
    words.resize(start + 3 + 2 * shape.size());
    int64_t *word = words.data() + start;
    starts.push_back(word);
    std::memcpy(&word[0], &data, sizeof(data));
    std::memcpy(&word[1], &data, sizeof(data));
    std::copy(shape.begin(), shape.end(), word + 3);
    writeContiguousStrides(shape, word + 3 + shape.size());
  }

  void **pointers(const char **failure) {
    starts.push_back(failure);
    return starts.data();
  }

private:
  std::pmr::vector<int64_t> words; ///< of the size that was reserved
  std::pmr::vector<void *> starts;
};

struct FreeMemory {
  void operator()(void *p) const { std::free(p); }
};
using Buffer = std::unique_ptr<void, FreeMemory>;
} // namespace

static std::span<const int64_t> shapeOf(const fgla_tensor &tensor) {
  return {tensor.shape, static_cast<size_t>(tensor.rank)};
}

/// Only for tensors that have strides.
static std::span<const int64_t> stridesOf(const fgla_tensor &tensor) {
  return {tensor.stride, static_cast<size_t>(tensor.rank)};
}

static bool isDense(const fgla_tensor &tensor) {
  return !tensor.stride || isContiguous(shapeOf(tensor), stridesOf(tensor));
}

static Status invalid(const std::string &what) { return Status(FGLA_INVALID_ARGUMENT, what); }

/// Device, dtype, rank, and that dims are >= 0 and their product fits.
static Status checkKind(const Who &who, const fgla_tensor &tensor) {
  const ValueSpec &spec = *who.spec;
  if (Status s = checkDevice(tensor.device); !s.ok())
    return Status(s.code(), who.text() + ": " + s.message());
  const DTypeInfo *dtype = findDType(tensor.dtype);
  if (!dtype || tensor.dtype != spec.dtype)
    return invalid(who.text() + " must have dtype " + dtypeName(spec.dtype) + ", got " +
                   (dtype ? dtype->name : "unknown dtype " + std::to_string(tensor.dtype)));
  if (tensor.rank != static_cast<int32_t>(spec.rank()))
    return invalid(who.text() + " must have rank " + std::to_string(spec.rank()) + " (shape " + spec.shapeText() +
                   "), got rank " + std::to_string(tensor.rank));
  if (tensor.rank > 0 && !tensor.shape)
    return invalid(who.text() + " must have a shape, got a null pointer");
  for (size_t i = 0; i < spec.rank(); ++i)
    if (tensor.shape[i] < 0)
      return invalid(who.dim(i) + " must be >= 0, got " + std::to_string(tensor.shape[i]));
  if (!byteSize(spec.dtype, shapeOf(tensor)))
    return invalid(who.text() + " must have a size that fits in 63 bits, got shape " + shapeString(shapeOf(tensor)));
  return {};
}

/// Static dims and symbols. A symbol that is new here is bound by this value.
static Status checkDims(const Who &who, std::span<const int64_t> shape, Bindings &bindings) {
  const ValueSpec &spec = *who.spec;
  for (size_t i = 0; i < spec.rank(); ++i) {
    const DimSpec &dim = spec.dims[i];
    if (dim.isStatic() && shape[i] != dim.size)
      return invalid(who.dim(i) + " must be " + std::to_string(dim.size) + " (shape " + spec.shapeText() + "), got " +
                     std::to_string(shape[i]));
    if (!dim.isConstrained())
      continue;
    auto bound =
        std::find_if(bindings.begin(), bindings.end(), [&](const Binding &b) { return b.symbol == dim.symbol; });
    if (bound == bindings.end())
      bindings.push_back({dim.symbol, shape[i], who, i});
    else if (bound->size != shape[i])
      return invalid(who.dim(i) + " must be " + quote(dim.symbol) + " = " + std::to_string(bound->size) + " as in " +
                     bound->origin.dim(bound->originDim) + ", got " + std::to_string(shape[i]));
  }
  return {};
}

/// The data pointer and what it reaches through the strides.
static Status checkData(const Who &who, const fgla_tensor &tensor, MemoryRange &range) {
  std::span<const int64_t> shape = shapeOf(tensor);
  auto elementSize = static_cast<int64_t>(dtypeSize(tensor.dtype));
  int64_t bytes = *byteSize(tensor.dtype, shape);
  if (bytes == 0)
    return {};
  if (!tensor.data)
    return invalid(who.text() + " must have data, got a null pointer");
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % elementSize != 0)
    return invalid(who.text() + " must have data aligned to " + std::to_string(elementSize) + " bytes");
  // In bytes from the address: the first, and one past the last.
  int64_t low = 0, high = bytes;
  if (!isDense(tensor)) {
    std::optional<Reach> elements = reach(shape, stridesOf(tensor));
    if (!elements || __builtin_mul_overflow(elements->low, elementSize, &low) ||
        __builtin_mul_overflow(elements->high, elementSize, &high) || __builtin_add_overflow(high, elementSize, &high))
      return invalid(who.text() + " has strides " + shapeString(stridesOf(tensor)) + " that reach out of memory");
  }
  if (__builtin_add_overflow(address, low, &range.begin) || __builtin_add_overflow(address, high, &range.end))
    return invalid(who.text() + " with shape " + shapeString(shape) + " reaches out of memory");
  return {};
}

static Status checkCount(const char *what, size_t expected, size_t got) {
  if (expected == got)
    return {};
  return invalid("needs " + std::to_string(expected) + " " + what + ", got " + std::to_string(got));
}

static Status checkArgs(const FunctionSpec &spec, std::span<const fgla_tensor> args, Bindings &bindings) {
  if (Status s = checkCount("arguments", spec.args.size(), args.size()); !s.ok())
    return s;
  for (size_t i = 0; i < args.size(); ++i) {
    Who who{"argument", &spec.args[i]};
    if (Status s = checkKind(who, args[i]); !s.ok())
      return s;
    if (Status s = checkDims(who, shapeOf(args[i]), bindings); !s.ok())
      return s;
  }
  return {};
}

/// Runs the shape function on checked arguments. What it gives has to agree
/// with the manifest, or else the artifact is wrong.
static Result<Dims> inferDims(const FunctionSpec &spec, Function::ShapeEntry shapeEntry,
                              std::span<const fgla_tensor> args, Bindings &bindings,
                              std::pmr::memory_resource *memory) {
  Descriptors descriptors(memory, {&spec.args});
  for (const fgla_tensor &arg : args)
    descriptors.add(nullptr, shapeOf(arg));
  // -1 shows a dim that the function left alone.
  Dims dims(spec.numResultDims(), -1, memory);
  shapeEntry(descriptors.pointers(nullptr), dims.data());

  std::span<const int64_t> rest = dims;
  for (const ValueSpec &result : spec.results) {
    std::span<const int64_t> shape = rest.first(result.rank());
    rest = rest.subspan(result.rank());
    Who who{"result", &result};
    if (!byteSize(result.dtype, shape))
      return Status(FGLA_INVALID_ARTIFACT, "shape function gave shape " + shapeString(shape) + " for " + who.text());
    if (Status s = checkDims(who, shape, bindings); !s.ok())
      return Status(FGLA_INVALID_ARTIFACT, "shape function breaks the manifest: " + s.message());
  }
  return dims;
}

static Status checkResults(const FunctionSpec &spec, std::span<const fgla_tensor> results,
                           std::span<const int64_t> dims) {
  if (Status s = checkCount("results", spec.results.size(), results.size()); !s.ok())
    return s;
  for (size_t i = 0; i < results.size(); ++i) {
    const ValueSpec &value = spec.results[i];
    Who who{"result", &value};
    if (Status s = checkKind(who, results[i]); !s.ok())
      return s;
    std::span<const int64_t> expected = dims.first(value.rank());
    dims = dims.subspan(value.rank());
    for (size_t d = 0; d < value.rank(); ++d)
      if (results[i].shape[d] != expected[d])
        return invalid(who.dim(d) + " must be " + std::to_string(expected[d]) + " (shape " + value.shapeText() + " = " +
                       shapeString(expected) + "), got " + std::to_string(results[i].shape[d]));
    if (!isDense(results[i]))
      return invalid(who.text() + " must be contiguous, got strides " + shapeString(stridesOf(results[i])) +
                     " for shape " + shapeString(expected));
  }
  return {};
}

static Status checkMemory(const FunctionSpec &spec, std::span<const fgla_tensor> args,
                          std::span<const fgla_tensor> results, std::pmr::memory_resource *memory) {
  std::pmr::vector<std::pair<Who, MemoryRange>> seen(memory);
  seen.reserve(args.size() + results.size());
  for (size_t i = 0; i < args.size(); ++i) {
    MemoryRange range;
    Who who{"argument", &spec.args[i]};
    if (Status s = checkData(who, args[i], range); !s.ok())
      return s;
    seen.emplace_back(who, range);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    MemoryRange range;
    Who who{"result", &spec.results[i]};
    if (Status s = checkData(who, results[i], range); !s.ok())
      return s;
    for (const auto &[other, otherRange] : seen)
      if (range.overlaps(otherRange))
        return invalid(who.text() + " must not overlap " + other.text() + " in memory");
    seen.emplace_back(who, range);
  }
  return {};
}

/// A contiguous copy of `tensor`, kept in `buffers`; null without memory.
static void *packed(const fgla_tensor &tensor, std::vector<Buffer> &buffers) {
  constexpr size_t alignment = 64;
  size_t bytes = static_cast<size_t>(*byteSize(tensor.dtype, shapeOf(tensor)));
  void *memory = std::aligned_alloc(alignment, (bytes + alignment - 1) & -alignment);
  if (!memory)
    return nullptr;
  buffers.emplace_back(memory);
  pack(tensor.data, dtypeSize(tensor.dtype), shapeOf(tensor), stridesOf(tensor), memory);
  return memory;
}

/// Says in which function a check failed.
static Status inFunction(const FunctionSpec &spec, const Status &status) {
  return Status(status.code(), status.message() + " (function " + quote(spec.name) + ")");
}

/// Dims of all results, from arguments that are checked here.
static Result<Dims> resultDims(const FunctionSpec &spec, Function::ShapeEntry shapeEntry,
                               std::span<const fgla_tensor> args, std::pmr::memory_resource *memory) {
  Bindings bindings(memory);
  if (Status s = checkArgs(spec, args, bindings); !s.ok())
    return inFunction(spec, s);
  Result<Dims> dims = inferDims(spec, shapeEntry, args, bindings, memory);
  if (!dims.ok())
    return inFunction(spec, dims.status());
  return dims;
}

Result<std::vector<int64_t>> Function::resultShapes(std::span<const fgla_tensor> args) const {
  CallMemory memory;
  Result<Dims> dims = resultDims(signature, shapeEntry, args, memory);
  if (!dims.ok())
    return dims.status();
  return std::vector<int64_t>(dims->begin(), dims->end());
}

/// Calls `check` with each tensor and what the signature says of it, as far as there are both.
static Status forEachTensor(const FunctionSpec &spec, std::span<const fgla_tensor> args,
                            std::span<const fgla_tensor> results, auto check) {
  for (size_t i = 0; i < std::min(args.size(), spec.args.size()); ++i)
    if (Status s = check(Who{"argument", &spec.args[i]}, args[i]); !s.ok())
      return s;
  for (size_t i = 0; i < std::min(results.size(), spec.results.size()); ++i)
    if (Status s = check(Who{"result", &spec.results[i]}, results[i]); !s.ok())
      return s;
  return {};
}

/// All tensors are where the code runs, on one device.
static Status checkPlaces(const FunctionSpec &spec, bool onGPU, std::span<const fgla_tensor> args,
                          std::span<const fgla_tensor> results) {
  const fgla_tensor *first = nullptr;
  return forEachTensor(spec, args, results, [&](const Who &who, const fgla_tensor &tensor) -> Status {
    first = first ? first : &tensor;
    // A kind that is none is for checkDevice() to refuse.
    if (tensor.device.kind == (onGPU ? FGLA_DEVICE_CPU : FGLA_DEVICE_CUDA))
      return invalid(who.text() + " must be on " + (onGPU ? "a cuda device" : "the cpu") +
                     ", which the artifact was compiled for");
    if (onGPU && tensor.device.index != first->device.index)
      return invalid(who.text() + " must be on device " + std::to_string(first->device.index) +
                     ", where the first tensor is, got " + std::to_string(tensor.device.index));
    return {};
  });
}

/// Kernels read whole vectors, and no strides.
static Status checkForKernels(const FunctionSpec &spec, std::span<const fgla_tensor> args,
                              std::span<const fgla_tensor> results) {
  constexpr uintptr_t alignment = 16;
  return forEachTensor(spec, args, results, [&](const Who &who, const fgla_tensor &tensor) -> Status {
    if (!isDense(tensor))
      return invalid(who.text() + " must be contiguous on a cuda device, got strides " +
                     shapeString(stridesOf(tensor)) + " for shape " + shapeString(shapeOf(tensor)));
    if (reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0)
      return invalid(who.text() + " must have data aligned to " + std::to_string(alignment) +
                     " bytes on a cuda device");
    return {};
  });
}

Status Function::call(std::span<const fgla_tensor> args, std::span<const fgla_tensor> results,
                      const fgla_launch_options &options, bool wait) const {
  if (Status s = checkPlaces(signature, program, args, results); !s.ok())
    return inFunction(signature, s);
  CallMemory memory;
  Result<Dims> dims = resultDims(signature, shapeEntry, args, memory);
  if (!dims.ok())
    return dims.status();
  if (Status s = checkResults(signature, results, *dims); !s.ok())
    return inFunction(signature, s);
  if (program)
    if (Status s = checkForKernels(signature, args, results); !s.ok())
      return inFunction(signature, s);
  if (Status s = checkMemory(signature, args, results, memory); !s.ok())
    return inFunction(signature, s);

  std::vector<Buffer> buffers;
  Descriptors descriptors(memory, {&signature.args, &signature.results});
  for (size_t i = 0; i < args.size(); ++i) {
    void *data = args[i].data;
    if (!isDense(args[i]) && !(data = packed(args[i], buffers)))
      return inFunction(signature, Status(FGLA_OUT_OF_MEMORY, "no memory for a contiguous copy of " +
                                                                  Who{"argument", &signature.args[i]}.text()));
    descriptors.add(data, shapeOf(args[i]));
  }
  for (const fgla_tensor &result : results)
    descriptors.add(result.data, shapeOf(result));
  const char *failure = nullptr;
  if (!program) {
    Status status = fromEntry(entry(descriptors.pointers(&failure)));
    if (failure)
      status = invalid(failure);
    return status.ok() ? status : inFunction(signature, status);
  }
  if (args.empty() && results.empty())
    return inFunction(signature, invalid("a function without tensors has no device to run on"));
  int32_t device = (args.empty() ? results : args).front().device.index;
  Status status = program->call(reinterpret_cast<cuda::Program::Entry>(reinterpret_cast<void *>(entry)),
                                descriptors.pointers(&failure), device, options, wait);
  return status.ok() ? status : inFunction(signature, status);
}
