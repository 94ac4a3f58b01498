//===- fgla-linearize.cpp - Softmax attention in an ONNX model ------------===//

#include "dialect/fgla/FGLA.h"
#include "dialect/onnx/ONNX.h"
#include "frontends/onnx/Import.h"
#include "support/WriteFile.h"
#include "tools/fgla-linearize/Listing.h"
#include "tools/support/Startup.h"
#include "tools/support/ToolSupport.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using fgla::runtime::Status;
using fgla::tools::fail;

static cl::OptionCategory category("fgla-linearize options");
static cl::opt<std::string> inputPath(cl::Positional, cl::desc("FILE.onnx"), cl::cat(category));
static cl::opt<bool> inspectIt("inspect", cl::desc("list the softmax attention of the model, and what can be replaced"),
                               cl::cat(category));
static cl::opt<bool> asJSON("json", cl::desc("with --inspect: for programs"), cl::cat(category));
static cl::opt<std::string> svgPath("svg", cl::desc("with --inspect: also draw the model"), cl::value_desc("FILE.svg"),
                                    cl::cat(category));

/// The listing of the model in `path`, whose errors are in `error`.
static bool inspect(const std::string &path, fgla::tools::Listing &listing, std::string &error) {
  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && error.empty())
      error = diagnostic.str();
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> module = fgla::onnx::importONNXToInspect(path, context, listing.leftOut);
  if (!module)
    return false;
  listing.model = path;
  for (mlir::func::FuncOp func : module->getOps<mlir::func::FuncOp>()) {
    func.walk([&](fgla::onnx::NodeOp) { ++listing.nodes; });
    for (fgla::onnx::AttentionReport &report : fgla::onnx::inspectAttentions(func))
      listing.attentions.push_back(std::move(report));
  }
  return true;
}

static int run() {
  if (inputPath.empty())
    return fail("no model given (see --help)");
  if (!inspectIt)
    return fail("nothing to do: --inspect is not given (see --help)");
  if (Status status = fgla::tools::checkOverwrites("--svg", svgPath, {inputPath}); !status.ok())
    return fail(status);
  fgla::tools::Listing listing;
  std::string error;
  if (!inspect(inputPath, listing, error))
    return fail(error);
  if (!svgPath.empty()) {
    std::string drawing;
    raw_string_ostream stream(drawing);
    fgla::tools::printSVG(listing, stream);
    std::string_view chunks[] = {drawing};
    if (Status status = fgla::runtime::writeFileAtomically(svgPath, chunks); !status.ok())
      return fail(status);
  }
  (asJSON ? fgla::tools::printJSON : fgla::tools::printTable)(listing, outs());
  return 0;
}

int main(int argc, char **argv) {
  fgla::tools::startTool();
  InitLLVM init(argc, argv);
  fgla::tools::parseCommandLine(argc, argv, category, "Finds the softmax attention of an ONNX model.\n");
  return run();
}
