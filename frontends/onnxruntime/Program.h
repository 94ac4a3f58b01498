//===- Program.h - A compiled function, from an artifact or from text -----===//
#ifndef FGLA_FRONTENDS_ONNXRUNTIME_PROGRAM_H
#define FGLA_FRONTENDS_ONNXRUNTIME_PROGRAM_H

#include "runtime/fgla.h"

#include <string>

namespace fgla::ort {

/// The function `name` (empty: the only one there is) of the artifact at `path`. Returns null and sets `error` on
/// failure. Modules are loaded once and stay until the process ends.
const fgla_function *loadArtifact(const std::string &path, const std::string &name, std::string &error);

/// Likewise of a program's text, which is compiled for this machine, or taken from the compiler's cache.
const fgla_function *compileProgram(const std::string &text, const std::string &name, std::string &error);

} // namespace fgla::ort

#endif // FGLA_FRONTENDS_ONNXRUNTIME_PROGRAM_H
