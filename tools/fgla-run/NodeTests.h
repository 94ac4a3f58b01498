//===- NodeTests.h - ONNX's test data -------------------------------------===//
#ifndef FGLA_TOOLS_FGLA_RUN_NODETESTS_H
#define FGLA_TOOLS_FGLA_RUN_NODETESTS_H

#include "compiler/Compiler.h"

namespace fgla::tools {

/// Runs the test data in `folders`: each holds model.onnx and test_data_set_*/,
/// or folders that do. With `model`, that file is run instead of model.onnx.
/// Prints a line for each failure and the counts; returns the exit code.
int runNodeTests(std::span<const std::string> folders, const std::string &model, const CompileOptions &options);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_RUN_NODETESTS_H
