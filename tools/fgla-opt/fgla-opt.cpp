//===- fgla-opt.cpp - Runs passes and phases on text ----------------------===//

#include "compiler/Registration.h"
#include "compiler/TextDepth.h"
#include "tools/support/Startup.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;

static int fail(const Twine &message) {
  errs() << "error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  fgla::tools::startTool();
  InitLLVM init(argc, argv);
  fgla::tools::hideLibraryOptions();
  mlir::DialectRegistry registry;
  fgla::registerAllDialects(registry);
  fgla::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(argc, argv, "fgla optimizer\n", registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));

  std::string error;
  std::unique_ptr<MemoryBuffer> text = mlir::openInputFile(input, &error);
  if (!text)
    return fail(error);
  if (!text->getBuffer().starts_with("ML\xefR") && fgla::isNestedTooDeep(text->getBuffer()))
    return fail("file '" + input + "' is nested deeper than " + Twine(fgla::kMaxDepth));
  if (output != "-" && sys::fs::equivalent(input, output))
    return fail("output file '" + output + "' is the input");
  std::unique_ptr<ToolOutputFile> file = mlir::openOutputFile(output, &error);
  if (!file)
    return fail(error);
  if (failed(mlir::MlirOptMain(file->os(), std::move(text), registry, config)))
    return 1;
  file->keep();
  return 0;
}
