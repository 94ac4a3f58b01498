//===- DestinationResults.cpp - Results in memory of the caller -----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_DESTINATIONRESULTS
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;

static LogicalResult rewrite(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("must have one block to become an entry point");
  // Names and dims stand in the manifest now; translation to LLVM IR knows nothing of them.
  function.removeArgAttrsAttr();
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (isa<RankedTensorType>(type))
      function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                          BoolAttr::get(function.getContext(), false));

  auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  OpBuilder builder(ret);
  for (Value value : ret.getOperands()) {
    auto tensor = dyn_cast<RankedTensorType>(value.getType());
    if (!tensor)
      return function.emitOpError("must return ranked tensors to become an entry point, got ") << value.getType();
    auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type, {}, value.getLoc())))
      return failure();
    auto store = bufferization::MaterializeInDestinationOp::create(builder, ret.getLoc(), Type(), value,
                                                                   function.getArgument(index));
    store.setRestrict(true);
    store.setWritable(true);
  }
  ret.getOperandsMutable().clear();
  function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), {}));
  function.removeResAttrsAttr();
  return success();
}

/// Gives each op that starts from a filled tensor a filled tensor of its own, so that each is filled where it is used,
/// rather than filled once and copied.
static void ownFills(func::FuncOp function) {
  SmallVector<linalg::FillOp> fills;
  function.walk([&](linalg::FillOp fill) {
    if (fill.hasPureTensorSemantics() && fill.getOutputs().front().getDefiningOp<tensor::EmptyOp>())
      fills.push_back(fill);
  });
  for (linalg::FillOp fill : fills) {
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : fill.getResult(0).getUses())
      if (auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner()); user && user.isDpsInit(&use))
        uses.push_back(&use);
    for (OpOperand *use : uses) {
      OpBuilder builder(use->getOwner());
      IRMapping values;
      builder.clone(*fill.getOutputs().front().getDefiningOp(), values);
      use->set(builder.clone(*fill, values)->getResult(0));
    }
    if (fill->use_empty())
      fill.erase();
  }
}

namespace {
struct DestinationResults : fgla::cpu::impl::DestinationResultsBase<DestinationResults> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      ownFills(function);
      if (failed(rewrite(function)) || failed(bufferization::eliminateEmptyTensors(rewriter, function)))
        return signalPassFailure();
      // The artifact's entry points call it with pointers to descriptors.
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&getContext()));
    }
  }
};
} // namespace
