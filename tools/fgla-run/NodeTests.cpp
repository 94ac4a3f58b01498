//===- NodeTests.cpp - ONNX's test data -----------------------------------===//

#include "tools/fgla-run/NodeTests.h"
#include "tools/support/Program.h"
#include "tools/support/ToolSupport.h"

#ifdef FGLA_ONNX
#include "frontends/onnx/TensorData.h"
#endif

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace fgla;

#ifndef FGLA_ONNX

int tools::runNodeTests(std::span<const std::string>, const std::string &, const CompileOptions &) {
  return fail("--test-data: this build has no ONNX frontend (FGLA_ONNX)");
}

#else

using fgla::runtime::Function;
using fgla::runtime::Module;
using fgla::runtime::Result;
using fgla::runtime::Status;
using fgla::runtime::Tensor;

/// The tolerances of ONNX's own backend tests.
static constexpr double relativeTolerance = 1e-3, absoluteTolerance = 1e-7;

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

/// Entries of a folder whose name starts with `prefix`, in the order of their
/// names.
static std::vector<std::string> listFolder(const std::string &folder, llvm::StringRef prefix) {
  std::vector<std::string> entries;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
    if (path::filename(it->path()).starts_with(prefix))
      entries.push_back(it->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

static Result<Tensor> readProto(const std::string &file) {
  onnx::TensorData data;
  std::string error;
  if (!onnx::readTensorProto(file, data, error))
    return Status(FGLA_INVALID_ARGUMENT, error);
  std::optional<runtime::DType> dtype = runtime::dtypeFromName(onnx::elementTypeName(data.type));
  if (!dtype)
    return Status(FGLA_UNSUPPORTED, "file " + runtime::quote(file) + " has element type " +
                                        onnx::elementTypeName(data.type) + ", which the runtime does not have");
  Result<Tensor> tensor = Tensor::create(*dtype, data.shape);
  if (!tensor.ok())
    return tensor;
  if (tensor->numBytes() != data.bytes.size())
    return Status(FGLA_INVALID_ARGUMENT,
                  "file " + runtime::quote(file) + " does not hold the bytes that its shape needs");
  std::memcpy(tensor->data(), data.bytes.data(), data.bytes.size());
  return tensor;
}

/// The tensors input_0.pb … or output_0.pb … of a data set. ONNX matches them
/// with the graph by position.
static Result<std::vector<Tensor>> readTensors(const std::string &folder, const std::string &kind, size_t count) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < count; ++i) {
    Result<Tensor> tensor = readProto(folder + "/" + kind + "_" + std::to_string(i) + ".pb");
    if (!tensor.ok())
      return tensor.status();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

static Status compare(const std::string &name, const Tensor &got, const Tensor &expected) {
  auto fail = [&](const std::string &what) {
    return Status(FGLA_INVALID_ARGUMENT, "result " + runtime::quote(name) + " " + what);
  };
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return fail("must be " + std::string(runtime::dtypeName(expected.dtype())) +
                runtime::shapeString(expected.shape()) + ", got " + runtime::dtypeName(got.dtype()) +
                runtime::shapeString(got.shape()));
  for (int64_t i = 0; i < got.numElements(); ++i) {
    double a = got.get(i), b = expected.get(i);
    bool close = a == b || (std::isnan(a) && std::isnan(b)) ||
                 std::abs(a - b) <= absoluteTolerance + relativeTolerance * std::abs(b);
    if (!close)
      return fail("must be " + std::to_string(b) + " at element " + std::to_string(i) + ", got " + std::to_string(a));
  }
  return {};
}

static Status runDataSet(const Function &function, const std::string &folder) {
  Result<std::vector<Tensor>> inputs = readTensors(folder, "input", function.spec().args.size());
  if (!inputs.ok())
    return inputs.status();
  Result<std::vector<Tensor>> expected = readTensors(folder, "output", function.spec().results.size());
  if (!expected.ok())
    return expected.status();
  Result<std::vector<Tensor>> results = tools::allocateResults(function, *inputs);
  if (!results.ok())
    return results.status();
  if (Status status = tools::call(function, *inputs, *results); !status.ok())
    return status;
  for (size_t i = 0; i < results->size(); ++i)
    if (Status status = compare(function.spec().results[i].name, (*results)[i], (*expected)[i]); !status.ok())
      return status;
  return {};
}

/// One folder: its model with all its data sets.
static Status runTest(const std::string &folder, const std::string &model, const CompileOptions &options) {
  Result<std::unique_ptr<Module>> module = tools::loadProgram(model, options);
  if (!module.ok())
    return module.status();
  Result<const Function *> function = tools::pickFunction(**module, "");
  if (!function.ok())
    return function.status();
  std::vector<std::string> sets = listFolder(folder, "test_data_set_");
  if (sets.empty())
    return Status(FGLA_NOT_FOUND, "folder " + runtime::quote(folder) + " has no test_data_set_*");
  for (const std::string &set : sets)
    if (Status status = runDataSet(**function, set); !status.ok())
      return status;
  return {};
}

int tools::runNodeTests(std::span<const std::string> folders, const std::string &model, const CompileOptions &options) {
  std::vector<std::string> tests;
  for (const std::string &folder : folders) {
    if (!model.empty() || fs::exists(folder + "/model.onnx")) {
      tests.push_back(folder);
      continue;
    }
    size_t before = tests.size();
    for (const std::string &entry : listFolder(folder, ""))
      if (fs::exists(entry + "/model.onnx"))
        tests.push_back(entry);
    if (tests.size() == before)
      return fail("folder " + runtime::quote(folder) + " holds no model.onnx, nor does a folder in it");
  }
  int failed = 0;
  for (const std::string &folder : tests) {
    Status status = runTest(folder, model.empty() ? folder + "/model.onnx" : model, options);
    if (status.ok())
      continue;
    ++failed;
    llvm::errs() << "FAILED " << path::filename(folder) << ": " << status.message() << "\n";
  }
  llvm::outs() << tests.size() - failed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}

#endif // FGLA_ONNX
