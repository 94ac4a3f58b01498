//===- Startup.h - What every tool begins with ----------------------------===//
#ifndef FGLA_TOOLS_SUPPORT_STARTUP_H
#define FGLA_TOOLS_SUPPORT_STARTUP_H

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/PrettyStackTrace.h"

#include <algorithm>
#include <sys/resource.h>

namespace fgla::tools {

/// A crash asks for a report to this project, not to LLVM's. The stack may grow: parsers and passes of MLIR recurse as
/// deep as a text is nested.
inline void startTool() {
  llvm::setBugReportMsg("PLEASE report this crash to the issue tracker of fgla, with the input and the lines below.\n");
  constexpr rlim_t kStackBytes = rlim_t(1) << 30;
  rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStackBytes)
    return;
  limit.rlim_cur = std::min(kStackBytes, limit.rlim_max);
  setrlimit(RLIMIT_STACK, &limit);
}

/// Hides the options that there are: those of LLVM's libraries, before a tool adds its own.
inline void hideLibraryOptions() {
  for (auto &[name, option] : llvm::cl::getRegisteredOptions())
    if (!name.starts_with("help") && name != "version")
      option->setHiddenFlag(llvm::cl::ReallyHidden);
}

} // namespace fgla::tools

#endif // FGLA_TOOLS_SUPPORT_STARTUP_H
