//===- TileDerivatives.cpp - Gradients of tile forms ----------------------===//

#include "dialect/fgla/Derivatives.h"
#include "dialect/fgla/Expressions.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fgla;
using tile::buildMap;
using tile::shapeOf;

namespace {
/// Reverse mode over ops on tiles.
class TileAdjoint {
public:
  explicit TileAdjoint(OpBuilder &builder) : builder(builder) {}

  FailureOr<SmallVector<Value>> build(ValueRange outputs, ValueRange given, ValueRange inputs);

private:
  LogicalResult visit(Operation *op);
  LogicalResult visitMap(tile::MapOp op);
  void visitDot(tile::DotOp op, Value given);
  void visitRowNorm(tile::RowNormOp op, Value given);
  void visitInsertion(tensor::InsertSliceOp op, Value given);
  void visitExtraction(tensor::ExtractSliceOp op, Value given);
  LogicalResult visitScan(tile::ScanOp op, Value given);
  /// What a gradient of `decayed_scores` of `query`, `key` and `decay` gives for these.
  void addScores(Value query, Value key, Value decay, Value given);
  void visitDecayMatrix(tile::DecayMatrixOp op, Value given);
  void visitDecayedSum(tile::DecayedSumOp op, Value given);

  bool isActive(Value value) const { return dependence.values.contains(value); }
  void add(Value to, Value contribution);
  /// Summed up where `like` is one row or one column.
  Value sumLike(Value tile, Value like);

  OpBuilder &builder;
  Dependence dependence;
  llvm::DenseMap<Value, Value> cotangents;
};
} // namespace

/// A maximum takes out what would overflow; what is computed does not depend on it.
static bool isMaximum(Operation *op) {
  auto reduce = dyn_cast<tile::ReduceOp>(op);
  auto scan = dyn_cast<tile::ScanOp>(op);
  return (reduce && reduce.getKind() == tile::ReduceKind::Max) || (scan && scan.getKind() == tile::ReduceKind::Max);
}

void TileAdjoint::add(Value to, Value contribution) {
  if (!isActive(to))
    return;
  Value &sum = cotangents[to];
  sum = sum ? buildMap(builder, to.getLoc(), {sum, contribution}, shapeOf(sum),
                       [](OpBuilder &b, Location l, ValueRange v) -> Value {
                         return arith::AddFOp::create(b, l, v[0], v[1]);
                       })
            : contribution;
}

Value TileAdjoint::sumLike(Value tile, Value like) {
  for (int64_t dim : {1, 0}) {
    SmallVector<int64_t> shape(shapeOf(tile));
    if (shapeOf(like)[dim] == shape[dim])
      continue;
    shape[dim] = 1;
    auto type = cast<RankedTensorType>(tile.getType()).clone(shape);
    tile = tile::ReduceOp::create(builder, tile.getLoc(), type, tile, tile::ReduceKind::Add, dim);
  }
  return tile;
}

FailureOr<SmallVector<Value>> TileAdjoint::build(ValueRange outputs, ValueRange given, ValueRange inputs) {
  dependence = findDependence(outputs, inputs, isMaximum);
  for (auto [output, cotangent] : llvm::zip_equal(outputs, given))
    add(output, cotangent);
  for (Operation *op : llvm::reverse(dependence.ops)) {
    bool isNeeded = llvm::any_of(op->getResults(), [&](Value result) { return cotangents.contains(result); });
    if (isNeeded && failed(visit(op)))
      return failure();
  }
  return llvm::map_to_vector(inputs, [&](Value input) { return cotangents.lookup(input); });
}

LogicalResult TileAdjoint::visit(Operation *op) {
  if (auto map = dyn_cast<tile::MapOp>(op))
    return visitMap(map);
  Value given = cotangents.lookup(op->getResult(0));
  Location loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<tile::DotOp>([&](tile::DotOp dot) {
        visitDot(dot, given);
        return success();
      })
      .Case<tile::RowNormOp>([&](tile::RowNormOp norm) {
        visitRowNorm(norm, given);
        return success();
      })
      .Case<tile::ReduceOp>([&](tile::ReduceOp reduce) -> LogicalResult {
        if (reduce.getKind() != tile::ReduceKind::Add)
          return op->emitError() << "a reduction other than a sum has no derivative";
        Value input = reduce.getInput();
        add(input,
            buildMap(builder, loc, given, shapeOf(input), [](OpBuilder &, Location, ValueRange v) { return v[0]; }));
        return success();
      })
      .Case<tile::TransposeOp>([&](tile::TransposeOp transpose) {
        add(transpose.getInput(), tile::TransposeOp::create(builder, loc, transpose.getInput().getType(), given));
        return success();
      })
      .Case<tensor::InsertSliceOp>([&](tensor::InsertSliceOp insertion) {
        visitInsertion(insertion, given);
        return success();
      })
      .Case<tensor::ExtractSliceOp>([&](tensor::ExtractSliceOp extraction) {
        visitExtraction(extraction, given);
        return success();
      })
      .Case<tile::ScanOp>([&](tile::ScanOp scan) { return visitScan(scan, given); })
      .Case<tile::DecayedScoresOp>([&](tile::DecayedScoresOp scores) {
        addScores(scores.getQuery(), scores.getKey(), scores.getDecay(), given);
        return success();
      })
      .Case<tile::DecayMatrixOp>([&](tile::DecayMatrixOp matrix) {
        visitDecayMatrix(matrix, given);
        return success();
      })
      .Case<tile::DecayedSumOp>([&](tile::DecayedSumOp sum) {
        visitDecayedSum(sum, given);
        return success();
      })
      .Default([](Operation *other) -> LogicalResult {
        return other->emitError() << "'" << other->getName() << "' has no derivative";
      });
}

/// One map for all inputs: the expression again, then its derivatives. What an input has one of for many elements is
/// summed up.
LogicalResult TileAdjoint::visitMap(tile::MapOp op) {
  SmallVector<Value> operands(op.getInputs()), results, wanted;
  SmallVector<unsigned> positions;
  for (auto [i, input] : llvm::enumerate(op.getInputs()))
    if (isActive(input)) {
      wanted.push_back(input);
      positions.push_back(i);
    }
  for (Value result : op.getResults())
    if (Value given = cotangents.lookup(result)) {
      results.push_back(result);
      operands.push_back(given);
    }
  Type element = cast<RankedTensorType>(results.front().getType()).getElementType();
  SmallVector<Type> elements(wanted.size(), element);
  bool hasFailed = false;
  llvm::BitVector isZero(wanted.size());
  tile::MapOp adjoint =
      buildMap(builder, op.getLoc(), operands, shapeOf(results.front()), elements,
               [&](OpBuilder &b, Location l, ValueRange v) -> SmallVector<Value> {
                 IRMapping values;
                 values.map(op.getBody().getArguments(), v.take_front(op.getInputs().size()));
                 for (Operation &inner : op.getBody().front().without_terminator())
                   b.clone(inner, values);
                 SmallVector<Value> outputs, scalars;
                 for (Value result : results)
                   outputs.push_back(values.lookupOrDefault(
                       op.getBody().front().getTerminator()->getOperand(cast<OpResult>(result).getResultNumber())));
                 for (unsigned position : positions)
                   scalars.push_back(v[position]);
                 FailureOr<SmallVector<Value>> made =
                     buildScalarAdjoint(b, outputs, v.drop_front(op.getInputs().size()), scalars);
                 hasFailed = failed(made);
                 SmallVector<Value> gradients = hasFailed ? SmallVector<Value>(wanted.size()) : *made;
                 for (auto [i, gradient] : llvm::enumerate(gradients))
                   if (!gradient) {
                     gradient = buildConstant(b, l, element, 0);
                     isZero.set(i);
                   }
                 return gradients;
               });
  if (hasFailed)
    return failure();
  for (auto [i, input] : llvm::enumerate(wanted))
    if (!isZero[i])
      add(input, sumLike(adjoint.getResult(i), input));
  return success();
}

/// Of A B: g B^T and A^T g, whichever of the two are stored transposed.
void TileAdjoint::visitDot(tile::DotOp op, Value given) {
  Value a = op.getA(), b = op.getB();
  auto dot = [&](Value like, Value left, bool transposeLeft, Value right, bool transposeRight) {
    if (isActive(like))
      add(like, tile::DotOp::create(builder, op.getLoc(), like.getType(), left, right, /*acc=*/Value(), transposeLeft,
                                    transposeRight));
  };
  if (op.getTransposeA())
    dot(a, b, op.getTransposeB(), given, true);
  else
    dot(a, given, false, b, !op.getTransposeB());
  if (op.getTransposeB())
    dot(b, given, true, a, op.getTransposeA());
  else
    dot(b, a, !op.getTransposeA(), given, false);
  if (op.getAcc())
    add(op.getAcc(), given);
}

/// x / |x|, zero for a row of zeros.
void TileAdjoint::visitRowNorm(tile::RowNormOp op, Value given) {
  Value inputs[] = {op.getInput(), op.getResult(), given};
  add(op.getInput(), buildMap(builder, op.getLoc(), inputs, shapeOf(op.getInput()),
                              [](OpBuilder &b, Location l, ValueRange v) -> Value {
                                Value zero = buildConstant(b, l, v[0].getType(), 0);
                                Value isZero = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OEQ, v[1], zero);
                                Value direction = arith::DivFOp::create(b, l, v[0], v[1]);
                                Value scaled = arith::MulFOp::create(b, l, direction, v[2]);
                                return arith::SelectOp::create(b, l, isZero, zero, scaled);
                              }));
}

void TileAdjoint::visitInsertion(tensor::InsertSliceOp op, Value given) {
  Location loc = op.getLoc();
  auto offsets = op.getMixedOffsets(), sizes = op.getMixedSizes(), strides = op.getMixedStrides();
  if (isActive(op.getSource()))
    add(op.getSource(), tensor::ExtractSliceOp::create(builder, loc, given, offsets, sizes, strides));
  if (!isActive(op.getDest()))
    return;
  Value zero = tile::buildSplat(builder, loc, op.getSourceType().getShape(), op.getSourceType().getElementType(), 0);
  add(op.getDest(), tensor::InsertSliceOp::create(builder, loc, zero, given, offsets, sizes, strides));
}

void TileAdjoint::visitExtraction(tensor::ExtractSliceOp op, Value given) {
  auto type = cast<RankedTensorType>(op.getSourceType());
  Value zero = tile::buildSplat(builder, op.getLoc(), type.getShape(), type.getElementType(), 0);
  add(op.getSource(), tensor::InsertSliceOp::create(builder, op.getLoc(), given, zero, op.getMixedOffsets(),
                                                    op.getMixedSizes(), op.getMixedStrides()));
}

//===----------------------------------------------------------------------===//
// Decays
//===----------------------------------------------------------------------===//

/// Running products: the gradient of a factor is the product of those before it, times the sum of what the products
/// after it are given, each decayed by the factors on the way.
LogicalResult TileAdjoint::visitScan(tile::ScanOp op, Value given) {
  // Up to a row from the start, or after it to the end: what other factors a row has is a running product too.
  if (op.getKind() != tile::ReduceKind::Mul || op.getInit() || op.getExclusive() != op.getReverse())
    return op.emitError() << "a scan other than products up to a row or after it has no derivative";
  Value factor = op.getInput(), others = op.getResult();
  if (!op.getExclusive())
    others = tile::ScanOp::create(builder, op.getLoc(), op.getType(), factor, Value(), tile::ReduceKind::Mul,
                                  /*exclusive=*/true, /*reverse=*/false);
  Value sums = tile::DecayedScanOp::create(builder, op.getLoc(), given, factor, op.getExclusive(),
                                           /*reverse=*/!op.getReverse());
  add(factor, tile::buildProduct(builder, op.getLoc(), others, sums));
  return success();
}

void TileAdjoint::addScores(Value query, Value key, Value decay, Value given) {
  auto grad = tile::DecayedScoresGradOp::create(builder, given.getLoc(), query, key, decay, given);
  add(query, grad.getQueryGrad());
  add(key, grad.getKeyGrad());
  add(decay, grad.getDecayGrad());
}

/// Each column is a running product.
void TileAdjoint::visitDecayMatrix(tile::DecayMatrixOp op, Value given) {
  Location loc = op.getLoc();
  Value others = tile::DecayMatrixOp::create(builder, loc, op.getType(), op.getDecay(), /*exclusive=*/true);
  Value sums = tile::DecayedScanOp::create(builder, loc, given, op.getDecay(), /*exclusive=*/false, /*reverse=*/true);
  add(op.getDecay(), sumLike(tile::buildProduct(builder, loc, others, sums), op.getDecay()));
}

/// Of `sum a_ij o_ic v_jc prod f`, which is linear in scores, in values, and in what is given: with what is given for
/// queries and values for keys, it is the sum of scores times decayed scores.
void TileAdjoint::visitDecayedSum(tile::DecayedSumOp op, Value given) {
  Value scores = op.getScores(), value = op.getValue(), decay = op.getDecay();
  if (isActive(scores))
    add(scores, tile::DecayedScoresOp::create(builder, op.getLoc(), scores.getType(), given, value, decay));
  if (isActive(value) || isActive(decay))
    addScores(given, value, decay, scores);
}

FailureOr<SmallVector<Value>> fgla::buildTileAdjoint(OpBuilder &builder, ValueRange outputs, ValueRange cotangents,
                                                     ValueRange inputs) {
  return TileAdjoint(builder).build(outputs, cotangents, inputs);
}

//===----------------------------------------------------------------------===//
// VJPOp
//===----------------------------------------------------------------------===//

/// The tile of the op's result; of a gate, what it gives rather than a decay.
static Value buildResultTile(OpBuilder &builder, TileFormInterface op, ValueRange tiles) {
  if (auto gate = dyn_cast<GateOp>(op.getOperation()))
    return buildMap(builder, op.getLoc(), tiles, shapeOf(tiles[0]),
                    [&](OpBuilder &b, Location l, ValueRange v) { return buildGateResult(b, l, gate, v); });
  return op.buildTileForm(builder, tiles).front();
}

FailureOr<SmallVector<Value>> VJPOp::buildTileForm(OpBuilder &builder, ValueRange tiles, Value cotangent) {
  IRMapping values;
  values.map(getBody().getArguments(), tiles);
  for (Operation &op : getBody().front().without_terminator()) {
    SmallVector<Value> operands =
        llvm::map_to_vector(op.getOperands(), [&](Value operand) { return values.lookup(operand); });
    values.map(op.getResult(0), buildResultTile(builder, cast<TileFormInterface>(op), operands));
  }
  SmallVector<Value> inputs = llvm::map_to_vector(getWrt(), [&](int64_t number) { return tiles[number]; });
  auto made = buildTileAdjoint(builder, values.lookup(getYield().getValue()), cotangent, inputs);
  if (failed(made))
    return failure();
  for (auto [gradient, input] : llvm::zip_equal(*made, inputs))
    if (!gradient)
      gradient = tile::buildSplat(builder, getLoc(), shapeOf(input),
                                  cast<RankedTensorType>(input.getType()).getElementType(), 0);
  return made;
}
