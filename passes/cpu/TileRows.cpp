//===- TileRows.cpp - Loads, maps, reductions and scans as loops ----------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "passes/cpu/TileLowering.h"

using namespace mlir;
using namespace fgla::cpu;
namespace tile = fgla::tile;
using tile::shapeOf;

/// The indices of element (row, column) of a tile in its array.
static SmallVector<Value> arrayIndices(VectorLoops &loops, ValueRange start, ArrayRef<int64_t> dims, Value row,
                                       Value column) {
  SmallVector<Value> indices(start);
  if (dims[0] >= 0)
    indices[dims[0]] = loops.add(indices[dims[0]], row);
  if (dims[1] >= 0)
    indices[dims[1]] = loops.add(indices[dims[1]], column);
  return indices;
}

/// True if the columns of a tile are next to each other in its array.
static bool hasContiguousRows(MemRefType array, ArrayRef<int64_t> dims, int64_t columns) {
  return columns > 1 && dims[1] == array.getRank() - 1;
}

namespace {
struct LowerLoad : TilePattern<tile::LoadOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::LoadOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    RankedTensorType type = op.getResult().getType();
    int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
    bool contiguous = hasContiguousRows(cast<MemRefType>(op.getSource().getType()), op.getDims(), columns);
    VectorType vector = loops.vectorFor(type.getElementType(), contiguous ? columns : 1);
    auto copy = [&](Value row, ValueRange carried) -> SmallVector<Value> {
      return loops.loop(0, columns, vector.getNumElements(), carried,
                        [&](Value column, ValueRange tile) -> SmallVector<Value> {
                          SmallVector<Value> indices = arrayIndices(loops, op.getIndices(), op.getDims(), row, column);
                          if (contiguous)
                            return {loops.write(loops.read(op.getSource(), indices, vector), tile[0], {row, column})};
                          Value scalar = memref::LoadOp::create(rewriter, op.getLoc(), op.getSource(), indices);
                          return {loops.insert(scalar, tile[0], {row, column})};
                        });
    };
    auto zero = [&](Value row, ValueRange carried) -> SmallVector<Value> {
      return loops.loop(0, columns, vector.getNumElements(), carried,
                        [&](Value column, ValueRange tile) -> SmallVector<Value> {
                          if (contiguous)
                            return {loops.write(loops.constant(vector, 0), tile[0], {row, column})};
                          return {loops.insert(loops.constant(type.getElementType(), 0), tile[0], {row, column})};
                        });
    };
    SmallVector<Value> tile{loops.destination(op.getResult())};
    if (Value valid = op.getCols()) {
      tile = loops.loop(0, rows, 1, tile, zero);
      Value end = op.getRows() ? op.getRows() : loops.index(rows);
      tile = loops.loop(loops.index(0), end, 1, tile, [&](Value row, ValueRange carried) {
        return loops.loop(loops.index(0), valid, 1, carried, [&](Value column, ValueRange inner) -> SmallVector<Value> {
          SmallVector<Value> indices = arrayIndices(loops, op.getIndices(), op.getDims(), row, column);
          Value scalar = memref::LoadOp::create(rewriter, op.getLoc(), op.getSource(), indices);
          return {loops.insert(scalar, inner[0], {row, column})};
        });
      });
    } else if (Value valid = op.getRows()) {
      tile = loops.loop(loops.index(0), valid, 1, tile, copy);
      tile = loops.loop(valid, loops.index(rows), 1, tile, zero);
    } else {
      tile = loops.loop(0, rows, 1, tile, copy);
    }
    rewriter.replaceOp(op, tile);
    return success();
  }
};

struct LowerStore : TilePattern<tile::StoreOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::StoreOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    RankedTensorType type = op.getValue().getType();
    int64_t columns = type.getDimSize(1);
    bool contiguous = hasContiguousRows(cast<MemRefType>(op.getDest().getType()), op.getDims(), columns);
    VectorType vector = loops.vectorFor(type.getElementType(), contiguous ? columns : 1);
    Value rows = op.getRows() ? op.getRows() : loops.index(type.getDimSize(0));
    loops.loop(loops.index(0), rows, 1, {}, [&](Value row, ValueRange) -> SmallVector<Value> {
      if (Value end = op.getCols())
        return loops.loop(loops.index(0), end, 1, {}, [&](Value column, ValueRange) -> SmallVector<Value> {
          SmallVector<Value> indices = arrayIndices(loops, op.getIndices(), op.getDims(), row, column);
          memref::StoreOp::create(rewriter, op.getLoc(), loops.extract(op.getValue(), {row, column}), op.getDest(),
                                  indices);
          return {};
        });
      return loops.loop(0, columns, vector.getNumElements(), {}, [&](Value column, ValueRange) -> SmallVector<Value> {
        SmallVector<Value> indices = arrayIndices(loops, op.getIndices(), op.getDims(), row, column);
        if (contiguous) {
          loops.write(loops.read(op.getValue(), {row, column}, vector), op.getDest(), indices);
          return {};
        }
        Value scalar = loops.extract(op.getValue(), {row, column});
        memref::StoreOp::create(rewriter, op.getLoc(), scalar, op.getDest(), indices);
        return {};
      });
    });
    rewriter.eraseOp(op);
    return success();
  }
};

/// A map as a loop over rows and vectors of columns; a column [R, 1] is taken as one row of R elements.
struct LowerMap : TilePattern<tile::MapOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::MapOp op, PatternRewriter &rewriter) const override {
    for (Operation &nested : op.getBody().front().without_terminator())
      if (!OpTrait::hasElementwiseMappableTraits(&nested) && !nested.hasTrait<OpTrait::ConstantLike>())
        return rewriter.notifyMatchFailure(&nested, "op in the region has no vector form");
    auto shape = shapeOf(op.getResult(0));
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    bool isColumn = shape[1] == 1 && shape[0] > 1;
    int64_t rows = isColumn ? 1 : shape[0], columns = isColumn ? shape[0] : shape[1];
    // An input that a result takes the place of is read from where it is overwritten, element after element.
    SmallVector<Value> inputs(op.getInputs()), outs;
    SmallVector<std::optional<unsigned>> overwrittenBy(inputs.size());
    for (OpResult result : op.getResults()) {
      Value destination = loops.destination(result);
      for (auto [input, by] : llvm::zip_equal(inputs, overwrittenBy))
        if (input == destination)
          by = result.getResultNumber();
      outs.push_back(isColumn ? loops.collapse(destination) : destination);
    }
    for (Value &input : inputs)
      if (isColumn && shapeOf(input)[0] > 1 && !input.getDefiningOp<tile::ValidOp>())
        input = loops.collapse(input);
    int64_t lanes = loops.vectorFor(rewriter.getF32Type(), columns).getNumElements();
    for (Value result : op.getResults())
      lanes = std::min(lanes, loops.vectorFor(getElementTypeOrSelf(result), columns).getNumElements());
    outs = loops.loop(0, rows, 1, outs, [&](Value row, ValueRange perRow) {
      return loops.loop(0, columns, lanes, perRow, [&](Value column, ValueRange tiles) {
        Position position{row, column, lanes, isColumn};
        SmallVector<Value> vectors;
        for (auto [input, tile, by] : llvm::zip_equal(op.getInputs(), inputs, overwrittenBy))
          vectors.push_back(readInput(loops, input, by ? tiles[*by] : tile, position));
        SmallVector<Value> results = vectorizeBody(loops, op.getBody().front(), vectors, lanes), next;
        for (auto [vector, tile] : llvm::zip_equal(results, tiles))
          next.push_back(loops.write(vector, tile, position.indices()));
        return next;
      });
    });
    if (isColumn)
      for (auto [out, result] : llvm::zip_equal(outs, op.getResults()))
        out = loops.expand(out, cast<RankedTensorType>(result.getType()));
    rewriter.replaceOp(op, outs);
    return success();
  }

private:
  struct Position {
    Value row, column;
    int64_t lanes;
    bool isColumn;
    SmallVector<Value> indices() const {
      return isColumn ? SmallVector<Value>{column} : SmallVector<Value>{row, column};
    }
  };

  static Value readInput(VectorLoops &loops, Value input, Value tile, const Position &at) {
    auto type = VectorType::get(at.lanes, getElementTypeOrSelf(input));
    if (auto valid = input.getDefiningOp<tile::ValidOp>())
      return readValid(loops, valid, at);
    auto shape = shapeOf(input);
    if (at.isColumn)
      return shape[0] > 1 ? loops.read(tile, {at.column}, type)
                          : loops.splat(type, loops.extract(tile, {loops.index(0), loops.index(0)}));
    Value row = shape[0] > 1 ? at.row : loops.index(0);
    if (shape[1] > 1)
      return loops.read(tile, {row, at.column}, type);
    return loops.splat(type, loops.extract(tile, {row, loops.index(0)}));
  }

  static Value readValid(VectorLoops &loops, tile::ValidOp valid, const Position &at) {
    OpBuilder &builder = loops.builder;
    auto mask = VectorType::get(at.lanes, builder.getI1Type());
    if (valid.getCols())
      return vector::CreateMaskOp::create(builder, loops.loc, mask, ValueRange{loops.sub(valid.getCols(), at.column)});
    if (at.isColumn) // the lanes [0, rows - column)
      return vector::CreateMaskOp::create(builder, loops.loc, mask, ValueRange{loops.sub(valid.getRows(), at.column)});
    Value inside = arith::CmpIOp::create(builder, loops.loc, arith::CmpIPredicate::slt, at.row, valid.getRows());
    return loops.splat(mask, inside);
  }

  /// Clones the scalar ops of a map's region as ops on vectors.
  static SmallVector<Value> vectorizeBody(VectorLoops &loops, Block &body, ValueRange arguments, int64_t lanes) {
    IRMapping mapping;
    mapping.map(body.getArguments(), arguments);
    auto lookup = [&](Value scalar) {
      if (Value vector = mapping.lookupOrNull(scalar))
        return vector;
      return loops.splat(VectorType::get(lanes, scalar.getType()), scalar); // from outside the region
    };
    for (Operation &op : body.without_terminator()) {
      if (op.hasTrait<OpTrait::ConstantLike>()) {
        mapping.map(op.getResult(0), lookup(loops.builder.clone(op)->getResult(0)));
        continue;
      }
      OperationState state(loops.loc, op.getName());
      for (Value operand : op.getOperands())
        state.addOperands(lookup(operand));
      for (Type type : op.getResultTypes())
        state.addTypes(VectorType::get(lanes, type));
      state.addAttributes(op.getAttrs());
      Operation *vectorized = loops.builder.create(state);
      mapping.map(op.getResults(), vectorized->getResults());
    }
    return llvm::map_to_vector(body.getTerminator()->getOperands(), lookup);
  }
};

static vector::CombiningKind combiningKind(tile::ReduceKind kind) {
  switch (kind) {
  case tile::ReduceKind::Add:
    return vector::CombiningKind::ADD;
  case tile::ReduceKind::Mul:
    return vector::CombiningKind::MUL;
  default:
    return vector::CombiningKind::MAXIMUMF;
  }
}

struct LowerReduce : TilePattern<tile::ReduceOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::ReduceOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getInput());
    if (shape[op.getDim()] == 1) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    if (op.getDim() == 0 && shape[1] > 1) {
      rewriter.replaceOp(op, reduceRows(op, loops));
      return success();
    }
    // Along a row, or down a column, whose elements are next to each other too.
    bool isColumn = op.getDim() == 0;
    Value input = isColumn ? loops.collapse(op.getInput()) : op.getInput();
    int64_t count = shape[op.getDim()];
    SmallVector<Value> out{loops.destination(op.getResult())};
    out = loops.loop(0, isColumn ? 1 : shape[0], 1, out, [&](Value row, ValueRange tile) -> SmallVector<Value> {
      auto at = [&](Value column) { return isColumn ? SmallVector<Value>{column} : SmallVector<Value>{row, column}; };
      Value scalar = reduceContiguous(op, loops, input, count, at);
      return {loops.insert(scalar, tile[0], {row, loops.index(0)})};
    });
    rewriter.replaceOp(op, out);
    return success();
  }

private:
  static Value reduceContiguous(tile::ReduceOp op, VectorLoops &loops, Value input, int64_t count,
                                function_ref<SmallVector<Value>(Value)> at) {
    Type element = getElementTypeOrSelf(input);
    // prob_or has no horizontal form, and is only needed down rows.
    bool isScalar = op.getKind() == tile::ReduceKind::ProbOr;
    VectorType vector = loops.vectorFor(element, isScalar ? 1 : count);
    Value neutral = tile::buildNeutral(loops.builder, loops.loc, op.getKind(), element);
    SmallVector<Value> acc{isScalar ? neutral : loops.splat(vector, neutral)};
    acc = loops.loop(0, count, vector.getNumElements(), acc, [&](Value column, ValueRange sum) -> SmallVector<Value> {
      Value next = isScalar ? loops.extract(input, at(column)) : loops.read(input, at(column), vector);
      return {tile::buildCombine(loops.builder, loops.loc, op.getKind(), sum[0], next)};
    });
    if (isScalar)
      return acc[0];
    return vector::ReductionOp::create(loops.builder, loops.loc, combiningKind(op.getKind()), acc[0]);
  }

  static SmallVector<Value> reduceRows(tile::ReduceOp op, VectorLoops &loops) {
    auto shape = shapeOf(op.getInput());
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getInput()), shape[1]);
    Value neutral = tile::buildNeutral(loops.builder, loops.loc, op.getKind(), vector.getElementType());
    return loops.loop(0, shape[1], vector.getNumElements(), loops.destination(op.getResult()),
                      [&](Value column, ValueRange tile) -> SmallVector<Value> {
                        Value acc = loops.loop(
                            0, shape[0], 1, loops.splat(vector, neutral),
                            [&](Value row, ValueRange sum) -> SmallVector<Value> {
                              Value next = loops.read(op.getInput(), {row, column}, vector);
                              return {tile::buildCombine(loops.builder, loops.loc, op.getKind(), sum[0], next)};
                            })[0];
                        return {loops.write(acc, tile[0], {loops.index(0), column})};
                      });
  }
};

struct LowerScan : TilePattern<tile::ScanOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::ScanOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getInput());
    VectorType vector = loops.vectorFor(getElementTypeOrSelf(op.getInput()), shape[1]);
    SmallVector<Value> tile{loops.destination(op.getResult())};
    tile = loops.loop(
        0, shape[1], vector.getNumElements(), tile, [&](Value column, ValueRange columns) -> SmallVector<Value> {
          Value neutral = tile::buildNeutral(rewriter, op.getLoc(), op.getKind(), vector.getElementType());
          Value start =
              op.getInit() ? loops.read(op.getInit(), {loops.index(0), column}, vector) : loops.splat(vector, neutral);
          return {loops.loop(0, shape[0], 1, ValueRange{columns[0], start}, [&](Value step, ValueRange carried) {
            return scanRow(op, loops, vector, step, column, carried);
          })[0]};
        });
    rewriter.replaceOp(op, tile);
    return success();
  }

private:
  static SmallVector<Value> scanRow(tile::ScanOp op, VectorLoops &loops, VectorType vector, Value step, Value column,
                                    ValueRange carried) {
    Value row = op.getReverse() ? loops.sub(loops.index(shapeOf(op.getInput())[0] - 1), step) : step;
    Value value = loops.read(op.getInput(), {row, column}, vector);
    Value combined = tile::buildCombine(loops.builder, loops.loc, op.getKind(), carried[1], value);
    Value tile = loops.write(op.getExclusive() ? carried[1] : combined, carried[0], {row, column});
    return {tile, combined};
  }
};

struct LowerTranspose : TilePattern<tile::TransposeOp> {
  using TilePattern::TilePattern;

  LogicalResult matchAndRewrite(tile::TransposeOp op, PatternRewriter &rewriter) const override {
    VectorLoops loops(rewriter, op.getLoc(), vectorBits);
    auto shape = shapeOf(op.getInput());
    if (shape[0] == 1 || shape[1] == 1) {
      rewriter.replaceOp(op, loops.expand(loops.collapse(op.getInput()), op.getResult().getType()));
      return success();
    }
    // Blocks of vectors, which are transposed in registers.
    Type element = getElementTypeOrSelf(op.getInput());
    int64_t height = loops.vectorFor(element, shape[0]).getNumElements();
    int64_t width = loops.vectorFor(element, shape[1]).getNumElements();
    SmallVector<Value> tile{loops.destination(op.getResult())};
    tile = loops.loop(0, shape[0], height, tile, [&](Value row, ValueRange rows) {
      return loops.loop(0, shape[1], width, rows, [&](Value column, ValueRange blocks) -> SmallVector<Value> {
        return {
            transposeBlock(loops, op.getInput(), blocks[0], row, column, VectorType::get({height, width}, element))};
      });
    });
    rewriter.replaceOp(op, tile);
    return success();
  }

private:
  static Value transposeBlock(VectorLoops &loops, Value input, Value tile, Value row, Value column, VectorType type) {
    OpBuilder &builder = loops.builder;
    int64_t height = type.getDimSize(0), width = type.getDimSize(1);
    if (height == 1 || width == 1) { // an odd size: nothing to transpose in registers
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = 0; j < width; ++j) {
          Value from = loops.add(row, loops.index(i)), to = loops.add(column, loops.index(j));
          tile = loops.insert(loops.extract(input, {from, to}), tile, {to, from});
        }
      return tile;
    }
    auto rowType = VectorType::get(width, type.getElementType());
    Value block = loops.constant(type, 0);
    for (int64_t i = 0; i < height; ++i) {
      Value vector = loops.read(input, {loops.add(row, loops.index(i)), column}, rowType);
      block = vector::InsertOp::create(builder, loops.loc, vector, block, ArrayRef<int64_t>{i});
    }
    block = vector::TransposeOp::create(builder, loops.loc, block, ArrayRef<int64_t>{1, 0});
    for (int64_t i = 0; i < width; ++i) {
      Value vector = vector::ExtractOp::create(builder, loops.loc, block, ArrayRef<int64_t>{i});
      tile = loops.write(vector, tile, {loops.add(column, loops.index(i)), row});
    }
    return tile;
  }
};
} // namespace

void fgla::cpu::populateTileRowPatterns(RewritePatternSet &patterns, unsigned vectorBits) {
  patterns.add<LowerLoad, LowerStore, LowerMap, LowerReduce, LowerScan, LowerTranspose>(patterns.getContext(),
                                                                                        vectorBits);
}
