//===- ConvertONNX.cpp - From ONNX nodes to fgla and linalg ---------------===//
#include "passes/onnx/MirrorBuilder.h"
#include "passes/onnx/ONNXLowering.h"
#include "passes/onnx/Passes.h"

#include "dialect/fgla/FGLA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace fgla::onnx {
#define GEN_PASS_DEF_CONVERTONNX
#include "passes/onnx/Passes.h.inc"
} // namespace fgla::onnx

namespace {

class ConvertONNXPass : public fgla::onnx::impl::ConvertONNXBase<ConvertONNXPass> {
public:
  using ConvertONNXBase::ConvertONNXBase;
  void runOnOperation() override;
};

} // namespace

void ConvertONNXPass::runOnOperation() {
  ModuleOp module = getOperation();
  std::string path = folder;
  auto attr = module->getAttrOfType<StringAttr>(fgla::onnx::kFolderAttrName);
  if (path.empty())
    path = attr ? attr.getValue().str() : ".";
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    if (failed(fgla::onnx::ONNXLowering(func, path, raise).run()))
      return signalPassFailure();
    // Raising leaves the ops behind that it looked through.
    fgla::onnx::eraseDeadOps(func);
  }
  module->removeAttr(fgla::onnx::kFolderAttrName);
  module->removeAttr(fgla::onnx::kModelAttrName);
}
