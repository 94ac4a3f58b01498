//===- Function.h - Checked calls into compiled code ------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_FUNCTION_H
#define FGLA_RUNTIME_FUNCTION_H

#include "runtime/Manifest.h"

namespace fgla::runtime {
namespace cuda {
class Program;
}

/// One function of a module: its signature and its code. Everything is checked
/// before the code runs (rules in fgla.h); calls are safe from many threads.
class Function {
public:
  /// The code, one memref descriptor per argument, then per result, then a pointer to a `const char *`: code on the CPU
  /// that finds its arguments invalid writes a message there. Returns FGLA_OK, or FGLA_OUT_OF_MEMORY.
  using Entry = int32_t (*)(void **descriptors);
  /// The shape function: argument descriptors in, dims of all results out. Its
  /// descriptors have sizes and strides, but null pointers.
  using ShapeEntry = void (*)(void **descriptors, int64_t *dims);

  /// `program` has the kernels that the code launches; null for code on the CPU. Then `entry` takes one argument less.
  Function(FunctionSpec spec, Entry entry, ShapeEntry shapeEntry, const cuda::Program *program = nullptr)
      : signature(std::move(spec)), entry(entry), shapeEntry(shapeEntry), program(program) {}

  const FunctionSpec &spec() const { return signature; }

  bool isForGPU() const { return program; }

  /// Dims of all results, concatenated.
  Result<std::vector<int64_t>> resultShapes(std::span<const fgla_tensor> args) const;

  /// On a GPU the work is put on a stream; `wait` returns when it is done.
  Status call(std::span<const fgla_tensor> args, std::span<const fgla_tensor> results,
              const fgla_launch_options &options = {}, bool wait = true) const;

private:
  FunctionSpec signature;
  Entry entry;
  ShapeEntry shapeEntry;
  const cuda::Program *program;
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_FUNCTION_H
