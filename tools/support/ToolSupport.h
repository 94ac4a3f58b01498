//===- ToolSupport.h - What the tools' command lines share ----------------===//
#ifndef FGLA_TOOLS_SUPPORT_TOOLSUPPORT_H
#define FGLA_TOOLS_SUPPORT_TOOLSUPPORT_H

#include "compiler/Compiler.h"

#include "llvm/Support/CommandLine.h"

namespace fgla::tools {

/// Prints `error: ...` on one line and returns the exit code 1.
int fail(const llvm::Twine &message);
inline int fail(const runtime::Status &status) { return fail(status.message()); }

/// While it lives, people who wait at a terminal see which phase is under way.
class Progress {
public:
  explicit Progress(CompileOptions &options);
  ~Progress();
};

/// A fatal error of LLVM (an instruction that a GPU lacks, no memory left) becomes one line on stderr and exit code 1.
void endOnFatalErrors();

/// Parses the command line; only options of `category` are shown by --help. A
/// mistake is one line on stderr and exit code 1.
void parseCommandLine(int argc, char **argv, llvm::cl::OptionCategory &category, llvm::StringRef overview);

/// Refuses options for compiling that are given for what is compiled: they would have no effect.
runtime::Status checkCompiled(const std::string &path, llvm::ArrayRef<const llvm::cl::Option *> options);

/// Refuses to write to `path`, which `option` names, where it is one of the inputs, by whatever name.
runtime::Status checkOverwrites(llvm::StringRef option, const std::string &path, llvm::ArrayRef<std::string> inputs);

/// `--lowering=tiled|reference|roles`, as text so that a mistake is reported like all
/// others.
runtime::Result<Lowering> parseLowering(llvm::StringRef text);
/// `--precision=f32|tf32`.
runtime::Result<Precision> parsePrecision(llvm::StringRef text);
/// `--memory=min|balanced|speed`.
runtime::Result<Memory> parseMemory(llvm::StringRef text);
runtime::Result<Phase> parsePhase(llvm::StringRef text);

} // namespace fgla::tools

#endif // FGLA_TOOLS_SUPPORT_TOOLSUPPORT_H
