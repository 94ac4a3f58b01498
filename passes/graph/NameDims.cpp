//===- NameDims.cpp - One name for dims that must be equal ----------------===//

#include "dialect/fgla/FGLA.h"
#include "passes/graph/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace fgla {
#define GEN_PASS_DEF_NAMEDIMS
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;

namespace {
/// Dims of tensors in one function, and which of them are equal.
class DimClasses {
public:
  void add(Value value);
  void unify(Value a, int64_t i, Value b, int64_t j);
  /// All dims of two tensors of one shape.
  void unifyAll(Value a, Value b);
  void addOp(Operation *op);

  /// The number of the class of a dim; nothing for a static one.
  std::optional<unsigned> classOf(Value value, int64_t dim) const;
  /// What a class should be called, by what its dims are for.
  StringRef hintFor(unsigned number) const;
  void setHint(Value value, int64_t dim, StringRef hint);

private:
  void addLinalg(linalg::LinalgOp op);
  void addReshape(Value expanded, Value collapsed, ArrayRef<ReassociationIndices> groups);
  void addSize(OpFoldResult size, Value value, int64_t dim);
  void addFGLA(Operation *op);

  unsigned idOf(Value value, int64_t dim) const;

  // A dim that is asked for gets its number then.
  mutable llvm::DenseMap<std::pair<Value, int64_t>, unsigned> ids;
  mutable llvm::EquivalenceClasses<unsigned> classes;
  SmallVector<std::pair<unsigned, StringRef>> hints;
};
} // namespace

static bool isDynamic(Value value, int64_t dim) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && dim < type.getRank() && type.isDynamicDim(dim);
}

unsigned DimClasses::idOf(Value value, int64_t dim) const {
  auto [it, isNew] = ids.try_emplace({value, dim}, ids.size());
  if (isNew)
    classes.insert(it->second);
  return it->second;
}

void DimClasses::add(Value value) {
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d))
        idOf(value, d);
}

void DimClasses::unify(Value a, int64_t i, Value b, int64_t j) {
  if (isDynamic(a, i) && isDynamic(b, j))
    classes.unionSets(idOf(a, i), idOf(b, j));
}

void DimClasses::unifyAll(Value a, Value b) {
  auto typeA = dyn_cast<RankedTensorType>(a.getType()), typeB = dyn_cast<RankedTensorType>(b.getType());
  if (typeA && typeB && typeA.getRank() == typeB.getRank())
    for (int64_t d = 0; d < typeA.getRank(); ++d)
      unify(a, d, b, d);
}

void DimClasses::setHint(Value value, int64_t dim, StringRef hint) {
  if (isDynamic(value, dim))
    hints.push_back({idOf(value, dim), hint});
}

StringRef DimClasses::hintFor(unsigned number) const {
  for (auto [id, hint] : hints)
    if (classes.getLeaderValue(id) == number)
      return hint;
  return {};
}

std::optional<unsigned> DimClasses::classOf(Value value, int64_t dim) const {
  if (!isDynamic(value, dim))
    return std::nullopt;
  return classes.getLeaderValue(idOf(value, dim));
}

//===----------------------------------------------------------------------===//
// What ops say about dims
//===----------------------------------------------------------------------===//

/// One loop has one length, in whatever operands it goes.
void DimClasses::addLinalg(linalg::LinalgOp op) {
  SmallVector<std::pair<Value, int64_t>> first(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [d, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop || !isDynamic(operand.get(), d))
        continue;
      auto &[value, dim] = first[loop.getPosition()];
      if (value)
        unify(value, dim, operand.get(), d);
      value = operand.get();
      dim = d;
    }
  }
  for (OpResult result : op->getResults())
    unifyAll(result, op.getTiedOpOperand(result) ? op.getTiedOpOperand(result)->get()
                                                 : op.getDpsInits()[result.getResultNumber()]);
}

/// A group with one dim on the other side, all others of size one, keeps that dim.
void DimClasses::addReshape(Value expanded, Value collapsed, ArrayRef<ReassociationIndices> groups) {
  auto type = cast<RankedTensorType>(expanded.getType());
  for (auto [c, group] : llvm::enumerate(groups)) {
    SmallVector<int64_t> large;
    for (int64_t d : group)
      if (type.getDimSize(d) != 1)
        large.push_back(d);
    if (large.size() == 1)
      unify(expanded, large.front(), collapsed, c);
  }
}

/// `tensor.dim %x, 1` as the size of a dim makes it the same dim.
void DimClasses::addSize(OpFoldResult size, Value value, int64_t dim) {
  auto given = dyn_cast<Value>(size);
  auto op = given ? given.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
  if (op && op.getConstantIndex())
    unify(op.getSource(), *op.getConstantIndex(), value, dim);
}

/// The batch comes first in every tensor of an `fgla` op that is no parameter, then, unless it is a state, the tokens.
void DimClasses::addFGLA(Operation *op) {
  Value root = op->getOperand(0);
  bool hasTokens = !isa<fgla::StepOp>(op);
  setHint(root, 0, "B");
  if (hasTokens)
    setHint(root, 1, "T");
  // There is a state for each batch, or for each of packed sequences, whose number no other dim has.
  auto addStates = [&](Value sequences, std::initializer_list<Value> values) {
    Value first = sequences ? Value() : root;
    for (Value value : values) {
      if (value && first)
        unify(first, 0, value, 0);
      else if (value)
        setHint(first = value, 0, "N");
    }
    if (sequences)
      setHint(sequences, 0, "offsets");
  };
  auto addTensors = [&](std::initializer_list<Value> values) {
    for (Value value : values) {
      // A decay of each head is a parameter.
      if (!value || cast<RankedTensorType>(value.getType()).getRank() == 1)
        continue;
      unify(root, 0, value, 0);
      if (hasTokens)
        unify(root, 1, value, 1);
    }
  };
  auto addRecurrence = [&](auto recurrence) {
    Value sequences;
    if constexpr (std::is_same_v<decltype(recurrence), fgla::AttentionOp>)
      sequences = recurrence.getSequences();
    addStates(sequences, {recurrence.getInitialState(), recurrence.getInitialMax(), recurrence.getFinalState(),
                          recurrence.getFinalMax()});
    addTensors({recurrence.getKey(), recurrence.getValue(), recurrence.getAnyDecay(), recurrence.getBeta(),
                recurrence.getOutput()});
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<fgla::AttentionOp, fgla::StepOp>(addRecurrence)
      .Case<fgla::AttentionGradOp>([&](fgla::AttentionGradOp grad) {
        addStates(grad.getSequences(),
                  {grad.getInitialState(), grad.getInitialMax(), grad.getFinalStateGrad(), grad.getInitialStateGrad()});
        addTensors({grad.getKey(), grad.getValue(), grad.getAnyDecay(), grad.getBeta(), grad.getOutputGrad(),
                    grad.getQueryGrad(), grad.getKeyGrad(), grad.getValueGrad(), grad.getDecayGrad(),
                    grad.getBetaGrad()});
      })
      .Case<fgla::VJPOp>([&](fgla::VJPOp vjp) {
        for (auto [i, input] : llvm::enumerate(vjp.getInputs()))
          if (vjp.isTokenInput(i))
            addTensors({input});
        addTensors({vjp.getCotangent()});
        for (auto [number, gradient] : llvm::zip_equal(vjp.getWrt(), vjp.getGradients()))
          unifyAll(vjp.getInputs()[number], gradient);
      })
      .Case<fgla::BlockOp>([&](fgla::BlockOp block) {
        addStates(Value(),
                  {block.getInitialState(), block.getInitialMax(), block.getFinalState(), block.getFinalMax()});
        addTensors({block.getOutput()});
      })
      .Case<fgla::GateOp>([&](fgla::GateOp gate) {
        addTensors({gate.getOutput()});
        for (Value input : gate.getInputs())
          addTensors({input});
      })
      .Case<fgla::OutputGateOp>([&](fgla::OutputGateOp gate) { addTensors({gate.getGate(), gate.getOutput()}); })
      .Case<fgla::FeatureMapOp>([&](fgla::FeatureMapOp map) { addTensors({map.getOutput()}); })
      .Case<fgla::NormOp>([&](fgla::NormOp norm) { addTensors({norm.getOutput()}); });
}

void DimClasses::addOp(Operation *op) {
  if (isa_and_nonnull<fgla::FGLADialect>(op->getDialect()) && op->getNumResults() > 0)
    return addFGLA(op);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return addLinalg(linalgOp);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    for (auto [d, size] : llvm::enumerate(expand.getMixedOutputShape()))
      addSize(size, expand.getResult(), d);
    return addReshape(expand.getResult(), expand.getSrc(), expand.getReassociationIndices());
  }
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return addReshape(collapse.getSrc(), collapse.getResult(), collapse.getReassociationIndices());
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    for (auto [d, size] : llvm::enumerate(empty.getMixedSizes()))
      addSize(size, empty.getResult(), d);
    return;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    if (slice.getSourceType().getRank() == slice.getType().getRank())
      for (auto [d, size] : llvm::enumerate(slice.getMixedSizes()))
        addSize(size, slice.getResult(), d);
    return;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return unifyAll(insert.getDest(), insert.getResult());
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    for (auto [init, result] : llvm::zip_equal(loop.getInitArgs(), loop.getResults()))
      unifyAll(init, result);
    return;
  }
  if (isa<tensor::CastOp>(op) ||
      (op->hasTrait<OpTrait::Elementwise>() && op->hasTrait<OpTrait::SameOperandsAndResultType>()))
    for (Value operand : op->getOperands())
      for (Value result : op->getResults())
        unifyAll(operand, result);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

namespace {
/// Tensors at the boundary of a function, with the attributes that they have.
struct Boundary {
  Value value; // of a result: what is returned
  ArrayAttr given;
  std::function<void(ArrayAttr)> set;
};

class Namer {
public:
  Namer(const DimClasses &dims, ArrayRef<Boundary> values);
  ArrayAttr nameDims(const Boundary &boundary, Builder &builder) const;

private:
  std::string unused(StringRef wanted);

  const DimClasses &dims;
  llvm::DenseMap<unsigned, std::string> names;
  llvm::StringSet<> taken;
};
} // namespace

static StringRef givenName(const Boundary &boundary, int64_t dim) {
  if (!boundary.given || dim >= static_cast<int64_t>(boundary.given.size()))
    return {};
  auto name = dyn_cast<StringAttr>(boundary.given[dim]);
  return name && name != "?" ? name.getValue() : StringRef();
}

std::string Namer::unused(StringRef wanted) {
  std::string name = wanted.str();
  for (int i = 2; !taken.insert(name).second; ++i)
    name = wanted.str() + std::to_string(i);
  return name;
}

Namer::Namer(const DimClasses &dims, ArrayRef<Boundary> values) : dims(dims) {
  llvm::DenseMap<unsigned, unsigned> uses;
  auto forEach = [&](auto visit) {
    for (const Boundary &boundary : values)
      for (int64_t d = 0, rank = cast<RankedTensorType>(boundary.value.getType()).getRank(); d < rank; ++d)
        if (std::optional<unsigned> number = dims.classOf(boundary.value, d))
          visit(boundary, d, *number);
  };
  // What the function says itself comes first.
  forEach([&](const Boundary &boundary, int64_t d, unsigned number) {
    ++uses[number];
    StringRef name = givenName(boundary, d);
    if (!name.empty() && names.try_emplace(number, name.str()).second)
      taken.insert(name);
  });
  for (StringRef hint : {"B", "T", "N", "offsets"})
    forEach([&](const Boundary &, int64_t, unsigned number) {
      if (dims.hintFor(number) == hint && !names.count(number))
        names[number] = unused(hint);
    });
  forEach([&](const Boundary &, int64_t, unsigned number) {
    if (uses[number] > 1 && !names.count(number))
      names[number] = unused("D");
  });
}

ArrayAttr Namer::nameDims(const Boundary &boundary, Builder &builder) const {
  auto type = cast<RankedTensorType>(boundary.value.getType());
  SmallVector<Attribute> list;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    std::optional<unsigned> number = dims.classOf(boundary.value, d);
    auto name = number ? names.find(*number) : names.end();
    std::string text = !number ? std::to_string(type.getDimSize(d)) : name != names.end() ? name->second : "?";
    list.push_back(builder.getStringAttr(text));
  }
  return builder.getArrayAttr(list);
}

static void nameDims(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return;
  auto ret = dyn_cast<func::ReturnOp>(function.getBody().front().getTerminator());
  if (!ret)
    return;
  DimClasses dims;
  SmallVector<Boundary> values;
  for (auto [i, argument] : llvm::enumerate(function.getArguments()))
    if (isa<RankedTensorType>(argument.getType()))
      values.push_back(
          {argument, function.getArgAttrOfType<ArrayAttr>(i, fgla::kDimsAttrName),
           [function, i = i](ArrayAttr attr) mutable { function.setArgAttr(i, fgla::kDimsAttrName, attr); }});
  for (auto [i, value] : llvm::enumerate(ret.getOperands()))
    if (isa<RankedTensorType>(value.getType()))
      values.push_back(
          {value, function.getResultAttrOfType<ArrayAttr>(i, fgla::kDimsAttrName),
           [function, i = i](ArrayAttr attr) mutable { function.setResultAttr(i, fgla::kDimsAttrName, attr); }});
  for (const Boundary &boundary : values)
    dims.add(boundary.value);
  function.walk([&](Operation *op) { dims.addOp(op); });
  Namer namer(dims, values);
  Builder builder(function.getContext());
  for (Boundary &boundary : values)
    boundary.set(namer.nameDims(boundary, builder));
}

namespace {
struct NameDims : fgla::impl::NameDimsBase<NameDims> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration())
        nameDims(function);
  }
};
} // namespace
