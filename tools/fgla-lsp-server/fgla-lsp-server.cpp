//===- fgla-lsp-server.cpp - Language server for editors ------------------===//

#include "compiler/Registration.h"
#include "tools/fgla-lsp-server/Filter.h"
#include "tools/support/Startup.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <csignal>

int main(int argc, char **argv) {
  fgla::tools::startTool();
  fgla::tools::hideLibraryOptions();
  mlir::DialectRegistry registry;
  fgla::registerAllDialects(registry);
  auto serve = [&] { return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry)) ? 1 : 0; };
  // The form of messages in the server's own tests.
  for (llvm::StringRef option : llvm::ArrayRef<char *>(argv, argc).drop_front())
    if (option.contains("lit-test") || option.contains("delimited"))
      return serve();
  signal(SIGPIPE, SIG_IGN);
  return fgla::tools::runFiltered(serve);
}
