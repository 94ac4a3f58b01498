//===- Module.h - Loaded artifacts ------------------------------*- C++ -*-===//
#ifndef FGLA_RUNTIME_MODULE_H
#define FGLA_RUNTIME_MODULE_H

#include "runtime/Function.h"
#include "runtime/cuda/Program.h"

#include <functional>
#include <memory>

namespace fgla::runtime {

/// The functions of one artifact. Immutable once made.
class Module {
public:
  /// Loads a shared object. Damage that can be seen without running it (not a
  /// file, not ELF, cut short, no or bad manifest, missing functions) is an
  /// error.
  static Result<std::unique_ptr<Module>> load(const std::string &path);

  /// The same for the bytes of one, which are copied. Nothing is written to a disk.
  static Result<std::unique_ptr<Module>> loadBytes(std::string_view artifact);

  /// For code that is in memory already (a JIT): `lookup` gives the address of
  /// a function or of data, or null, and the code must outlive the module.
  enum class SymbolKind { Function, Data };
  using Lookup = std::function<void *(const std::string &symbol, SymbolKind kind)>;
  static Result<std::unique_ptr<Module>> create(std::string_view manifest, const Lookup &lookup);

  const std::string &target() const { return targetName; }
  const std::string &compiler() const { return compilerName; }
  const std::vector<Function> &functions() const { return functionList; }

  /// FGLA_NOT_FOUND lists the names there are.
  Result<const Function *> find(std::string_view name) const;

private:
  struct CloseLibrary {
    void operator()(void *handle) const;
  };
  using Library = std::unique_ptr<void, CloseLibrary>;
  /// A file without a name. The loader knows files by their paths, and this one's is free for another when it is
  /// closed.
  struct MemoryFile {
    int fd = -1;
    ~MemoryFile();
  };

  Module() = default;

  MemoryFile memory; // of an artifact that came as bytes
  Library library;   // null for code in memory
  std::string targetName, compilerName;
  std::unique_ptr<cuda::Program> program; // null for the CPU
  std::vector<Function> functionList;
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_MODULE_H
