//===- DestinationResults.cpp - Results in memory of the caller -----------===//

#include "passes/host/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace fgla::host {
#define GEN_PASS_DEF_DESTINATIONRESULTS
#include "passes/host/Passes.h.inc"
} // namespace fgla::host

using namespace mlir;

/// `memory`, seen in the shape of what `collapse` makes its result from; null where that shape has no name here. So
/// what computes a tensor of one more dim (one token of a step) writes to the caller's memory too.
static Value expandMemory(OpBuilder &builder, tensor::CollapseShapeOp collapse, Value memory) {
  SmallVector<OpFoldResult> shape;
  ArrayRef<int64_t> sizes = collapse.getSrcType().getShape();
  // A scalar has no groups: each dim is one.
  if (collapse.getReassociationIndices().empty())
    shape.assign(sizes.size(), builder.getIndexAttr(1));
  for (auto [dim, group] : llvm::enumerate(collapse.getReassociationIndices())) {
    int64_t dynamic = llvm::count_if(group, [&](int64_t i) { return ShapedType::isDynamic(sizes[i]); });
    for (int64_t i : group) {
      bool others = llvm::any_of(group, [&](int64_t other) { return other != i && sizes[other] != 1; });
      if (!ShapedType::isDynamic(sizes[i]))
        shape.push_back(builder.getIndexAttr(sizes[i]));
      else if (dynamic == 1 && !others)
        shape.push_back(memref::DimOp::create(builder, collapse.getLoc(), memory, dim).getResult());
      else
        return {};
    }
  }
  auto type = MemRefType::get(sizes, collapse.getSrcType().getElementType());
  return memref::ExpandShapeOp::create(builder, collapse.getLoc(), type, memory, collapse.getReassociationIndices(),
                                       shape);
}

static LogicalResult rewrite(func::FuncOp function) {
  if (!function.getBody().hasOneBlock() || !isa<func::ReturnOp>(function.getBody().front().getTerminator()))
    return function.emitOpError("must have one block, which returns, to become an entry point");
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
    Value memory = function.getArgument(index);
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>(); collapse && value.hasOneUse()) {
      OpBuilder atStart = OpBuilder::atBlockBegin(&function.getBody().front());
      if (Value expanded = expandMemory(atStart, collapse, memory)) {
        memory = expanded;
        value = collapse.getSrc();
      }
    }
    auto store = bufferization::MaterializeInDestinationOp::create(builder, ret.getLoc(), Type(), value, memory);
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

/// What computes a result begins with its destination instead of `empty`; null where it must not. Bufferization keeps
/// apart what is computed in one memory, but does not know that the stores at the end write to it too. So what several
/// results begin with becomes memory of the last that is stored, after which nothing is read.
static Value buildDestination(RewriterBase &rewriter, SubsetInsertionOpInterface store, tensor::EmptyOp empty,
                              Operation *user, const bufferization::OneShotAnalysisState &state) {
  using bufferization::MaterializeInDestinationOp;
  if (isa<MaterializeInDestinationOp>(store))
    for (Operation *later = store->getNextNode(); later; later = later->getNextNode())
      if (auto other = dyn_cast<MaterializeInDestinationOp>(later)) {
        auto origins = state.findValueInReverseUseDefChain(&other.getSourceMutable(),
                                                           [&](Value value) { return value == empty.getResult(); });
        if (origins.contains(empty.getResult()))
          return {};
      }
  return bufferization::buildSubsetExtraction(rewriter, store, empty, user);
}

/// Replaces empty tensors by the memory that what is computed in them goes to.
static LogicalResult useDestinations(func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options;
  options.allowReturnAllocsFromLoops = true;
  bufferization::OneShotAnalysisState state(function, options);
  if (failed(bufferization::analyzeOp(function, state)))
    return failure();
  IRRewriter rewriter(function.getContext());
  return bufferization::eliminateEmptyTensors(
      rewriter, function, state,
      [&](RewriterBase &rewriter, SubsetInsertionOpInterface store, tensor::EmptyOp empty, Operation *user) {
        return buildDestination(rewriter, store, empty, user, state);
      });
}

namespace {
struct DestinationResults : fgla::host::impl::DestinationResultsBase<DestinationResults> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      ownFills(function);
      if (failed(rewrite(function)) || failed(useDestinations(function)))
        return signalPassFailure();
      // The artifact's entry points call it with pointers to descriptors.
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&getContext()));
    }
  }
};
} // namespace
