//===- Module.cpp - Loaded artifacts --------------------------------------===//

#include "runtime/Module.h"
#include "runtime/ArtifactFile.h"
#include "runtime/Device.h"
#include "runtime/Processor.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace fgla::runtime;

static Status invalid(const std::string &what) { return Status(FGLA_INVALID_ARTIFACT, what); }

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

namespace {
struct Symbol {
  void *address = nullptr;
  uint64_t size = 0;
  unsigned type = 0;
  const void *object = nullptr; // load address of the object that has it
};
} // namespace

/// Null address when there is no such symbol. dlsym() also searches the
/// libraries that the artifact links, hence `object`.
static Symbol findSymbol(void *library, const char *name) {
  Symbol symbol;
  void *address = dlsym(library, name);
  Dl_info where;
  const ElfW(Sym) *entry = nullptr;
  if (!address ||
      !dladdr1(address, &where, reinterpret_cast<void **>(const_cast<ElfW(Sym) **>(&entry)), RTLD_DL_SYMENT) || !entry)
    return symbol;
  return {address, entry->st_size, static_cast<unsigned>(ELF64_ST_TYPE(entry->st_info)), where.dli_fbase};
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

void Module::CloseLibrary::operator()(void *handle) const { dlclose(handle); }

Result<std::unique_ptr<Module>> Module::create(std::string_view text, const Lookup &lookup) {
  Result<Manifest> manifest = Manifest::parse(text);
  if (!manifest.ok())
    return manifest.status();
  if (Status s = checkTarget(manifest->target); !s.ok())
    return s;
  for (const std::string &extension : manifest->requirements)
    if (!hasExtension(extension))
      return Status(FGLA_UNSUPPORTED, "artifact was compiled for a processor with " + quote(extension) +
                                          ", which this one has not: compile it here");
  std::unique_ptr<Module> module(new Module);
  module->targetName = manifest->target;
  module->compilerName = manifest->compiler;
  if (!manifest->isForCPU()) {
    std::vector<const KernelImage *> images;
    for (const KernelSpec &spec : manifest->kernels) {
      images.push_back(static_cast<const KernelImage *>(lookup(spec.image, SymbolKind::Data)));
      if (!images.back() || !images.back()->ptx)
        return invalid("has no code " + quote(spec.image) + " for kernel " + quote(spec.name));
    }
    module->program =
        std::make_unique<cuda::Program>(manifest->target, std::move(manifest->kernels), std::move(images));
  }
  for (FunctionSpec &spec : manifest->functions) {
    void *addresses[2];
    for (auto [address, symbol] : {std::pair{&addresses[0], &spec.entry}, std::pair{&addresses[1], &spec.shapeEntry}})
      if (!(*address = lookup(*symbol, SymbolKind::Function)))
        return invalid("has no code " + quote(*symbol) + " for function " + quote(spec.name));
    module->functionList.emplace_back(std::move(spec), reinterpret_cast<Function::Entry>(addresses[0]),
                                      reinterpret_cast<Function::ShapeEntry>(addresses[1]), module->program.get());
  }
  return module;
}

static Result<std::unique_ptr<Module>> createFrom(void *library) {
  Symbol manifest = findSymbol(library, "fgla_manifest");
  if (!manifest.address)
    return invalid("has no symbol 'fgla_manifest': it is no fgla artifact");
  auto *text = static_cast<const char *>(manifest.address);
  size_t length = strnlen(text, manifest.size);
  if (manifest.type != STT_OBJECT || length == manifest.size)
    return invalid("has a manifest that does not end in zero");
  return Module::create({text, length}, [&](const std::string &name, Module::SymbolKind kind) -> void * {
    Symbol symbol = findSymbol(library, name.c_str());
    bool isKind = kind == Module::SymbolKind::Function
                      ? symbol.type == STT_FUNC
                      : symbol.type == STT_OBJECT && symbol.size >= sizeof(KernelImage);
    return isKind && symbol.object == manifest.object ? symbol.address : nullptr;
  });
}

Result<std::unique_ptr<Module>> Module::load(const std::string &path) {
  auto fail = [&](const Status &status) {
    return Status(status.code(), "artifact " + quote(path) + ": " + status.message());
  };
  Result<File> file = File::openForRead(path);
  if (!file.ok())
    return file.status();
  if (Status s = checkArtifactFile(*file); !s.ok())
    return fail(s);
  // A name without a slash would send dlopen() along the library path.
  std::string name = path.find('/') == std::string::npos ? "./" + path : path;
  Library library(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library)
    return fail(invalid(std::string("cannot be loaded: ") + dlerror()));
  Result<std::unique_ptr<Module>> module = createFrom(library.get());
  if (!module.ok())
    return fail(module.status());
  (*module)->library = std::move(library);
  return module;
}

static Status writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return ioError("cannot copy the artifact", errno);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Module::MemoryFile::~MemoryFile() {
  if (fd >= 0)
    close(fd);
}

Result<std::unique_ptr<Module>> Module::loadBytes(std::string_view artifact) {
  MemoryFile file{memfd_create("fgla-artifact", MFD_CLOEXEC)};
  if (file.fd < 0)
    return ioError("cannot make a file in memory", errno);
  if (Status s = writeAll(file.fd, artifact); !s.ok())
    return s;
  Result<std::unique_ptr<Module>> module = load("/proc/self/fd/" + std::to_string(file.fd));
  if (module.ok())
    std::swap((*module)->memory.fd, file.fd);
  return module;
}

Result<const Function *> Module::find(std::string_view name) const {
  for (const Function &function : functionList)
    if (function.spec().name == name)
      return &function;
  std::string names;
  for (const Function &function : functionList)
    names += (names.empty() ? "" : ", ") + quote(function.spec().name);
  return Status(FGLA_NOT_FOUND,
                "no function " + quote(name) + " in the artifact (it has: " + (names.empty() ? "none" : names) + ")");
}
