//===- Program.cpp - A compiled function, from an artifact or from text ---===//
#include "frontends/onnxruntime/Program.h"

#include "compiler/fgla_compiler.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <unistd.h>

using namespace fgla::ort;

namespace {
/// A file in a folder of its own, which are gone with this.
class TemporaryFile {
public:
  TemporaryFile() {
    const char *parent = std::getenv("TMPDIR");
    folder = std::string(parent && *parent ? parent : "/tmp") + "/fgla-XXXXXX";
    if (!mkdtemp(folder.data()))
      folder.clear();
    path = folder + "/program.so";
  }
  TemporaryFile(const TemporaryFile &) = delete;
  ~TemporaryFile() {
    if (folder.empty())
      return;
    unlink(path.c_str());
    rmdir(folder.c_str());
  }
  /// Null if there is no folder.
  const char *getPath() const { return folder.empty() ? nullptr : path.c_str(); }

private:
  std::string folder, path;
};
} // namespace

/// The module of a path or a text, made by `make` where it is asked for first. Sessions may be made in several threads;
/// two that want one module do not both make it.
template <typename Make> static fgla_module *getModule(const std::string &key, Make make) {
  static std::mutex mutex;
  static auto *modules = new std::map<std::string, fgla_module *>; // calls may come while the process ends
  std::lock_guard lock(mutex);
  fgla_module *&module = (*modules)[key];
  if (!module)
    module = make();
  return module;
}

static fgla_module *load(const char *path, std::string &error) {
  fgla_module *module = nullptr;
  if (fgla_module_load(path, &module) != FGLA_OK)
    error = fgla_error_message();
  return module;
}

static const fgla_function *find(const fgla_module *module, const std::string &name, std::string &error) {
  const fgla_function *function = nullptr;
  if (!module)
    return nullptr;
  if (name.empty() && fgla_module_num_functions(module) != 1) {
    error = "attribute 'function' must say which of " + std::to_string(fgla_module_num_functions(module)) +
            " functions is meant";
    return nullptr;
  }
  fgla_status status = name.empty() ? fgla_module_function_at(module, 0, &function)
                                    : fgla_module_function(module, name.c_str(), &function);
  if (status != FGLA_OK)
    error = fgla_error_message();
  return function;
}

const fgla_function *fgla::ort::loadArtifact(const std::string &path, const std::string &name, std::string &error) {
  return find(getModule("artifact " + path, [&] { return load(path.c_str(), error); }), name, error);
}

static fgla_module *compile(const std::string &text, std::string &error) {
  TemporaryFile file;
  if (!file.getPath()) {
    error = std::string("cannot make a temporary folder: ") + std::strerror(errno);
    return nullptr;
  }
  const char *options[] = {"--cache"};
  fgla_compile_request request = {};
  request.size = sizeof(request);
  request.source = text.data();
  request.source_bytes = text.size();
  request.source_name = "node.mlir";
  request.output_path = file.getPath();
  request.options = options;
  request.num_options = 1;
  fgla_compile_result *made = nullptr;
  fgla_compile_status status = fgla_compile(&request, &made);
  std::unique_ptr<fgla_compile_result, void (*)(fgla_compile_result *)> result(made, fgla_compile_result_free);
  if (status == FGLA_COMPILE_OK)
    return load(file.getPath(), error);
  error = std::string("the program cannot be compiled: ") + (result ? result->message : "no memory");
  return nullptr;
}

const fgla_function *fgla::ort::compileProgram(const std::string &text, const std::string &name, std::string &error) {
  return find(getModule("program " + text, [&] { return compile(text, error); }), name, error);
}
