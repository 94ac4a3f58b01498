//===- Program.cpp - A compiled function and calls of it ------------------===//

#include "tools/support/Program.h"
#include "support/DeviceTensor.h"

#include "tools/support/ToolSupport.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>

using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::Module;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;

Result<std::unique_ptr<Module>> tools::loadProgram(const std::string &path, const CompileOptions &options) {
  if (llvm::StringRef(path).ends_with(".so"))
    return Module::load(path);
  Result<Source> source = readSource(path);
  if (!source.ok())
    return source.status();
  CompileOptions shown = options;
  Progress progress(shown);
  return compileAndLoad(*source, shown);
}

Result<const Function *> tools::pickFunction(const Module &module, const std::string &entry) {
  if (!entry.empty())
    return module.find(entry);
  if (module.functions().size() == 1)
    return &module.functions().front();
  std::string names;
  for (const Function &function : module.functions())
    names += (names.empty() ? "" : ", ") + runtime::quote(function.spec().name);
  return Status(FGLA_INVALID_ARGUMENT, module.functions().empty()
                                           ? "there is no function to run"
                                           : "several functions: give --entry (one of " + names + ")");
}

static std::vector<fgla_tensor> viewsOf(std::span<const Tensor> tensors) {
  std::vector<fgla_tensor> views;
  for (const Tensor &tensor : tensors)
    views.push_back(tensor.view());
  return views;
}

Result<std::vector<Tensor>> tools::allocateResults(const Function &function, std::span<const Tensor> args) {
  Result<std::vector<int64_t>> dims = function.resultShapes(viewsOf(args));
  if (!dims.ok())
    return dims.status();
  std::vector<Tensor> results;
  auto next = dims->begin();
  for (const runtime::ValueSpec &spec : function.spec().results) {
    std::vector<int64_t> shape(next, next + spec.rank());
    next += spec.rank();
    Result<Tensor> tensor = Tensor::create(spec.dtype, std::move(shape));
    if (!tensor.ok())
      return Status(tensor.status().code(), "result " + runtime::quote(spec.name) + ": " + tensor.message());
    results.push_back(std::move(*tensor));
  }
  return results;
}

namespace {
/// Tensors where a function runs: themselves, or copies on a GPU.
struct Placed {
  std::vector<runtime::cuda::DeviceTensor> copies; // empty on the CPU
  std::vector<fgla_tensor> views;
};
} // namespace

static Result<Placed> place(const Function &function, std::span<const Tensor> tensors) {
  if (!function.isForGPU())
    return Placed{{}, viewsOf(tensors)};
  Placed placed;
  for (const Tensor &tensor : tensors) {
    Result<runtime::cuda::DeviceTensor> copy = runtime::cuda::DeviceTensor::copyOf(tensor);
    if (!copy.ok())
      return copy.status();
    placed.copies.push_back(std::move(*copy));
    placed.views.push_back(placed.copies.back().view());
  }
  return placed;
}

Status tools::call(const Function &function, std::span<const Tensor> args, std::span<const Tensor> results) {
  Result<Placed> in = place(function, args), out = place(function, results);
  for (const Result<Placed> *placed : {&in, &out})
    if (!placed->ok())
      return placed->status();
  if (Status status = function.call(in->views, out->views); !status.ok())
    return status;
  for (size_t i = 0; i < out->copies.size(); ++i)
    if (Status status = out->copies[i].copyTo(results[i]); !status.ok())
      return status;
  return {};
}

Result<tools::Timing> tools::timeCalls(const Function &function, std::span<const Tensor> args,
                                       std::span<const Tensor> results, int warmUp, double seconds, int minCalls) {
  using Clock = std::chrono::steady_clock;
  Result<Placed> in = place(function, args), out = place(function, results);
  for (const Result<Placed> *placed : {&in, &out})
    if (!placed->ok())
      return placed->status();
  const std::vector<fgla_tensor> &argViews = in->views, &resultViews = out->views;
  for (int i = 0; i < warmUp; ++i)
    if (Status status = function.call(argViews, resultViews); !status.ok())
      return status;
  std::vector<double> times;
  double total = 0;
  while (static_cast<int>(times.size()) < minCalls || total < seconds) {
    Clock::time_point start = Clock::now();
    Status status = function.call(argViews, resultViews);
    double time = std::chrono::duration<double>(Clock::now() - start).count();
    if (!status.ok())
      return status;
    times.push_back(time);
    total += time;
  }
  std::sort(times.begin(), times.end());
  auto quantile = [&](double q) { return times[static_cast<size_t>(q * (times.size() - 1) + 0.5)]; };
  return Timing{quantile(0.5), quantile(0.1), quantile(0.9), times.front(), static_cast<int>(times.size())};
}

std::string tools::formatSeconds(double seconds) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (seconds < 1e-3)
    stream << llvm::format("%.2f us", seconds * 1e6);
  else if (seconds < 1)
    stream << llvm::format("%.3f ms", seconds * 1e3);
  else
    stream << llvm::format("%.3f s", seconds);
  return text;
}
