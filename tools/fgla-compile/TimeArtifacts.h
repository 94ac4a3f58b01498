//===- TimeArtifacts.h - Times artifacts on the first GPU -----------------===//
#ifndef FGLA_TOOLS_FGLA_COMPILE_TIMEARTIFACTS_H
#define FGLA_TOOLS_FGLA_COMPILE_TIMEARTIFACTS_H

#include "tools/support/Synthetic.h"

namespace fgla::tools {

/// What became of one artifact at one shape.
struct Timed {
  double seconds = 0; ///< of a call, median over rounds; 0 where there is an error
  std::string error;  ///< it failed, hung, or gave other results than the first one that ran
};

/// A GPU of another process's view: "cuda device 0 (sm_90), 132 multiprocessors".
runtime::Result<std::string> describeGPU();

/// Calls the one function of each artifact many times in a row on made-up tensors, which are in several places so that
/// caches do not help, all artifacts in turn. It happens in processes of its own, so that a kernel that fails or hangs
/// takes no others with it.
runtime::Result<std::vector<Timed>> timeArtifacts(const std::vector<std::string> &paths, const Sizes &sizes);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_COMPILE_TIMEARTIFACTS_H
