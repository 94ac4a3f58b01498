//===- TileOps.cpp - Verifiers and canonicalization of fgla_tile ----------===//

#include "dialect/Segments.h"
#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace fgla::tile;

//===----------------------------------------------------------------------===//
// LoadOp, StoreOp
//===----------------------------------------------------------------------===//

/// c1, c2 and c3 of load and store.
static LogicalResult verifyAccess(Operation *op, MemRefType array, RankedTensorType tile, size_t numIndices,
                                  ArrayRef<int64_t> dims) {
  StringRef name = op->getName().stripDialect();
  if (static_cast<int64_t>(numIndices) != array.getRank())
    return op->emitOpError() << "must have one index for each of the array's " << array.getRank() << " dims, got "
                             << numIndices << " (" << name << "_c1)";
  if (dims.size() != 2)
    return op->emitOpError() << "'dims' must have two entries, got " << dims.size() << " (" << name << "_c2)";
  for (auto [position, dim] : llvm::enumerate(dims)) {
    if (dim < -1 || dim >= array.getRank())
      return op->emitOpError() << "'dims' must name dims of " << array << " or be -1, got " << dim << " (" << name
                               << "_c2)";
    if (dim == -1 && tile.getDimSize(position) != 1)
      return op->emitOpError() << "tile must have size 1 where 'dims' is -1, got " << tile.getDimSize(position) << " ("
                               << name << "_c2)";
  }
  if (dims[0] == dims[1] && dims[0] != -1)
    return op->emitOpError() << "'dims' must differ, got " << dims[0] << " twice (" << name << "_c2)";
  if (tile.getElementType() != array.getElementType())
    return op->emitOpError() << "tile must have the array's element type " << array.getElementType() << ", got " << tile
                             << " (" << name << "_c3)";
  return success();
}

LogicalResult LoadOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0})))
    return failure();
  return verifyAccess(*this, cast<MemRefType>(getSource().getType()), getResult().getType(), getIndices().size(),
                      getDims());
}

LogicalResult StoreOp::verify() {
  if (failed(verifyRequiredOperands(*this, {0, 1})))
    return failure();
  return verifyAccess(*this, cast<MemRefType>(getDest().getType()), getValue().getType(), getIndices().size(),
                      getDims());
}

void LoadOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  effects.emplace_back(MemoryEffects::Read::get(), &getSourceMutable());
}

void StoreOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  effects.emplace_back(MemoryEffects::Write::get(), &getDestMutable());
}

//===----------------------------------------------------------------------===//
// MapOp
//===----------------------------------------------------------------------===//

LogicalResult MapOp::verify() {
  if (getNumResults() == 0)
    return emitOpError() << "must have at least one result (map_c1)";
  auto shape = shapeOf(getResult(0));
  for (Value result : getResults())
    if (shapeOf(result) != shape)
      return emitOpError() << "results must have one shape, got " << result.getType() << " beside "
                           << getResult(0).getType() << " (map_c1)";
  for (Value input : getInputs())
    for (int dim : {0, 1})
      if (shapeOf(input)[dim] != shape[dim] && shapeOf(input)[dim] != 1)
        return emitOpError() << "input of type " << input.getType() << " can't be broadcast to "
                             << getResult(0).getType() << " (map_c2)";
  return success();
}

LogicalResult MapOp::verifyRegions() {
  auto elements = [](ValueRange tiles) {
    return llvm::map_to_vector(
        tiles, [](Value tile) -> Type { return cast<RankedTensorType>(tile.getType()).getElementType(); });
  };
  Block &block = getBody().front();
  if (TypeRange(block.getArgumentTypes()) != TypeRange(elements(getInputs())))
    return emitOpError() << "region must take one scalar of each input's element type (map_c3)";
  if (!isa<YieldOp>(block.back()) || TypeRange(block.back().getOperandTypes()) != TypeRange(elements(getResults())))
    return emitOpError() << "region must yield one scalar of each result's element type (map_c3)";
  return success();
}

namespace {
/// map(… map(x) …) -> map(… x …): a chain of elementwise operations is one op, where the inner one has no other user.
struct FuseMaps : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MapOp consumer, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : consumer->getOpOperands()) {
      auto producer = operand.get().getDefiningOp<MapOp>();
      // A broadcast input would be computed again for each element.
      if (!producer || producer->getBlock() != consumer->getBlock() ||
          !llvm::all_of(producer->getUsers(), [&](Operation *user) { return user == consumer; }) ||
          shapeOf(producer.getResult(0)) != shapeOf(consumer.getResult(0)))
        continue;
      fuse(rewriter, producer, consumer);
      return success();
    }
    return rewriter.notifyMatchFailure(consumer, "no input is a map of the same shape with no other user");
  }

private:
  static void fuse(PatternRewriter &rewriter, MapOp producer, MapOp consumer) {
    SmallVector<Value> inputs(producer.getInputs());
    for (Value input : consumer.getInputs())
      if (input.getDefiningOp() != producer)
        inputs.push_back(input);
    SmallVector<Type> elements = llvm::map_to_vector(
        consumer.getResultTypes(), [](Type type) -> Type { return cast<RankedTensorType>(type).getElementType(); });
    MapOp fused = buildMap(rewriter, consumer.getLoc(), inputs, shapeOf(consumer.getResult(0)), elements,
                           [&](OpBuilder &builder, Location, ValueRange scalars) -> SmallVector<Value> {
                             unsigned next = producer.getInputs().size();
                             SmallVector<Value> inner = inlineBody(builder, producer.getBody().front(),
                                                                   llvm::to_vector(scalars.take_front(next)));
                             SmallVector<Value> outer;
                             for (Value input : consumer.getInputs()) {
                               if (input.getDefiningOp() == producer)
                                 outer.push_back(inner[cast<OpResult>(input).getResultNumber()]);
                               else
                                 outer.push_back(scalars[next++]);
                             }
                             return inlineBody(builder, consumer.getBody().front(), outer);
                           });
    rewriter.replaceOp(consumer, fused.getResults());
    rewriter.eraseOp(producer);
  }

  static SmallVector<Value> inlineBody(OpBuilder &builder, Block &body, ArrayRef<Value> arguments) {
    IRMapping mapping;
    mapping.map(body.getArguments(), arguments);
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    return llvm::map_to_vector(body.getTerminator()->getOperands(),
                               [&](Value value) { return mapping.lookupOrDefault(value); });
  }
};

/// map(x, x) -> map(x)
struct DeduplicateMapInputs : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MapOp op, PatternRewriter &rewriter) const override {
    for (unsigned later = 1; later < op.getInputs().size(); ++later)
      for (unsigned earlier = 0; earlier < later; ++earlier) {
        if (op.getInputs()[earlier] != op.getInputs()[later])
          continue;
        rewriter.modifyOpInPlace(op, [&] {
          Block &body = op.getBody().front();
          body.getArgument(later).replaceAllUsesWith(body.getArgument(earlier));
          body.eraseArgument(later);
          op.getInputsMutable().erase(later);
        });
        return success();
      }
    return rewriter.notifyMatchFailure(op, "all inputs differ");
  }
};
} // namespace

namespace {
/// A result that nobody uses is not computed, and an input that nothing is computed from is not read.
struct DropUnusedOfMap : OpRewritePattern<MapOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MapOp op, PatternRewriter &rewriter) const override {
    Block &body = op.getBody().front();
    if (op.use_empty())
      return rewriter.notifyMatchFailure(op, "is dead as a whole");
    llvm::BitVector unused(op.getNumResults());
    for (OpResult result : op.getResults())
      unused[result.getResultNumber()] = result.use_empty();
    if (unused.any()) {
      SmallVector<Type> elements;
      for (OpResult result : op.getResults())
        if (!unused[result.getResultNumber()])
          elements.push_back(cast<RankedTensorType>(result.getType()).getElementType());
      MapOp copy = buildMap(rewriter, op.getLoc(), op.getInputs(), shapeOf(op.getResult(0)), elements,
                            [&](OpBuilder &builder, Location, ValueRange scalars) {
                              IRMapping mapping;
                              mapping.map(body.getArguments(), scalars);
                              for (Operation &nested : body.without_terminator())
                                builder.clone(nested, mapping);
                              SmallVector<Value> yielded;
                              for (auto [index, value] : llvm::enumerate(body.getTerminator()->getOperands()))
                                if (!unused[index])
                                  yielded.push_back(mapping.lookupOrDefault(value));
                              return yielded;
                            });
      unsigned next = 0;
      for (OpResult result : op.getResults())
        if (!unused[result.getResultNumber()])
          rewriter.replaceAllUsesWith(result, copy.getResult(next++));
      rewriter.eraseOp(op);
      return success();
    }
    for (BlockArgument argument : body.getArguments()) {
      if (!argument.use_empty())
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        unsigned number = argument.getArgNumber();
        body.eraseArgument(number);
        op.getInputsMutable().erase(number);
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "all results and inputs are used");
  }
};
} // namespace

void MapOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FuseMaps, DeduplicateMapInputs, DropUnusedOfMap>(context);
}

/// Whether a tile has the type, whatever its layout.
static bool hasType(Value tile, RankedTensorType type) {
  auto given = cast<RankedTensorType>(tile.getType());
  return given.getShape() == type.getShape() && given.getElementType() == type.getElementType();
}

//===----------------------------------------------------------------------===//
// Row and column operations
//===----------------------------------------------------------------------===//

LogicalResult ValidOp::verify() {
  if (!getRows() == !getCols())
    return emitOpError() << "must have either 'rows' or 'cols' (valid_c1)";
  bool ofRows = static_cast<bool>(getRows());
  if (!getResult().getType().hasStaticShape() || shapeOf(getResult())[ofRows ? 1 : 0] != 1)
    return emitOpError() << "result must be " << (ofRows ? "[C, 1]" : "[1, D]") << ", got " << getResult().getType()
                         << " (valid_c1)";
  return success();
}

LogicalResult ReduceOp::verify() {
  if (getDim() != 0 && getDim() != 1)
    return emitOpError() << "'dim' must be 0 or 1, got " << static_cast<int64_t>(getDim()) << " (reduce_c1)";
  SmallVector<int64_t> shape(shapeOf(getInput()));
  shape[getDim()] = 1;
  auto expected = RankedTensorType::get(shape, getInput().getType().getElementType());
  if (!hasType(getResult(), expected))
    return emitOpError() << "result must be " << expected << ", got " << getResult().getType() << " (reduce_c1)";
  return success();
}

LogicalResult RowNormOp::verify() {
  auto expected = RankedTensorType::get({shapeOf(getInput())[0], 1}, getInput().getType().getElementType());
  if (!hasType(getResult(), expected))
    return emitOpError() << "result must be " << expected << ", got " << getResult().getType() << " (row_norm_c1)";
  return success();
}

LogicalResult ScanOp::verify() {
  if (!getInit())
    return success();
  auto expected = RankedTensorType::get({1, shapeOf(getInput())[1]}, getInput().getType().getElementType());
  if (!hasType(getInit(), expected))
    return emitOpError() << "operand 'init' must be " << expected << ", got " << getInit().getType() << " (scan_c1)";
  return success();
}

LogicalResult DecayedScanOp::verify() {
  RankedTensorType type = getInput().getType();
  auto column = RankedTensorType::get({type.getDimSize(0), 1}, type.getElementType());
  if (!hasType(getDecay(), type) && !hasType(getDecay(), column))
    return emitOpError() << "decay must be " << type << " or " << column << ", got " << getDecay().getType()
                         << " (decayed_scan_c1)";
  return success();
}

LogicalResult TransposeOp::verify() {
  auto shape = shapeOf(getInput());
  auto expected = RankedTensorType::get({shape[1], shape[0]}, getInput().getType().getElementType());
  if (!hasType(getResult(), expected))
    return emitOpError() << "result must be " << expected << ", got " << getResult().getType() << " (transpose_c1)";
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  auto a = shapeOf(getA()), b = shapeOf(getB()), result = shapeOf(getResult());
  int64_t m = a[getTransposeA()], aInner = a[!getTransposeA()];
  int64_t bInner = b[getTransposeB()], n = b[!getTransposeB()];
  if (aInner != bInner || result[0] != m || result[1] != n)
    return emitOpError() << "must multiply [M, L] by [L, N] onto [M, N], got [" << m << ", " << aInner << "], ["
                         << bInner << ", " << n << "] and [" << result[0] << ", " << result[1] << "] (dot_c1)";
  if (getAcc() && getAcc().getType() != getResult().getType())
    return emitOpError() << "operand 'acc' must have the type of the result, " << getResult().getType() << ", got "
                         << getAcc().getType() << " (dot_c1)";
  if (getA().getType().getElementType() != getB().getType().getElementType())
    return emitOpError() << "operands must have one element type, got " << getA().getType().getElementType() << " and "
                         << getB().getType().getElementType() << " (dot_c2)";
  if (getLowerA() && (getTransposeA() || a[0] != a[1]))
    return emitOpError() << "operand 'a' of 'lower' must be square and not transposed, got "
                         << (getTransposeA() ? "transposed " : "") << "[" << a[0] << ", " << a[1] << "] (dot_c3)";
  return success();
}

LogicalResult DecayedScoresOp::verify() {
  RankedTensorType type = getQuery().getType();
  auto expected = RankedTensorType::get({type.getDimSize(0), type.getDimSize(0)}, type.getElementType());
  if (getKey().getType() != type || getDecay().getType() != type || !hasType(getResult(), expected))
    return emitOpError() << "operands must have one type and the result must be " << expected << ", got " << type
                         << ", " << getKey().getType() << ", " << getDecay().getType() << " and "
                         << getResult().getType() << " (decayed_scores_c1)";
  return success();
}

LogicalResult DecayedScoresGradOp::verify() {
  RankedTensorType type = getQuery().getType();
  auto expected = RankedTensorType::get({type.getDimSize(0), type.getDimSize(0)}, type.getElementType());
  if (!hasType(getScoresGrad(), expected))
    return emitOpError() << "gradient of the scores must be " << expected << ", got " << getScoresGrad().getType()
                         << " (decayed_scores_grad_c1)";
  return success();
}

LogicalResult DecayMatrixOp::verify() {
  RankedTensorType type = getDecay().getType();
  auto expected = RankedTensorType::get({type.getDimSize(0), type.getDimSize(0)}, type.getElementType());
  if (type.getDimSize(1) != 1 || !hasType(getResult(), expected))
    return emitOpError() << "decay must be [C, 1] and the result [C, C], got " << type << " and "
                         << getResult().getType() << " (decay_matrix_c1)";
  return success();
}

LogicalResult DecayedSumOp::verify() {
  RankedTensorType type = getValue().getType();
  auto expected = RankedTensorType::get({type.getDimSize(0), type.getDimSize(0)}, type.getElementType());
  if (!hasType(getScores(), expected) || getDecay().getType() != type || getResult().getType() != type)
    return emitOpError() << "scores must be " << expected << " and value, decay and result of one type, got "
                         << getScores().getType() << ", " << type << ", " << getDecay().getType() << " and "
                         << getResult().getType() << " (decayed_sum_c1)";
  return success();
}

static bool isClusterSize(int64_t count) { return count == 2 || count == 4 || count == 8; }

LogicalResult GatherOp::verify() {
  if (!isClusterSize(getNumResults()) || !llvm::all_equal(getResultTypes()) ||
      getResultTypes().front() != getInput().getType())
    return emitOpError() << "must have 2, 4 or 8 results of type " << getInput().getType() << ", got "
                         << getResultTypes() << " (gather_c1)";
  return success();
}

LogicalResult ExchangeOp::verify() {
  RankedTensorType type = getInput().getType();
  auto count = static_cast<int64_t>(getNumResults());
  if (!isClusterSize(count) || type.getDimSize(0) % count != 0)
    return emitOpError() << "must have 2, 4 or 8 results that share out the rows of " << type << ", got " << count
                         << " (exchange_c1)";
  auto expected = RankedTensorType::get({type.getDimSize(0) / count, type.getDimSize(1)}, type.getElementType());
  for (Value part : getParts())
    if (!hasType(part, expected))
      return emitOpError() << "results must be " << expected << ", got " << part.getType() << " (exchange_c1)";
  return success();
}

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = dyn_cast_or_null<FunctionOpInterface>(symbols.lookupNearestSymbolFrom(*this, getKernelAttr()));
  if (!kernel)
    return emitOpError() << "'" << getKernel() << "' does not name a function (launch_c1)";
  auto matches = [](Type operand, Type argument) {
    auto shaped = dyn_cast<ShapedType>(operand);
    auto memref = dyn_cast<MemRefType>(argument);
    return shaped && shaped.hasRank() && memref && shaped.getElementType() == memref.getElementType() &&
           shaped.getShape() == memref.getShape();
  };
  ArrayRef<Type> arguments = kernel.getArgumentTypes();
  if (arguments.size() != getNumOperands() || kernel.getNumResults() != 0 ||
      !llvm::all_of_zip(getOperandTypes(), arguments, matches))
    return emitOpError() << "inputs and outputs don't fit the arguments of '" << getKernel() << "' (launch_c1)";
  return success();
}

void LaunchOp::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : (*this)->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isOutput = operand.getOperandNumber() >= getInputs().size();
    effects.emplace_back(isOutput ? static_cast<MemoryEffects::Effect *>(MemoryEffects::Write::get())
                                  : MemoryEffects::Read::get(),
                         &operand);
  }
}
