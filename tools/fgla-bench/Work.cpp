//===- Work.cpp - How many operations a function does ---------------------===//
//
// The count is computed in the IR: next to each op that does work, index arithmetic on the dims of its operands. With
// arguments of known shapes, canonicalization folds the sum to a constant.
//
//===----------------------------------------------------------------------===//

#include "tools/fgla-bench/Work.h"
#include "dialect/fgla/FGLA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace fgla;

namespace {
class WorkCounter {
public:
  explicit WorkCounter(func::FuncOp function) : function(function), builder(function.getContext()) {}

  /// The count as an index value in front of the return; null where an op in a loop may run any number of times.
  Value count();

private:
  Value constant(Location loc, int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value dim(Value tensor, int64_t d) { return builder.createOrFold<tensor::DimOp>(tensor.getLoc(), tensor, d); }
  Value product(Location loc, ArrayRef<Value> factors);
  Value workOf(AttentionOp op);
  Value workOf(linalg::LinalgOp op);

  func::FuncOp function;
  OpBuilder builder;
};
} // namespace

Value WorkCounter::product(Location loc, ArrayRef<Value> factors) {
  Value result = factors.front();
  for (Value factor : factors.drop_front())
    result = builder.createOrFold<arith::MulIOp>(loc, result, factor);
  return result;
}

Value WorkCounter::workOf(AttentionOp op) {
  Value query = op.getQuery();
  int64_t sizes = op.getKeyDim() * op.getValueDim();
  // The state is decayed and added to once per key head, read once per query head.
  int64_t perToken = sizes * (op.getNumHeads() * (3 + (op.isDeltaRule() ? 2 : 0)) + 2 * op.getNumQueryHeads());
  return product(op.getLoc(), {dim(query, 0), dim(query, 1), constant(op.getLoc(), perToken)});
}

Value WorkCounter::workOf(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op))
    return {};
  SmallVector<Value> factors{constant(op.getLoc(), 2)};
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    Value size;
    for (OpOperand &operand : op->getOpOperands())
      for (auto [d, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (!size && expr == getAffineDimExpr(loop, op.getContext()))
          size = dim(operand.get(), d);
    if (!size)
      return {};
    factors.push_back(size);
  }
  return product(op.getLoc(), factors);
}

Value WorkCounter::count() {
  Operation *ret = function.getBody().front().getTerminator();
  SmallVector<Operation *> ops;
  bool isKnown = true;
  function.walk([&](Operation *op) {
    if (!isa<AttentionOp>(op) &&
        !(isa<linalg::LinalgOp>(op) && linalg::isaContractionOpInterface(cast<linalg::LinalgOp>(op))))
      return;
    isKnown &= op->getParentOp() == function;
    ops.push_back(op);
  });
  if (!isKnown)
    return {};
  builder.setInsertionPoint(ret);
  Value sum = constant(ret->getLoc(), 0);
  for (Operation *op : ops) {
    auto attention = dyn_cast<AttentionOp>(op);
    Value work = attention ? workOf(attention) : workOf(cast<linalg::LinalgOp>(op));
    if (!work)
      return {};
    sum = arith::AddIOp::create(builder, op->getLoc(), sum, work);
  }
  return sum;
}

/// Gives the arguments their shapes, after a cast, so that all else stays as it is.
static LogicalResult fixShapes(func::FuncOp function, ArrayRef<std::vector<int64_t>> shapes) {
  if (shapes.size() != function.getNumArguments())
    return failure();
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (auto [argument, shape] : llvm::zip_equal(function.getArguments(), shapes)) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || type.getRank() != static_cast<int64_t>(shape.size()))
      return failure();
    argument.setType(type.clone(shape));
    auto cast = tensor::CastOp::create(builder, argument.getLoc(), type, argument);
    argument.replaceAllUsesExcept(cast, cast);
  }
  return success();
}

/// Drops all but the sum, which is then a constant.
static std::optional<double> foldToConstant(func::FuncOp function, Value sum) {
  auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  ret.getOperandsMutable().assign(sum);
  SmallVector<Type> arguments(function.getBody().getArgumentTypes());
  function.setType(FunctionType::get(function.getContext(), arguments, sum.getType()));
  function.removeResAttrsAttr();
  PassManager manager(function->getContext(), "func.func");
  for (int i = 0; i < 2; ++i) {
    manager.addPass(memref::createResolveShapedTypeResultDimsPass());
    manager.addPass(createCanonicalizerPass());
  }
  APInt value;
  if (failed(manager.run(function)) ||
      !matchPattern(function.getBody().front().getTerminator()->getOperand(0), m_ConstantInt(&value)))
    return std::nullopt;
  return value.getSExtValue();
}

std::optional<double> tools::countFlops(const Source &source, const CompileOptions &given, const std::string &entry,
                                        ArrayRef<std::vector<int64_t>> shapes) {
  std::unique_ptr<MLIRContext> context = makeContext();
  ScopedDiagnosticHandler quiet(context.get(), [](Diagnostic &) { return success(); });
  runtime::Result<OwningOpRef<ModuleOp>> module = importSource(source, *context);
  CompileOptions options = given;
  options.to = Phase::Graph;
  options.dumpDir.clear();
  if (!module.ok() || !runPhases(**module, options).ok())
    return std::nullopt;
  auto function = (*module)->lookupSymbol<func::FuncOp>(entry);
  if (!function || failed(fixShapes(function, shapes)))
    return std::nullopt;
  Value sum = WorkCounter(function).count();
  return sum ? foldToConstant(function, sum) : std::nullopt;
}
