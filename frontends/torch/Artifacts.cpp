//===- Artifacts.cpp - Compiled programs ----------------------------------===//

#include "frontends/torch/Artifacts.h"
#include "compiler/fgla_compiler.h"
#include "frontends/torch/Device.h"

#include <c10/util/Exception.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unistd.h>
#include <unordered_map>

using namespace fgla::ops;

namespace {
/// A file in a folder of its own, which are gone with this.
class TemporaryFile {
public:
  TemporaryFile() {
    const char *parent = std::getenv("TMPDIR");
    folder = std::string(parent && *parent ? parent : "/tmp") + "/fgla-XXXXXX";
    TORCH_CHECK(mkdtemp(folder.data()), "fgla: cannot make a folder ", folder, ": ", std::strerror(errno));
    path = folder + "/kernel.so";
  }
  TemporaryFile(const TemporaryFile &) = delete;
  ~TemporaryFile() {
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  const char *getPath() const { return path.c_str(); }

private:
  std::string folder, path;
};

/// Where a function is, and who makes it. Others that want the same one wait for it.
struct Entry {
  std::mutex mutex;
  std::optional<Function> function;
};

class Functions {
public:
  std::shared_ptr<Entry> find(const std::string &key) {
    std::shared_lock lock(mutex);
    auto found = entries.find(key);
    return found == entries.end() ? nullptr : found->second;
  }
  std::shared_ptr<Entry> findOrMake(const std::string &key) {
    std::unique_lock lock(mutex);
    std::shared_ptr<Entry> &entry = entries[key];
    if (!entry)
      entry = std::make_shared<Entry>();
    return entry;
  }

private:
  std::shared_mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries;
};
} // namespace

static Functions &getFunctions() {
  static auto *functions = new Functions; // calls may come while the process ends
  return *functions;
}

static void compile(const Call &call, const Program &program, const std::string &target, const char *path) {
  std::vector<std::string> options = program.options;
  options.insert(options.end(), {"--cache", "--target=" + target});
  std::vector<const char *> pointers;
  for (const std::string &option : options)
    pointers.push_back(option.c_str());
  fgla_compile_request request = {};
  request.size = sizeof(request);
  request.source = program.text.data();
  request.source_bytes = program.text.size();
  request.source_name = "torch.mlir";
  request.output_path = path;
  request.options = pointers.data();
  request.num_options = pointers.size();
  fgla_compile_result *made = nullptr;
  fgla_compile(&request, &made);
  std::unique_ptr<fgla_compile_result, void (*)(fgla_compile_result *)> result(made, fgla_compile_result_free);
  TORCH_CHECK(result, call.operation.schema.name(), ": cannot compile: no memory");
  TORCH_CHECK(result->status == FGLA_COMPILE_OK, call.operation.schema.name(), ": cannot compile for ", target, ": ",
              result->message, "\nThe program is:\n", program.text);
}

static Function load(const Call &call, const Program &program, const std::string &target) {
  TemporaryFile file;
  compile(call, program, target, file.getPath());
  auto check = [&](fgla_status status) {
    TORCH_CHECK(status == FGLA_OK, call.operation.schema.name(), ": ", fgla_error_message());
  };
  fgla_module *module = nullptr;
  check(fgla_module_load(file.getPath(), &module));
  Function function;
  check(fgla_module_function(module, program.function.c_str(), &function.handle));
  fgla_value_info info;
  for (int32_t i = 0; i < fgla_function_num_args(function.handle); ++i) {
    check(fgla_function_arg(function.handle, i, &info));
    function.arguments.push_back(info.name);
  }
  for (int32_t i = 0; i < fgla_function_num_results(function.handle); ++i) {
    check(fgla_function_result(function.handle, i, &info));
    function.results.push_back(info.name);
  }
  return function;
}

/// How many of the last dims are heads and channels, which programs are made for.
static int64_t countStaticDims(Slot slot) {
  switch (slot) {
  case Slot::Max:
  case Slot::Sequences:
    return 0;
  case Slot::Beta:
    return 1;
  case Slot::QueryWeight:
  case Slot::KeyWeight:
    return 3;
  default:
    return 2;
  }
}

/// All that a program depends on, in a form that is quickly made.
static std::string makeKey(const Call &call) {
  const Options &options = call.options;
  std::string key;
  key.reserve(256);
  auto add = [&](const auto &value) { key.append(reinterpret_cast<const char *>(&value), sizeof(value)); };
  add(call.operation.kind);
  add(call.operation.isStep);
  c10::Device device = call.find(Slot::Query)->device();
  add(device.type());
  add(device.index());
  for (std::string_view text : {options.queryMap, options.keyMap, options.gateKind, options.axis, options.rule,
                                options.stabilizer, options.norm, options.memory}) {
    key += text;
    key += '\0';
  }
  add(options.logGate);
  add(options.finalState);
  add(options.eps);
  add(options.scale.has_value());
  add(options.scale.value_or(0));
  add(call.outputGrad.defined());
  add(call.stateGrad.defined());
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Input &input = call.inputs[i];
    add(input.slot);
    add(input.tensor.scalar_type());
    if (call.operation.kind == Kind::Backward)
      add(static_cast<bool>(call.needs[i]));
    int64_t rank = input.tensor.dim();
    add(rank);
    for (int64_t dim = rank - std::min(rank, countStaticDims(input.slot)); dim < rank; ++dim)
      add(input.tensor.size(dim));
  }
  return key;
}

const Function &fgla::ops::getFunction(const Call &call, const Sizes &sizes) {
  std::string key = makeKey(call);
  std::shared_ptr<Entry> entry = getFunctions().find(key);
  if (!entry)
    entry = getFunctions().findOrMake(key);
  std::lock_guard lock(entry->mutex);
  if (!entry->function) {
    c10::Device device = call.find(Slot::Query)->device();
    TORCH_CHECK(
        !isCapturing(device), call.operation.schema.name(),
        ": this call is not compiled yet, which cannot be done while a graph is captured; make the same call, or "
        "call fgla::prepare, before");
    entry->function = load(call, makeProgram(call, sizes), getTarget(device));
  }
  return *entry->function;
}
