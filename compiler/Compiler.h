//===- Compiler.h - From a file to an artifact ----------------------------===//
//
// What fgla-compile, fgla-run and fgla-bench share. Errors are values: one line
// of text, as the tools print it.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_COMPILER_COMPILER_H
#define FGLA_COMPILER_COMPILER_H

#include "compiler/Phases.h"
#include "passes/binary/Report.h"
#include "runtime/Module.h"
#include "runtime/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <map>

namespace fgla {

struct CompileOptions {
  std::string target = "cpu";
  /// For the target "cpu": the processor, as LLVM names it; empty for the one that this runs on.
  std::string cpu;
  PhaseOptions phases;
  /// The phase that the source is in already, and the last one that runs.
  Phase from = Phase::Import;
  Phase to = Phase::Binary;
  /// The sizes of named dims that the report of a GPU's kernels is to be for; none: it says nothing of shapes.
  std::map<std::string, int64_t, std::less<>> shape;
  /// Is told the name of each phase that begins; may be empty.
  std::function<void(llvm::StringRef)> progress;
  /// Where to write the module after each phase ("2.graph.mlir"); empty for
  /// nowhere.
  std::string dumpDir;
};

/// A file that can be compiled, and what kind it is.
struct Source {
  enum class Kind { MLIR, ONNX };
  std::string path;
  std::string bytes;
  Kind kind = Kind::MLIR;
};

/// Reads a file; its kind goes by the ending of its name (.mlir, .mlirbc,
/// .onnx, .onnxtxt).
runtime::Result<Source> readSource(const std::string &path);

/// The same for the bytes of a file of that name.
runtime::Result<Source> makeSource(std::string path, std::string bytes);

/// A context with all dialects that a source can hold. One thread: compilation
/// of one module gains nothing from more.
std::unique_ptr<mlir::MLIRContext> makeContext();

/// Text or ONNX to a module. Arguments and results without `fgla.name` get the
/// names they have in the text.
runtime::Result<mlir::OwningOpRef<mlir::ModuleOp>> importSource(const Source &source, mlir::MLIRContext &context);

/// Runs the phases after `options.from` up to `options.to` (`Binary` has no
/// passes).
runtime::Status runPhases(mlir::ModuleOp module, const CompileOptions &options);

/// What all phases give.
struct Compiled {
  std::string object; ///< the bytes of an object file
  std::string manifest;
  /// For a GPU: the code of the kernels, which is in the object too, and a JSON array with what became of them.
  std::vector<binary::DeviceCode> device;
  llvm::json::Array report;
};
runtime::Result<Compiled> compile(const Source &source, const CompileOptions &options);

/// The text after phase `options.to`.
runtime::Result<std::string> compileToText(const Source &source, const CompileOptions &options);

/// A model, or the mirror of one, as the bytes of an ONNX file that is to stand in `folder`. With a `form`, a program
/// of fgla (the pass fgla-export-onnx has the forms).
runtime::Result<std::string> writeONNX(const Source &source, llvm::StringRef folder, llvm::StringRef form);

/// All phases: optimized LLVM IR as text.
runtime::Result<std::string> compileToLLVMText(const Source &source, const CompileOptions &options);

/// Compiles and links: the bytes of an artifact. They are kept on disk (compiler/Cache.h), named by what they depend
/// on: the source, the options, the compiler and this machine's processor.
runtime::Result<std::string> compileCached(const Source &source, const CompileOptions &options);

/// The same, and loads the result.
runtime::Result<std::unique_ptr<runtime::Module>> compileAndLoad(const Source &source, const CompileOptions &options);

} // namespace fgla

#endif // FGLA_COMPILER_COMPILER_H
