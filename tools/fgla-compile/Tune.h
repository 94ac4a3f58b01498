//===- Tune.h - Times schedules of a program on a GPU ---------------------===//
#ifndef FGLA_TOOLS_FGLA_COMPILE_TUNE_H
#define FGLA_TOOLS_FGLA_COMPILE_TUNE_H

#include "compiler/Compiler.h"
#include "tools/support/Synthetic.h"

namespace fgla::tools {

struct TuneOptions {
  CompileOptions compile; ///< for a GPU
  std::vector<Sizes> shapes;
  bool isDryRun = false; ///< prints candidates and what is predicted for them, and needs no GPU
  std::string tablePath; ///< the table that the winners are written to; empty for nowhere
};

/// Compiles a program of one attention with many schedules, times each at each shape, and prints what came out. The
/// fastest that leaves segments to the launch goes into the table where it gains something over what would have been
/// chosen.
runtime::Status tune(const Source &source, const TuneOptions &options);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_COMPILE_TUNE_H
