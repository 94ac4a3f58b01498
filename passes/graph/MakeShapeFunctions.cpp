//===- MakeShapeFunctions.cpp - Shapes of results, without computing them -===//

#include "dialect/fgla/Attributes.h"
#include "passes/Symbols.h"
#include "passes/graph/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_MAKESHAPEFUNCTIONS
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;

/// What an entry point can be made of.
static LogicalResult checkEntry(func::FuncOp function) {
  if (!function.getBody().hasOneBlock() || !isa<func::ReturnOp>(function.getBody().front().getTerminator()))
    return function.emitOpError("must have one block, which returns, to become an entry point");
  for (Type type : function.getResultTypes())
    if (!isa<RankedTensorType>(type))
      return function.emitOpError("must return ranked tensors to become an entry point, got ") << type;
  return success();
}

/// A copy of `function` that stores the dims of what it would return.
static func::FuncOp cloneForShapes(func::FuncOp function) {
  func::FuncOp clone = function.clone();
  clone.setName(fgla::getShapeFunction(function.getName()));
  clone->setAttr(fgla::kShapeFunctionAttrName, UnitAttr::get(function.getContext()));
  // What may fail for some numbers has a shape for all.
  clone.walk([](cf::AssertOp op) { op.erase(); });
  auto ret = cast<func::ReturnOp>(clone.getBody().front().getTerminator());
  OpBuilder builder(ret);
  Location loc = ret.getLoc();
  unsigned index = clone.getNumArguments();
  auto type = MemRefType::get({ShapedType::kDynamic}, builder.getIndexType());
  (void)clone.insertArgument(index, type, {}, loc);
  int64_t position = 0;
  for (Value value : ret.getOperands())
    for (int64_t d = 0, rank = cast<RankedTensorType>(value.getType()).getRank(); d < rank; ++d) {
      Value dim = tensor::DimOp::create(builder, loc, value, d);
      Value at = arith::ConstantIndexOp::create(builder, loc, position++);
      memref::StoreOp::create(builder, loc, dim, clone.getArgument(index), at);
    }
  ret.getOperandsMutable().clear();
  clone.setType(FunctionType::get(function.getContext(), clone.getArgumentTypes(), {}));
  clone.removeResAttrsAttr();
  return clone;
}

/// What `value`, yielded by a loop, has the shape of: ops that write into a tensor give one of that tensor's shape.
static Value traceShape(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    auto result = cast<OpResult>(value);
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
      value = destination.getTiedOpOperand(result)->get();
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      value = loop.getInitArgs()[result.getResultNumber()];
    else if (auto slice = dyn_cast<tensor::InsertSliceOp>(op))
      value = slice.getDest();
    else
      break;
  }
  return value;
}

namespace {
/// What a loop carries has the shape that it begins with, if the body keeps it.
struct DimOfLoop : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::DimOp op, PatternRewriter &rewriter) const override {
    auto loop = op.getSource().getDefiningOp<scf::ForOp>();
    if (!loop)
      return rewriter.notifyMatchFailure(op, "is no dim of what a loop returns");
    unsigned position = cast<OpResult>(op.getSource()).getResultNumber();
    if (traceShape(loop.getYieldedValues()[position]) != loop.getRegionIterArg(position))
      return rewriter.notifyMatchFailure(op, "requires a loop that keeps the shape");
    rewriter.modifyOpInPlace(op, [&] { op.getSourceMutable().assign(loop.getInitArgs()[position]); });
    return success();
  }
};
} // namespace

/// Finds what reads the values in a tensor, or computes a tensor.
static Operation *findComputation(func::FuncOp shapes) {
  Operation *found = nullptr;
  shapes.walk([&](Operation *op) {
    bool onTensors = llvm::any_of(op->getResultTypes(), llvm::IsaPred<TensorType>) || isa<tensor::ExtractOp>(op);
    if (onTensors && !found)
      found = op;
  });
  return found;
}

namespace {
struct MakeShapeFunctions : fgla::impl::MakeShapeFunctionsBase<MakeShapeFunctions> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpPassManager simplify("func.func");
    simplify.addPass(createCanonicalizerPass());
    simplify.addPass(createCSEPass());

    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration() && !function->hasAttr(fgla::kShapeFunctionAttrName) &&
          !module.lookupSymbol(fgla::getShapeFunction(function.getName())))
        entries.push_back(function);
    for (func::FuncOp function : entries) {
      if (failed(checkEntry(function)))
        return signalPassFailure();
      func::FuncOp shapes = cloneForShapes(function);
      module.insert(std::next(function->getIterator()), shapes);
      RewritePatternSet patterns(&getContext());
      patterns.add<DimOfLoop>(&getContext());
      memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
      memref::populateResolveShapedTypeResultDimsPatterns(patterns);
      tensor::DimOp::getCanonicalizationPatterns(patterns, &getContext());
      if (failed(applyPatternsGreedily(shapes, std::move(patterns))) || failed(runPipeline(simplify, shapes)))
        return signalPassFailure();
      Operation *op = findComputation(shapes);
      if (auto call = dyn_cast_or_null<func::CallOp>(op)) {
        call.emitError("the call of '") << call.getCallee() << "' cannot be inlined: it has no body, or calls itself";
        return signalPassFailure();
      }
      if (op) {
        op->emitError("the shape of a result of '")
            << function.getName() << "' depends on the values that '" << op->getName() << "' computes";
        return signalPassFailure();
      }
    }
  }
};
} // namespace
