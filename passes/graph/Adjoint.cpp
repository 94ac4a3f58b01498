//===- Adjoint.cpp - Gradients of computations on tensors -----------------===//

#include "passes/graph/Adjoint.h"
#include "dialect/fgla/Derivatives.h"
#include "dialect/fgla/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "passes/graph/IndexNotation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;
using utils::IteratorType;

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

/// The type of the cotangent of a tensor.
static RankedTensorType cotangentType(Value tensor) {
  return typeOf(tensor).clone(getComputeType(typeOf(tensor).getElementType()));
}

bool graph::isDifferentiable(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto attention = value.getDefiningOp<AttentionOp>();
  return type && isa<FloatType>(type.getElementType()) && !(attention && value == attention.getFinalMax());
}

//===----------------------------------------------------------------------===//
// What a linalg.generic does
//===----------------------------------------------------------------------===//

namespace {
/// y = f(x), y = y0 + f(x) (summed over the reductions), or y = f(x, y0), y0 what the output was before.
struct GenericForm {
  Value result; ///< the scalar f
  bool addsInit = false, readsInit = false;
};

/// One input of a generic that has a gradient.
struct Target {
  Value value;
  AffineMap map;
  BlockArgument scalar;
};
} // namespace

static Operation *getCombiner(linalg::GenericOp op) {
  BlockArgument init = op.getRegionOutputArgs().front();
  Operation *combiner = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  return combiner && combiner->getNumOperands() == 2 && init.hasOneUse() &&
                 init.getUses().begin()->getOwner() == combiner
             ? combiner
             : nullptr;
}

static bool isMaximum(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumReductionLoops() > 0 && generic.getNumDpsInits() == 1 &&
         isa_and_nonnull<arith::MaximumFOp, arith::MaxNumFOp>(getCombiner(generic));
}

static FailureOr<GenericForm> analyze(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1)
    return op.emitError() << "'" << op->getName() << "' of several results has no derivative";
  if (!llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isProjectedPermutation(); }))
    return op.emitError() << "'" << op->getName() << "' has a derivative only where its maps are permutations of loops";
  BlockArgument init = op.getRegionOutputArgs().front();
  GenericForm form{op.getBody()->getTerminator()->getOperand(0)};
  if (Operation *combiner = getCombiner(op); isa_and_nonnull<arith::AddFOp>(combiner)) {
    form.result = combiner->getOperand(combiner->getOperand(0) == init ? 1 : 0);
    form.addsInit = true;
    return form;
  }
  if (op.getNumReductionLoops() > 0)
    return op.emitError() << "'" << op->getName() << "' has a derivative only where it sums up";
  form.readsInit = !init.use_empty();
  return form;
}

//===----------------------------------------------------------------------===//
// Reverse mode
//===----------------------------------------------------------------------===//

namespace {
class Adjoint {
public:
  Adjoint(OpBuilder &builder, Maxima maxima) : builder(builder), maxima(maxima) {}

  FailureOr<SmallVector<Value>> build(ValueRange outputs, ValueRange given, ValueRange inputs);

private:
  LogicalResult visit(Operation *op);
  LogicalResult visitGeneric(linalg::GenericOp op, Value given);
  LogicalResult buildGradients(linalg::GenericOp op, const GenericForm &form, Value given, ArrayRef<Target> targets);
  void visitTileForm(TileFormInterface op, Value given);
  void visitAttention(AttentionOp op);
  /// Ops that move elements.
  LogicalResult visitMove(Operation *op, Value given);

  bool isActive(Value value) const { return value && dependence.values.contains(value) && isDifferentiable(value); }
  void add(Value to, Value contribution);
  Value zeros(Value like) {
    return buildFill(builder, like.getLoc(), tensor::getMixedSizes(builder, like.getLoc(), like),
                     cotangentType(like).getElementType(), 0);
  }

  OpBuilder &builder;
  Maxima maxima;
  Dependence dependence;
  llvm::DenseMap<Value, Value> cotangents;
};
} // namespace

void Adjoint::add(Value to, Value contribution) {
  if (!isActive(to))
    return;
  Location loc = to.getLoc();
  contribution = castTensor(builder, loc, contribution, cotangentType(to));
  Value &sum = cotangents[to];
  if (!sum) {
    sum = contribution;
    return;
  }
  std::string dims = StringRef("abcdefgh").take_front(typeOf(to).getRank()).str();
  sum = buildGeneric(builder, loc, dims + "->" + dims, contribution, sum, [](OpBuilder &b, Location l, ValueRange v) {
    return arith::AddFOp::create(b, l, v[1], v[0]).getResult();
  });
}

FailureOr<SmallVector<Value>> Adjoint::build(ValueRange outputs, ValueRange given, ValueRange inputs) {
  dependence = findDependence(outputs, inputs, [&](Operation *op) {
    return (maxima == Maxima::Constant && isMaximum(op)) || llvm::none_of(op->getResults(), isDifferentiable);
  });
  for (auto [output, cotangent] : llvm::zip_equal(outputs, given))
    if (isActive(output))
      add(output, convertTensor(builder, output.getLoc(), cotangent, cotangentType(output).getElementType()));
  for (Operation *op : llvm::reverse(dependence.ops)) {
    bool isNeeded = llvm::any_of(op->getResults(), [&](Value result) { return cotangents.contains(result); });
    if (isNeeded && failed(visit(op)))
      return failure();
  }
  return llvm::map_to_vector(inputs, [&](Value input) { return cotangents.lookup(input); });
}

LogicalResult Adjoint::visit(Operation *op) {
  if (auto attention = dyn_cast<AttentionOp>(op)) {
    visitAttention(attention);
    return success();
  }
  Value given = cotangents.lookup(op->getResult(0));
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return visitGeneric(generic, given);
  if (auto tileForm = dyn_cast<TileFormInterface>(op)) {
    visitTileForm(tileForm, given);
    return success();
  }
  return visitMove(op, given);
}

LogicalResult Adjoint::visitMove(Operation *op, Value given) {
  Location loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<tensor::CastOp>([&](tensor::CastOp cast) {
        add(cast.getSource(), given);
        return success();
      })
      .Case<tensor::ExpandShapeOp>([&](tensor::ExpandShapeOp expand) {
        add(expand.getSrc(), tensor::CollapseShapeOp::create(builder, loc, cotangentType(expand.getSrc()), given,
                                                             expand.getReassociationIndices()));
        return success();
      })
      .Case<tensor::CollapseShapeOp>([&](tensor::CollapseShapeOp collapse) {
        SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, collapse.getSrc());
        add(collapse.getSrc(), tensor::ExpandShapeOp::create(builder, loc, cotangentType(collapse.getSrc()), given,
                                                             collapse.getReassociationIndices(), sizes));
        return success();
      })
      .Case<tensor::ExtractSliceOp>([&](tensor::ExtractSliceOp slice) {
        if (isActive(slice.getSource()))
          add(slice.getSource(),
              tensor::InsertSliceOp::create(builder, loc, given, zeros(slice.getSource()), slice.getMixedOffsets(),
                                            slice.getMixedSizes(), slice.getMixedStrides()));
        return success();
      })
      .Case<tensor::InsertSliceOp>([&](tensor::InsertSliceOp slice) {
        auto offsets = slice.getMixedOffsets(), sizes = slice.getMixedSizes(), strides = slice.getMixedStrides();
        if (isActive(slice.getSource()))
          add(slice.getSource(), tensor::ExtractSliceOp::create(builder, loc, cotangentType(slice.getSource()), given,
                                                                offsets, sizes, strides));
        if (isActive(slice.getDest()))
          add(slice.getDest(),
              tensor::InsertSliceOp::create(builder, loc, zeros(slice.getSource()), given, offsets, sizes, strides));
        return success();
      })
      .Default([](Operation *other) -> LogicalResult {
        auto error = other->emitError() << "'" << other->getName() << "' has no derivative";
        if (isa<BlockOp, StepOp>(other))
          error << ", take it apart first (fgla-expand-block)";
        return error;
      });
}

//===----------------------------------------------------------------------===//
// linalg.generic
//===----------------------------------------------------------------------===//

LogicalResult Adjoint::visitGeneric(linalg::GenericOp op, Value given) {
  if (isMaximum(op))
    return op.emitError() << "'" << op->getName() << "' of a maximum has no derivative";
  FailureOr<GenericForm> form = analyze(op);
  if (failed(form))
    return failure();
  if (form->addsInit)
    add(op.getDpsInits()[0], given);
  SmallVector<Target> targets;
  for (OpOperand &operand : op->getOpOperands())
    if (isActive(operand.get()) && (!op.isDpsInit(&operand) || form->readsInit))
      targets.push_back({operand.get(), op.getMatchingIndexingMap(&operand), op.getMatchingBlockArgument(&operand)});
  // Inputs that go along the same loops are one generic; a tensor that is an input twice, one for each. What was
  // written over comes last: its gradient is written over that of the result.
  auto isInit = [&](const Target &target) { return target.scalar == op.getRegionOutputArgs().front(); };
  while (!targets.empty()) {
    SmallVector<Target> now, later;
    for (const Target &target : targets) {
      bool isTwice = llvm::any_of(now, [&](const Target &other) { return other.value == target.value; });
      bool fits = target.map == targets.front().map && isInit(target) == isInit(targets.front());
      (fits && !isTwice ? now : later).push_back(target);
    }
    if (failed(buildGradients(op, *form, given, now)))
      return failure();
    targets = std::move(later);
  }
  return success();
}

/// The generic's loops once more; those that the targets do not have are summed over.
LogicalResult Adjoint::buildGradients(linalg::GenericOp op, const GenericForm &form, Value given,
                                      ArrayRef<Target> targets) {
  AffineMap map = targets.front().map;
  SmallVector<Value> inputs(op.getDpsInputs()), inits;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap outputMap = maps.pop_back_val();
  if (form.readsInit) {
    inputs.push_back(op.getDpsInits()[0]);
    maps.push_back(outputMap);
  }
  SmallVector<IteratorType> iterators;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    iterators.push_back(map.isFunctionOfDim(loop) ? IteratorType::parallel : IteratorType::reduction);
  bool sums = llvm::is_contained(iterators, IteratorType::reduction);
  // As the op wrote over what was there, in a loop say, so does its gradient.
  bool writesOver = targets.front().scalar == op.getRegionOutputArgs().front() &&
                    !cotangents.contains(targets.front().value) &&
                    given.getType() == cotangentType(targets.front().value);
  unsigned numPrimals = inputs.size();
  if (!writesOver) {
    inputs.push_back(given);
    maps.push_back(outputMap);
  }
  SmallVector<bool> adds;
  for (const Target &target : targets) {
    Value existing = cotangents.lookup(target.value);
    adds.push_back(sums || existing);
    Location loc = target.value.getLoc();
    inits.push_back(writesOver ? given
                    : existing ? existing
                    : sums     ? zeros(target.value)
                               : buildEmpty(builder, loc, tensor::getMixedSizes(builder, loc, target.value),
                                            cotangentType(target.value).getElementType()));
    maps.push_back(map);
  }
  bool hasFailed = false;
  auto body = [&](OpBuilder &b, Location l, ValueRange scalars) {
    IRMapping values;
    values.map(op.getBody()->getArguments().take_front(numPrimals), scalars.take_front(numPrimals));
    Operation *combiner = form.addsInit ? getCombiner(op) : nullptr;
    for (Operation &inner : op.getBody()->without_terminator())
      if (&inner != combiner)
        b.clone(inner, values);
    SmallVector<Value> variables;
    for (const Target &target : targets)
      variables.push_back(values.lookup(target.scalar));
    FailureOr<SmallVector<Value>> made =
        buildScalarAdjoint(b, values.lookupOrDefault(form.result), scalars[numPrimals], variables);
    hasFailed = failed(made);
    SmallVector<Value> yielded;
    for (auto [i, soFar] : llvm::enumerate(scalars.drop_front(inputs.size()))) {
      Value contribution = hasFailed ? Value() : (*made)[i];
      if (!contribution)
        contribution = buildConstant(b, l, soFar.getType(), 0);
      else
        contribution = convertFloat(b, l, contribution, soFar.getType());
      yielded.push_back(adds[i] ? arith::AddFOp::create(b, l, soFar, contribution).getResult() : contribution);
    }
    linalg::YieldOp::create(b, l, yielded);
  };
  auto generic =
      linalg::GenericOp::create(builder, op.getLoc(), TypeRange(inits), inputs, inits, maps, iterators, body);
  if (hasFailed)
    return failure();
  for (auto [target, result] : llvm::zip_equal(targets, generic.getResults()))
    cotangents[target.value] = result;
  return success();
}

//===----------------------------------------------------------------------===//
// fgla
//===----------------------------------------------------------------------===//

/// The op in the region of its gradient.
void Adjoint::visitTileForm(TileFormInterface op, Value given) {
  SmallVector<int64_t> wrt;
  SmallVector<Type> types;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    if (isActive(operand)) {
      wrt.push_back(i);
      types.push_back(cotangentType(operand));
    }
  auto vjp = VJPOp::create(builder, op.getLoc(), types, op->getOperands(), given, wrt);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&vjp.getBody());
  IRMapping values;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    block->addArgument(operand.getType(), operand.getLoc());
  Operation *inside = builder.clone(*op);
  inside->setDiscardableAttrs(builder.getDictionaryAttr({})); // they say something of the op that it is a copy of
  inside->setOperands(block->getArguments());
  fgla::YieldOp::create(builder, op.getLoc(), inside->getResult(0));
  builder.setInsertionPointAfter(vjp);
  for (auto [number, gradient] : llvm::zip_equal(wrt, vjp.getGradients()))
    add(op->getOperand(number), gradient);
}

void Adjoint::visitAttention(AttentionOp op) {
  Value differentiated[] = {op.getQuery(),    op.getKey(),  op.getValue(),
                            op.getAnyDecay(), op.getBeta(), op.getInitialState()};
  SmallVector<Type> types;
  for (Value operand : differentiated)
    types.push_back(isActive(operand) ? cotangentType(operand) : Type());
  Value outputGrad = cotangents.lookup(op.getOutput());
  if (!outputGrad) // a state knows nothing of queries
    types[0] = Type();
  if (llvm::none_of(types, [](Type type) { return static_cast<bool>(type); }))
    return;
  Value stateGrad = op.getFinalState() ? cotangents.lookup(op.getFinalState()) : Value();
  auto grad = AttentionGradOp::create(builder, op.getLoc(), types[0], types[1], types[2], types[3], types[4], types[5],
                                      op.getQuery(), op.getKey(), op.getValue(), op.getDecay(), op.getLogDecay(),
                                      op.getBeta(), op.getInitialState(), op.getInitialMax(), op.getSequences(),
                                      cotangents.lookup(op.getOutput()), stateGrad, op.getAxisAttr(),
                                      op.getStabilizerAttr(), op.getRuleAttr(), op.getScaleAttr());
  for (auto [operand, gradient] : llvm::zip_equal(differentiated, grad.getGradients()))
    if (gradient)
      add(operand, gradient);
}

FailureOr<SmallVector<Value>> graph::buildAdjoint(OpBuilder &builder, ValueRange outputs, ValueRange cotangents,
                                                  ValueRange inputs, Maxima maxima) {
  return Adjoint(builder, maxima).build(outputs, cotangents, inputs);
}
