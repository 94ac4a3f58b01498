//===- Scores.cpp - The diagonal block of attention -----------------------===//
//
// a_ij = sum_d q_id k_jd prod_(j < s <= i) f_sd as matrix products. The decay of a pair is split at the middle of the
// tile: with X_r the product from the middle up to r (behind it), or one over the product from r to the middle (in
// front of it), a = (q X) (k / X)^T below the diagonal. That is exact while no X is too large or small for the
// operands' type.
//
// Where one is, all warps of the role take the other way: pairs whose tokens differ first in bit h of their numbers lie
// in the two halves of a block of 2 h tokens; for each h the query is decayed from the block's middle on and the key up
// to it. Both factors are at most one for any decay. Queries and keys are read again; decays are still in registers.
//
//===----------------------------------------------------------------------===//

#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

namespace fgla::kernel {
class ScoresEmitter {
public:
  ScoresEmitter(RoleEmitter &role, tile::DecayedScoresOp op)
      : role(role), op(op), code(role.code), builder(role.builder), layout(RoleEmitter::getLayout(op.getQuery())),
        result(RoleEmitter::getLayout(op.getResult())),
        type(RankedTensorType::get(op.getQuery().getType().getShape(), BFloat16Type::get(op.getContext()))),
        rows(type.getDimSize(0)), keyDim(type.getDimSize(1)),
        query(role.getScratch(op, type, 2 * TileMemory(type).getBytes())),
        key(role.getScratch(op, type, 2 * TileMemory(type).getBytes(), TileMemory(type).getBytes())) {
    length = role.getVectorLength(query.memory, layout);
  }

  RoleEmitter::Registers emit();

private:
  using Registers = RoleEmitter::Registers;

  void planCompanions();
  Value writeMiddleOut();
  Registers emitExact();
  void writeLevel(int64_t half);
  Registers multiply();
  /// Keeps what is at pairs (i, j) with i > j that differ first in a bit of `half`; the diagonal for 0.
  Value isOfLevel(int64_t number, int64_t half);

  Value decay(int32_t row, int32_t column) { return role.pull(op.getDecay(), layout, at(row, column)); }
  int64_t at(int32_t row, int32_t column) const { return layout.findRegister({row, column}); }
  Value product(Value a, Value b) { return a ? code.mulF(a, b) : b; }
  /// Register groups of a row.
  SmallVector<int64_t> groupsOf(int32_t row) const {
    SmallVector<int64_t> groups;
    for (int64_t first = 0; first < layout.getNumRegisters(); first += length)
      if (layout.ofRegister(first).row == row)
        groups.push_back(first);
    return groups;
  }

  RoleEmitter &role;
  tile::DecayedScoresOp op;
  Code &code;
  OpBuilder &builder;
  RoleEmitter::LinearLayout layout, result;
  RankedTensorType type;
  int64_t rows, keyDim, length;
  RoleEmitter::SharedTile query, key;
  SmallVector<warp::PutOp> forward, backward; ///< puts that are written row by row along with the operands
};
} // namespace fgla::kernel

/// Puts of tiles that are computed from the same elements: with each row's queries (keys) at hand, it is written too.
void ScoresEmitter::planCompanions() {
  for (auto put : op->getBlock()->getOps<warp::PutOp>()) {
    Value value = put.getValue();
    bool isLazy = isa_and_nonnull<tile::MapOp>(value.getDefiningOp());
    auto encoding = cast<RankedTensorType>(value.getType()).getEncoding();
    if (isLazy && encoding && RoleEmitter::getLayout(value) == layout && tile::shapeOf(value) == type.getShape() &&
        cast<RankedTensorType>(value.getType()).getElementType().getIntOrFloatBitWidth() == 16)
      (RoleEmitter::runsBackward(value) ? backward : forward).push_back(put);
  }
}

/// Writes q X and k / X, and the companions; returns whether some X of this thread is out of range.
Value ScoresEmitter::writeMiddleOut() {
  int32_t middle = rows / 2, last = rows - 1;
  SmallVector<int32_t> columns; // of register 0's row
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number)
    if (layout.ofRegister(number).row == 0)
      columns.push_back(layout.ofRegister(number).column);
  auto invert = [&](Value x) -> Value {
    return NVVM::RcpApproxFtzF32Op::create(builder, code.loc, builder.getF32Type(), x);
  };
  llvm::DenseMap<int64_t, Value> onward, inverse; // by register: X behind the middle, 1 / X in front of it
  Value smallest;
  auto see = [&](Value x) {
    smallest = smallest ? Value(arith::MinimumFOp::create(builder, code.loc, smallest, x)) : x;
  };
  for (int32_t column : columns) {
    Value front;
    for (int32_t row = 1; row < middle; ++row)
      front = product(front, decay(row, column));
    if (!front)
      front = code.f32(1);
    see(front);
    Value x = invert(front);
    for (int32_t row = 0; row < middle; ++row) {
      x = row == 0 ? x : code.mulF(x, decay(row, column));
      onward[at(row, column)] = x;
    }
    Value behind;
    for (int32_t row = middle; row < rows; ++row)
      onward[at(row, column)] = behind = product(behind, decay(row, column));
    see(behind);
    x = invert(behind);
    for (int32_t row = last; row >= middle; --row) {
      inverse[at(row, column)] = x;
      x = code.mulF(x, decay(row, column));
    }
    Value toMiddle = code.f32(1);
    for (int32_t row = middle - 1; row >= 0; --row) {
      inverse[at(row, column)] = toMiddle;
      toMiddle = code.mulF(toMiddle, decay(row, column));
    }
  }
  auto sweep = [&](int32_t row, Value tile, const llvm::DenseMap<int64_t, Value> &factors,
                   const RoleEmitter::SharedTile &operand, ArrayRef<warp::PutOp> companions) {
    for (int64_t first : groupsOf(row)) {
      role.writeShared(operand, layout, first, [&](int64_t number) {
        return code.mulF(role.pull(tile, layout, number), factors.lookup(number));
      });
      for (warp::PutOp put : companions)
        role.writeShared(role.getSlot(put.getChannel()), layout, first,
                         [&](int64_t number) { return role.pull(put.getValue(), layout, number); });
    }
  };
  for (int32_t row = 0; row < rows; ++row)
    sweep(row, op.getQuery(), onward, query, forward);
  for (int32_t row = last; row >= 0; --row)
    sweep(row, op.getKey(), inverse, key, backward);
  constexpr double kSmallest = 0x1p-60;
  return arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::ULT, smallest, code.f32(kSmallest));
}

/// This warp's part of query key^T.
ScoresEmitter::Registers ScoresEmitter::multiply() {
  Value column = role.getThreadElement(result).second;
  // The warp's first column: what lanes add is in the fragments already.
  RoleEmitter::LinearLayout warpsOnly = result;
  warpsOnly.lanes.assign(5, Element());
  column = role.getThreadElement(warpsOnly).second;
  Registers values(result.getNumRegisters(), code.f32(0));
  auto element = BFloat16Type::get(builder.getContext());
  int64_t endN = 0;
  for (int64_t number = 0; number < result.getNumRegisters(); ++number)
    endN = std::max<int64_t>(endN, result.ofRegister(number).column / 8 * 8 + 8);
  for (int64_t k = 0; k < keyDim; k += 16)
    for (int64_t m = 0; m < rows; m += 16) {
      Registers a = role.loadFragments(query, /*transposed=*/false, {{m, k}, {m + 8, k}, {m, k + 8}, {m + 8, k + 8}},
                                       Value(), Value());
      for (int64_t n = 0; n < endN; n += 8) {
        Registers b = role.loadFragments(key, /*transposed=*/false, {{n, k}, {n, k + 8}}, column, Value());
        SmallVector<int64_t> numbers;
        for (auto [i, j] : {std::pair(m, n), std::pair(m, n + 1), std::pair(m + 8, n), std::pair(m + 8, n + 1)})
          numbers.push_back(result.findRegister({static_cast<int32_t>(i), static_cast<int32_t>(j)}));
        SmallVector<Value> sums;
        for (int64_t number : numbers)
          sums.push_back(values[number]);
        role.multiply(sums, a, b, element);
        for (auto [number, sum] : llvm::zip_equal(numbers, sums))
          values[number] = sum;
      }
    }
  return values;
}

Value ScoresEmitter::isOfLevel(int64_t number, int64_t half) {
  auto [row, column] = role.getThreadElement(result);
  Value i = code.add(row, result.ofRegister(number).row), j = code.add(column, result.ofRegister(number).column);
  if (half == 0)
    return code.equal(i, j);
  Value differ = arith::XOrIOp::create(builder, code.loc, i, j);
  Value isHigh = code.equal(code.shiftRight(differ, llvm::Log2_64(half)), code.i32(1));
  return arith::AndIOp::create(builder, code.loc, isHigh, code.less(j, i));
}

/// Queries of the upper halves of blocks of 2 `half` rows, decayed from the middle, keys of the lower halves, decayed
/// to it. For 0: all, as they are.
void ScoresEmitter::writeLevel(int64_t half) {
  auto isUpper = [&](int32_t row) { return half != 0 && (row & half); };
  auto isMiddle = [&](int32_t row) { return (row & (half - 1)) == 0; };
  auto isLast = [&](int32_t row) { return (row & (half - 1)) == half - 1; };
  llvm::DenseMap<int32_t, Value> factors; // by column
  auto scaled = [&](Value tile, int64_t number) {
    Value factor = factors.lookup(layout.ofRegister(number).column);
    Value value = role.pull(tile, layout, number);
    return factor ? code.mulF(value, factor) : value;
  };
  for (int32_t row = 0; row < rows; ++row) {
    if (half != 0 && !isUpper(row))
      continue;
    for (int64_t first : groupsOf(row))
      role.writeShared(query, layout, first, [&](int64_t number) {
        int32_t column = layout.ofRegister(number).column;
        if (half != 0)
          factors[column] = isMiddle(row) ? decay(row, column) : code.mulF(factors[column], decay(row, column));
        return scaled(op.getQuery(), number);
      });
  }
  factors.clear();
  for (int32_t row = rows - 1; row >= 0; --row) {
    if (isUpper(row))
      continue;
    for (int64_t first : groupsOf(row))
      role.writeShared(key, layout, first, [&](int64_t number) {
        int32_t column = layout.ofRegister(number).column;
        if (half != 0) {
          Value next = isLast(row) ? Value() : decay(row + 1, column);
          factors[column] = isLast(row) ? Value() : product(factors[column], next);
        }
        return scaled(op.getKey(), number);
      });
  }
}

ScoresEmitter::Registers ScoresEmitter::emitExact() {
  Registers scores(result.getNumRegisters(), code.f32(0));
  RoleEmitter::Memo decays;
  for (auto &[key, value] : role.memo)
    if (key.first == op.getDecay())
      decays.insert({key, value});
  for (int64_t half = rows / 2;; half /= 2) {
    role.memo = decays; // queries and keys are read and computed again, rather than kept
    writeLevel(half);
    role.sync();
    Registers values = multiply();
    for (auto [number, score] : llvm::enumerate(scores))
      score = code.select(isOfLevel(number, half), values[number], score);
    if (half == 0)
      return scores;
    role.sync();
  }
}

ScoresEmitter::Registers ScoresEmitter::emit() {
  planCompanions();
  // Decays first: what they are made of may be overwritten by the companions.
  role.pullAll(op.getDecay(), layout);
  Value outOfRange = writeMiddleOut();
  for (warp::PutOp put : llvm::concat<warp::PutOp>(forward, backward)) {
    role.done[put] = true;
    --role.puts; // others are still to come: at least the scores
  }
  int64_t numThreads = role.threads.warps * 32;
  Value anyOutOfRange = numThreads == 32 ? NVVM::VoteSyncOp::create(builder, code.loc, builder.getI1Type(),
                                                                    code.i32(-1), outOfRange, NVVM::VoteSyncKind::any)
                                               .getResult()
                                         : code.barrierOr(role.threads.barrier, numThreads, outOfRange);
  SmallVector<Type> types(result.getNumRegisters(), builder.getF32Type());
  auto branch = scf::IfOp::create(builder, code.loc, types, anyOutOfRange, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(builder);
    auto saved = role.memo;
    builder.setInsertionPointToStart(&branch.getThenRegion().front());
    scf::YieldOp::create(builder, code.loc, emitExact());
    role.memo = saved;
    builder.setInsertionPointToStart(&branch.getElseRegion().front());
    Registers values = multiply();
    auto [row, column] = role.getThreadElement(result);
    for (auto [number, value] : llvm::enumerate(values)) {
      Value i = code.add(row, result.ofRegister(number).row), j = code.add(column, result.ofRegister(number).column);
      value = code.select(code.less(i, j), code.f32(0), value);
    }
    scf::YieldOp::create(builder, code.loc, values);
    role.memo = saved;
  }
  return Registers(branch.getResults());
}

void RoleEmitter::emitScores(tile::DecayedScoresOp scores) {
  registers[scores.getResult()] = ScoresEmitter(*this, scores).emit();
}
