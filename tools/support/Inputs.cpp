//===- Inputs.cpp - Tensors for the arguments of a function ---------------===//

#include "tools/support/Inputs.h"
#include "support/Npy.h"
#include "support/Safetensors.h"
#include "tools/support/Synthetic.h"

#include <algorithm>
#include <map>

using namespace fgla;
using fgla::runtime::Function;
using fgla::runtime::NamedTensor;
using fgla::runtime::Result;
using fgla::runtime::Safetensors;
using fgla::runtime::Status;
using fgla::runtime::Tensor;
using fgla::runtime::ValueSpec;

using TensorMap = std::map<std::string, Tensor, std::less<>>;

static Status invalid(const std::string &message) { return Status(FGLA_INVALID_ARGUMENT, message); }

static const ValueSpec *findArgument(const Function &function, std::string_view name) {
  for (const ValueSpec &spec : function.spec().args)
    if (spec.name == name)
      return &spec;
  return nullptr;
}

static std::string argumentNames(const Function &function) {
  std::string names;
  for (const ValueSpec &spec : function.spec().args)
    names += (names.empty() ? "" : ", ") + runtime::quote(spec.name);
  return names.empty() ? "none" : names;
}

static Status readPair(const Function &function, const std::string &pair, TensorMap &tensors) {
  // Names of ONNX and paths may both have a '=': the longest name of an argument counts.
  size_t equals = pair.find('=');
  for (const ValueSpec &spec : function.spec().args)
    if (pair.starts_with(spec.name + "="))
      equals = std::max(equals, spec.name.size());
  if (equals == std::string::npos || equals == 0)
    return invalid("--input must be NAME=FILE.npy, got " + runtime::quote(pair));
  std::string name = pair.substr(0, equals);
  if (!findArgument(function, name))
    return invalid("function " + runtime::quote(function.spec().name) + " has no argument " + runtime::quote(name) +
                   " (it has: " + argumentNames(function) + ")");
  Result<Tensor> tensor = runtime::readNpy(pair.substr(equals + 1));
  if (!tensor.ok())
    return tensor.status();
  if (!tensors.emplace(name, std::move(*tensor)).second)
    return invalid("argument " + runtime::quote(name) + " is given twice by --input");
  return {};
}

/// Adds what a file has for arguments. `origins` says which file a tensor is from.
static Status readFile(const Function &function, const std::string &path, TensorMap &tensors,
                       std::map<std::string, std::string> &origins) {
  auto isWanted = [&](std::string_view name) { return findArgument(function, name) != nullptr; };
  Result<Safetensors> file = runtime::readSafetensors(path, isWanted);
  if (!file.ok())
    return file.status();
  for (NamedTensor &named : file->tensors) {
    auto [origin, isNew] = origins.emplace(named.name, path);
    if (!isNew)
      return invalid("argument " + runtime::quote(named.name) + " is in two files of --inputs, " +
                     runtime::quote(origin->second) + " and " + runtime::quote(path));
    tensors.emplace(named.name, std::move(named.tensor)); // what --input gave stays
  }
  return {};
}

static Result<std::vector<Tensor>> readInputs(const Function &function, std::span<const std::string> safetensors,
                                              std::span<const std::string> pairs) {
  TensorMap tensors;
  for (const std::string &pair : pairs)
    if (Status status = readPair(function, pair, tensors); !status.ok())
      return status;
  std::map<std::string, std::string> origins;
  for (const std::string &path : safetensors)
    if (Status status = readFile(function, path, tensors, origins); !status.ok())
      return status;
  std::vector<Tensor> inputs;
  for (const ValueSpec &spec : function.spec().args) {
    auto found = tensors.find(spec.name);
    if (found == tensors.end())
      return invalid("no input for argument " + runtime::quote(spec.name) + " (" + runtime::dtypeName(spec.dtype) +
                     spec.shapeText() + "): it must be in the file of --inputs, or be given by --input");
    if (!found->second.hasValidBools())
      return invalid("input " + runtime::quote(spec.name) + " must hold 0 and 1 only, as a bool does");
    inputs.push_back(std::move(found->second));
  }
  return inputs;
}

Result<std::vector<Tensor>> tools::getInputs(const Function &function, const InputOptions &options) {
  if (std::find(options.files.begin(), options.files.end(), "random") == options.files.end()) {
    if (!options.shape.empty())
      return invalid("--shape is for random inputs, and --inputs names files");
    return readInputs(function, options.files, options.pairs);
  }
  if (options.files.size() + options.pairs.size() > 1)
    return invalid("--inputs=random makes all inputs: it goes with no other --inputs or --input");
  Result<Sizes> sizes = parseSizes(options.shape);
  if (!sizes.ok())
    return sizes.status();
  if (options.hasDefaultSizes)
    addDefaultSizes(function, *sizes);
  return makeInputs(function, *sizes, options.seed);
}
