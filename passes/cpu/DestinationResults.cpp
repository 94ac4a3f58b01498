//===- DestinationResults.cpp - Results in memory of the caller -----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
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

namespace {
struct DestinationResults : fgla::cpu::impl::DestinationResultsBase<DestinationResults> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration() && failed(rewrite(function)))
        return signalPassFailure();
  }
};
} // namespace
