//===- DestinationResults.cpp - Results in memory of the caller -----------===//

#include "passes/cpu/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::cpu {
#define GEN_PASS_DEF_DESTINATIONRESULTS
#define GEN_PASS_DEF_DROPRESULTS
#include "passes/cpu/Passes.h.inc"
} // namespace fgla::cpu

using namespace mlir;

/// `memory`, seen in the shape of what `collapse` makes its result from; null where that shape has no name here. So
/// what computes a tensor of one more dim (one token of a step) writes to the caller's memory too.
static Value expandMemory(OpBuilder &builder, tensor::CollapseShapeOp collapse, Value memory) {
  SmallVector<OpFoldResult> shape;
  ArrayRef<int64_t> sizes = collapse.getSrcType().getShape();
  for (auto [dim, group] : llvm::enumerate(collapse.getReassociationIndices())) {
    int64_t dynamic = llvm::count_if(group, [&](int64_t i) { return ShapedType::isDynamic(sizes[i]); });
    for (int64_t i : group) {
      bool others = llvm::any_of(group, [&](int64_t other) { return other != i && sizes[other] != 1; });
      if (!ShapedType::isDynamic(sizes[i]))
        shape.push_back(builder.getIndexAttr(sizes[i]));
      else if (dynamic == 1 && !others)
        shape.push_back(tensor::DimOp::create(builder, collapse.getLoc(), memory, dim).getResult());
      else
        return {};
    }
  }
  return tensor::ExpandShapeOp::create(builder, collapse.getLoc(), collapse.getSrcType(), memory,
                                       collapse.getReassociationIndices(), shape);
}

/// `value` where the caller wants it.
static Value materialize(OpBuilder &builder, Value value, Value memory) {
  using bufferization::MaterializeInDestinationOp;
  Location loc = builder.getInsertionPoint()->getLoc();
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>(); collapse && value.hasOneUse()) {
    OpBuilder atStart = OpBuilder::atBlockBegin(builder.getBlock());
    if (Value expanded = expandMemory(atStart, collapse, memory)) {
      Value stored = MaterializeInDestinationOp::create(builder, loc, collapse.getSrc(), expanded).getResult();
      return tensor::CollapseShapeOp::create(builder, loc, collapse.getType(), stored,
                                             collapse.getReassociationIndices());
    }
  }
  return MaterializeInDestinationOp::create(builder, loc, value, memory).getResult();
}

static LogicalResult rewrite(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("must have one block to become an entry point");
  // Names and dims stand in the manifest now; translation to LLVM IR knows nothing of them.
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (isa<RankedTensorType>(type))
      function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                          BoolAttr::get(function.getContext(), false));

  auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  OpBuilder builder(ret);
  for (OpOperand &result : ret->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(result.get().getType());
    if (!type)
      return function.emitOpError("must return ranked tensors to become an entry point, got ")
             << result.get().getType();
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(index, type, {}, result.get().getLoc())))
      return failure();
    result.set(materialize(builder, result.get(), function.getArgument(index)));
  }
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
    SmallVector<func::FuncOp> entries;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        entries.push_back(function);
    for (func::FuncOp function : entries) {
      ownFills(function);
      if (failed(rewrite(function)))
        return signalPassFailure();
      // The artifact's entry points call it with pointers to descriptors.
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&getContext()));
    }
    bufferization::OneShotBufferizationOptions options;
    options.allowReturnAllocsFromLoops = true;
    options.bufferizeFunctionBoundaries = true;
    bufferization::OneShotAnalysisState state(getOperation(), options);
    if (failed(bufferization::analyzeModuleOp(getOperation(), state)))
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (func::FuncOp function : entries)
      if (failed(bufferization::eliminateEmptyTensors(rewriter, function, state)))
        return signalPassFailure();
  }
};

/// What `view` shows the whole of.
static Value findMemory(Value view) {
  while (isa_and_nonnull<memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(view.getDefiningOp()))
    view = view.getDefiningOp()->getOperand(0);
  return view;
}

struct DropResults : fgla::cpu::impl::DropResultsBase<DropResults> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName()) || function.getNumResults() == 0)
        continue;
      auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
      OpBuilder builder(ret);
      ValueRange destinations = function.getArguments().take_back(ret.getNumOperands());
      for (auto [value, destination] : llvm::zip_equal(ret.getOperands(), destinations))
        if (findMemory(value) != destination)
          memref::CopyOp::create(builder, ret.getLoc(), value, destination);
      ret.getOperandsMutable().clear();
      function.setType(FunctionType::get(&getContext(), function.getArgumentTypes(), {}));
    }
  }
};
} // namespace
