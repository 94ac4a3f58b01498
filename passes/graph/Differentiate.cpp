//===- Differentiate.cpp - Functions become forward and backward ----------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/graph/Adjoint.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace fgla {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

/// While the pass works: the number of the op that an op is a copy of.
static constexpr StringLiteral kCopyAttrName = "fgla.copy";

static std::string getArgumentName(func::FuncOp function, unsigned i) {
  auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttrName);
  return name ? name.str() : "arg" + std::to_string(i);
}
static std::string getResultName(func::FuncOp function, unsigned i) {
  auto name = function.getResultAttrOfType<StringAttr>(i, kNameAttrName);
  return name ? name.str() : "result" + std::to_string(i);
}

namespace {
/// Makes the two functions of one.
class Differentiation {
public:
  Differentiation(func::FuncOp function, StringRef of, StringRef wrt)
      : forward(function), functionName(function.getName()), builder(function.getContext()), of(of), wrt(wrt) {}

  LogicalResult run();

private:
  /// Every name in `list` is one of `names`.
  LogicalResult checkNames(StringRef list, ArrayRef<std::string> names, StringRef what);
  static bool isWanted(StringRef list, StringRef name) {
    SmallVector<StringRef> wanted;
    list.split(wanted, ',');
    return list.empty() || llvm::is_contained(wanted, name);
  }

  void cloneBackward();
  /// An argument of the backward function after all others.
  Value addArgument(Type type, StringRef name, ArrayAttr dims);
  LogicalResult buildGradients();
  void saveResults();
  /// Removes what nothing uses, arguments too.
  void dropUnused();
  std::string getSavedName(Operation *op);

  func::FuncOp forward, backward;
  std::string functionName; ///< of what there was
  OpBuilder builder;
  StringRef of, wrt;
  SmallVector<std::string> argumentNames, resultNames;
  /// Ops of the forward function whose results are saved; their copies in the backward function have the number.
  SmallVector<Operation *> originals;
  llvm::StringSet<> savedNames;
};
} // namespace

static func::ReturnOp getReturn(func::FuncOp function) {
  return cast<func::ReturnOp>(function.getBody().front().getTerminator());
}

LogicalResult Differentiation::checkNames(StringRef list, ArrayRef<std::string> names, StringRef what) {
  SmallVector<StringRef> wanted;
  list.split(wanted, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef given : wanted)
    if (!llvm::is_contained(names, given))
      return forward.emitError() << "the function '" << functionName << "' has no " << what << " '" << given
                                 << "' to differentiate, it has " << llvm::join(names, ", ");
  return success();
}

void Differentiation::cloneBackward() {
  for (Operation &op : forward.getBody().front())
    if (auto retention = op.getAttrOfType<RetentionAttr>(kRetentionAttrName);
        retention && retention.getValue() == Retention::Saved) {
      op.setAttr(kCopyAttrName, builder.getI64IntegerAttr(originals.size()));
      originals.push_back(&op);
    }
  backward = forward.clone();
  for (Operation *op : originals)
    op->removeAttr(kCopyAttrName);
  backward.setName(functionName + "_backward");
  builder.setInsertionPointAfter(forward);
  builder.insert(backward);
  forward.setName(functionName + "_forward");
}

Value Differentiation::addArgument(Type type, StringRef name, ArrayAttr dims) {
  unsigned index = backward.getNumArguments();
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr(kNameAttrName, builder.getStringAttr(name))};
  if (dims)
    attributes.push_back(builder.getNamedAttr(kDimsAttrName, dims));
  (void)backward.insertArgument(index, type, builder.getDictionaryAttr(attributes), backward.getLoc());
  return backward.getArgument(index);
}

/// The gradients, in place of the results.
LogicalResult Differentiation::buildGradients() {
  func::ReturnOp ret = getReturn(backward);
  unsigned numArguments = backward.getNumArguments();
  SmallVector<Value> outputs, cotangents, inputs;
  SmallVector<unsigned> positions;
  for (auto [i, value] : llvm::enumerate(ret.getOperands()))
    if (isDifferentiable(value) && isWanted(of, resultNames[i])) {
      outputs.push_back(value);
      cotangents.push_back(addArgument(value.getType(), "d_" + resultNames[i],
                                       forward.getResultAttrOfType<ArrayAttr>(i, kDimsAttrName)));
    }
  for (unsigned i = 0; i < numArguments; ++i)
    if (Value argument = backward.getArgument(i); isDifferentiable(argument) && isWanted(wrt, argumentNames[i])) {
      inputs.push_back(argument);
      positions.push_back(i);
    }
  if (outputs.empty() || inputs.empty())
    return forward.emitError() << "the function '" << functionName << "' has no "
                               << (outputs.empty() ? "result" : "argument") << " that a gradient flows through";
  builder.setInsertionPoint(ret);
  auto made = buildAdjoint(builder, outputs, cotangents, inputs, Maxima::Unsupported);
  if (failed(made))
    return failure();
  SmallVector<Value> gradients;
  SmallVector<Attribute> attributes;
  for (auto [i, gradient, input] : llvm::zip_equal(positions, *made, inputs)) {
    if (!gradient && wrt.empty())
      continue; // nothing flows there
    Type element = cast<RankedTensorType>(input.getType()).getElementType();
    Location loc = input.getLoc();
    if (!gradient)
      gradient = buildFill(builder, loc, tensor::getMixedSizes(builder, loc, input), element, 0);
    gradient = convertTensor(builder, loc, gradient, element);
    gradients.push_back(castTensor(builder, loc, gradient, input.getType()));
    SmallVector<NamedAttribute> named{
        builder.getNamedAttr(kNameAttrName, builder.getStringAttr("d_" + argumentNames[i]))};
    if (auto dims = forward.getArgAttrOfType<ArrayAttr>(i, kDimsAttrName))
      named.push_back(builder.getNamedAttr(kDimsAttrName, dims));
    attributes.push_back(builder.getDictionaryAttr(named));
  }
  if (gradients.empty())
    return forward.emitError() << "the results of '" << functionName
                               << "' do not depend on an argument that a gradient flows to";
  ret.getOperandsMutable().assign(gradients);
  backward.setType(builder.getFunctionType(backward.getArgumentTypes(), TypeRange(ValueRange(gradients))));
  backward.setResAttrsAttr(builder.getArrayAttr(attributes));
  return success();
}

std::string Differentiation::getSavedName(Operation *op) {
  std::string wanted = ("saved_" + op->getName().stripDialect()).str(), name = wanted;
  for (int i = 2; !savedNames.insert(name).second; ++i)
    name = wanted + std::to_string(i);
  return name;
}

/// What is saved becomes an argument of the backward function, and a result of the forward one if it is needed. A
/// result that is returned anyway is not returned twice.
void Differentiation::saveResults() {
  savedNames.insert_range(resultNames);
  func::ReturnOp ret = getReturn(forward);
  SmallVector<std::tuple<Value, Value, std::string>> saved;
  backward.walk([&](Operation *copy) {
    auto number = copy->getAttrOfType<IntegerAttr>(kCopyAttrName);
    if (!number)
      return;
    copy->removeAttr(kCopyAttrName);
    Operation *original = originals[number.getInt()];
    for (auto [value, again] : llvm::zip_equal(original->getResults(), copy->getResults())) {
      if (again.use_empty())
        continue;
      auto returned = llvm::find(ret.getOperands(), value);
      bool isResult = returned != ret.operand_end();
      unsigned position = std::distance(ret.operand_begin(), returned);
      std::string name = isResult ? resultNames[position] : getSavedName(original);
      Value argument =
          addArgument(value.getType(), name,
                      isResult ? forward.getResultAttrOfType<ArrayAttr>(position, kDimsAttrName) : ArrayAttr());
      again.replaceAllUsesWith(argument);
      saved.push_back({value, argument, name});
    }
  });
  // What is used by unused ops only is not needed.
  IRRewriter rewriter(backward.getContext());
  (void)runRegionDCE(rewriter, backward->getRegions());
  for (auto [value, argument, name] : saved) {
    if (argument.use_empty() || llvm::is_contained(ret.getOperands(), value))
      continue;
    (void)forward.insertResult(
        forward.getNumResults(), value.getType(),
        builder.getDictionaryAttr(builder.getNamedAttr(kNameAttrName, builder.getStringAttr(name))));
    ret.getOperandsMutable().append(value);
  }
}

void Differentiation::dropUnused() {
  IRRewriter rewriter(backward.getContext());
  (void)runRegionDCE(rewriter, backward->getRegions());
  llvm::BitVector unused(backward.getNumArguments());
  for (BlockArgument argument : backward.getArguments())
    if (argument.use_empty())
      unused.set(argument.getArgNumber());
  (void)backward.eraseArguments(unused);
}

/// Sizes become those of arguments rather than of what is computed, and what an expression does not use is no input of
/// it: then nothing is kept that only looks as if it were needed.
static LogicalResult simplify(func::FuncOp function) {
  RewritePatternSet patterns(function.getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  memref::populateResolveShapedTypeResultDimsPatterns(patterns);
  tensor::DimOp::getCanonicalizationPatterns(patterns, function.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
  return applyPatternsGreedily(function, std::move(patterns));
}

LogicalResult Differentiation::run() {
  if (!forward.getBody().hasOneBlock() || !isa<func::ReturnOp>(forward.getBody().front().getTerminator()))
    return forward.emitError() << "the function '" << functionName << "' must have one block to be differentiated";
  for (unsigned i = 0; i < forward.getNumArguments(); ++i)
    argumentNames.push_back(getArgumentName(forward, i));
  for (unsigned i = 0; i < forward.getNumResults(); ++i)
    resultNames.push_back(getResultName(forward, i));
  if (failed(checkNames(of, resultNames, "result")) || failed(checkNames(wrt, argumentNames, "argument")))
    return failure();
  // With the names written down, they do not depend on positions any more.
  for (auto [i, name] : llvm::enumerate(argumentNames))
    forward.setArgAttr(i, kNameAttrName, builder.getStringAttr(name));
  for (auto [i, name] : llvm::enumerate(resultNames))
    forward.setResultAttr(i, kNameAttrName, builder.getStringAttr(name));
  IRRewriter rewriter(forward.getContext());
  SmallVector<linalg::LinalgOp> named;
  forward.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp, linalg::FillOp>(op))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
  cloneBackward();
  if (failed(buildGradients()) || failed(simplify(backward)))
    return failure();
  saveResults();
  dropUnused();
  return success();
}

namespace {
struct Differentiate : fgla::impl::DifferentiateBase<Differentiate> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        functions.push_back(function);
    for (func::FuncOp function : functions)
      if (failed(Differentiation(function, of, wrt).run()))
        return signalPassFailure();
  }
};
} // namespace
