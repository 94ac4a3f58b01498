//===- fgla-translate.cpp - other formats to MLIR and back ----------------===//
#include "frontends/onnx/Import.h"
#include "tools/support/Startup.h"

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  fgla::tools::startTool();
  fgla::tools::hideLibraryOptions();
  fgla::onnx::registerONNXTranslation();
  return failed(mlir::mlirTranslateMain(argc, argv, "fgla translation tool"));
}
