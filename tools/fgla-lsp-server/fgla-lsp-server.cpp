//===- fgla-lsp-server.cpp - Language server for editors ------------------===//

#include "compiler/Registration.h"
#include "tools/fgla-lsp-server/Filter.h"
#include "tools/support/Startup.h"

#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

#include <csignal>

int main(int argc, char **argv) {
  fgla::tools::startTool();
  fgla::tools::hideLibraryOptions();
  mlir::DialectRegistry registry;
  fgla::registerAllDialects(registry);
  auto serve = [&] { return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry)) ? 1 : 0; };
  // The options of the server's own tests change the form of messages.
  if (argc > 1)
    return serve();
  signal(SIGPIPE, SIG_IGN);
  return fgla::tools::runFiltered(serve);
}
