//===- Scores.cpp - The diagonal block of attention -----------------------===//
//
// a_ij = sum_d q_id k_jd prod_(j < s <= i) f_sd as matrix products. The decay of a pair is split at the middle of the
// tile. For a row r in the second half, X_r is the product of the decays from the middle up to r. For one in the first
// half, it is one over the product from r to the middle. Then a = (q X) (k / X)^T below the diagonal, which is exact
// while no X is too large or small for the operands' type.
//
// Where one is, all warps of the role take another way:
//
// From the middles of halves: X spans half as many rows, and holds for pairs within a half. That is the same code,
// whose X begins anew in each half. For pairs across, the queries of the second half are decayed from the middle of the
// first one on, as its keys are: they are multiplied by one number a channel, and there is one more product.
//
// By levels, where that X is out of range too: pairs whose tokens differ first in bit h of their numbers lie in the two
// halves of a block of 2 h tokens; for each h the query is decayed from the block's middle on and the key up to it.
// Both factors are at most one for any decay. Decays stay in registers. So do queries and keys, rounded, unless there
// is memory for them beside the operands.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/kernel/RoleEmitter.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

namespace fgla::kernel {
/// Products of decays over half a tile, or a quarter of one, that may be inverted. Operands have the range of f32: the
/// first leaves 2^-66 to 2^66 of it to queries and keys. What the second leaves, 73 powers of two, is moved down, since
/// most maps are at most one; others are looked at.
constexpr double kSmallestOfTile = 0x1p-60, kSmallestOfHalf = 0x1p-90, kScaleOfHalf = 0x1p16;
constexpr double kLeastInHalves = 0x1p-126 / (kSmallestOfHalf * kScaleOfHalf), // 2^-52
    kMostInHalves = 0x1p126 * kSmallestOfHalf / kScaleOfHalf;                  // 2^20

class ScoresEmitter {
public:
  ScoresEmitter(RoleEmitter &role, tile::DecayedScoresOp op)
      : role(role), op(op), code(role.code), builder(role.builder), layout(RoleEmitter::getLayout(op.getQuery())),
        result(RoleEmitter::getLayout(op.getResult())),
        type(RankedTensorType::get(op.getQuery().getType().getShape(), getOperandElement(op))),
        rows(type.getDimSize(0)), keyDim(type.getDimSize(1)), query(getPlace(role, op, type, 0)),
        key(getPlace(role, op, type, 1)) {
    length = role.getVectorLength(query.memory, layout);
  }

  RoleEmitter::Registers emit();

private:
  using Registers = RoleEmitter::Registers;

  static RoleEmitter::SharedTile getPlace(RoleEmitter &role, tile::DecayedScoresOp op, RankedTensorType type,
                                          int64_t number);

  /// A put that is written row by row along with an operand.
  struct Companion {
    warp::PutOp put;
    bool isScaled; ///< whether it is what the operand is, decayed to an end of the tile
  };
  /// The products of one column's decays in a block of rows: over those in front of its middle, but for the first, and
  /// from it on.
  struct Span {
    Value toMiddle, fromMiddle;
    Value front; ///< `toMiddle` with the first row
  };
  /// What X of one column begins with, and leads to, in a half of the tile.
  struct Half {
    Value onward;                  ///< X of the first row
    Value inverse;                 ///< 1 / X of the last row
    Value front, back;             ///< from where X is one to the ends of the tile
    Value packedFront, packedBack; ///< bf16, with those of the next column, where these are neighbours in registers
  };
  struct Column {
    int32_t column = 0;
    Span tile;
    std::array<Half, 2> halves;
    /// From the middle of the second half back to its begin, and on to that of the first; and packed, as ends are.
    std::array<Value, 2> across, packedAcross;
  };

  void planCompanions();
  Span multiplyDecays(int32_t column, int32_t first, int32_t size);
  Value multiplyDecays();
  Value leavesRange(ArrayRef<Span> spans, double smallest);
  Value isOutside(Value tile, double least, double most);
  Value isAnywhere(Value condition);
  SmallVector<Value *> getMiddles();
  void packMiddles();
  void splitAtMiddle();
  void splitAtHalves(ArrayRef<std::array<Span, 2>> spans);
  Value chooseMiddles(Value isOutOfRange);
  void sweep(ArrayRef<int32_t> order, Value tile, llvm::function_ref<Value(int32_t, const Column &)> getFactor,
             const RoleEmitter::SharedTile &operand, ArrayRef<Companion> companions, Value Half::*toEnd,
             Value Half::*packedToEnd);
  void writeMiddleOut();
  void writeCompanions();
  /// Queries or keys on the exact way: rounded, and the operand that is made of them.
  struct Place {
    RoleEmitter::SharedTile base, operand;
    std::map<int64_t, Value> inRegisters; ///< by the first register of a group, where `base` is overwritten
  };
  Registers emitExact();
  void addAcross(Registers &scores);
  Registers emitFromMiddles(Value isOutOfRange);
  bool hasRoom() const;
  void writeBase(Value tile, Place &place);
  Value scale(const Place &place, int64_t first, const llvm::DenseMap<int32_t, Value> &factors);
  void writeLevel(int64_t half, const Place &queries, const Place &keys);
  void writeScaled(const Place &place, ArrayRef<int32_t> order, bool toEnd);
  Registers multiply(const RoleEmitter::SharedTile &query, const RoleEmitter::SharedTile &key);
  /// Keeps what is at pairs (i, j) with i > j that differ first in a bit of `half`; the diagonal for 0. `element` is
  /// the thread's.
  Value isOfLevel(std::pair<Value, Value> element, int64_t number, int64_t half);

  Column &getColumn(int32_t column) {
    return *llvm::find_if(columns, [&](const Column &products) { return products.column == column; });
  }
  const Half &getHalf(int32_t row, int32_t column) { return getColumn(column).halves[row / (rows / 2)]; }
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
  SmallVector<Companion> forward, backward;
  std::vector<Column> columns;
};
} // namespace fgla::kernel

/// Where an operand of the matrix instruction lies: over what it is computed from, or in memory of its own.
RoleEmitter::SharedTile ScoresEmitter::getPlace(RoleEmitter &role, tile::DecayedScoresOp op, RankedTensorType type,
                                                int64_t number) {
  auto [query, key] = findPlaces(op);
  if (!query) {
    int64_t bytes = TileMemory(type).getBytes();
    return role.getScratch(op, type, 2 * bytes, number * bytes);
  }
  RoleEmitter::SharedTile place = role.shared.find(number == 0 ? query : key)->second;
  return {place.address, place.offset, TileMemory(type), type.getElementType()};
}

/// With each row's queries (keys) at hand, these are written too.
void ScoresEmitter::planCompanions() {
  for (auto put : op->getBlock()->getOps<warp::PutOp>())
    if (put.getAlong() == op.getResult())
      (RoleEmitter::runsBackward(put.getValue()) ? backward : forward).push_back({put, put.getDecayed()});
}

ScoresEmitter::Span ScoresEmitter::multiplyDecays(int32_t column, int32_t first, int32_t size) {
  Span span;
  int32_t middle = first + size / 2;
  for (int32_t row = first + 1; row < middle; ++row)
    span.toMiddle = product(span.toMiddle, decay(row, column));
  for (int32_t row = first + size - 1; row >= middle; --row)
    span.fromMiddle = product(span.fromMiddle, decay(row, column));
  span.front = product(span.toMiddle, decay(first, column));
  return span;
}

/// The products of each column over the rows up to the middle and after it; returns whether one of this thread's is so
/// small that its inverse is out of range.
Value ScoresEmitter::multiplyDecays() {
  SmallVector<Span> spans;
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    int32_t column = layout.ofRegister(number).column;
    if (layout.ofRegister(number).row != 0)
      continue;
    Column products;
    products.column = column;
    products.tile = multiplyDecays(column, 0, rows);
    Value total = code.mulF(products.tile.front, products.tile.fromMiddle);
    for (Operation *user : op.getDecay().getUsers())
      if (auto scan = dyn_cast<tile::ScanOp>(user); scan && scan.getKind() == tile::ReduceKind::Mul &&
                                                    !scan.getInit() && !scan.getReverse() && !scan.getExclusive())
        role.memo[{scan.getResult(), at(rows - 1, column)}] = total;
    spans.push_back(products.tile);
    columns.push_back(std::move(products));
  }
  return leavesRange(spans, kSmallestOfTile);
}

/// Whether a product of this thread from or to the middle of one of `spans` is under `smallest`, or no product of
/// decays: a later token's would reach earlier ones through what they have in common.
Value ScoresEmitter::leavesRange(ArrayRef<Span> spans, double smallest) {
  constexpr double kMost = 2; // more than rounding makes of ones
  Value least, most;
  for (const Span &span : spans)
    for (Value x : {span.front, span.fromMiddle}) {
      least = least ? Value(arith::MinimumFOp::create(builder, code.loc, least, x)) : x;
      most = most ? Value(arith::MaximumFOp::create(builder, code.loc, most, x)) : x;
    }
  Value isSmall = arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::ULT, least, code.f32(smallest));
  Value isLarge = arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::UGT, most, code.f32(kMost));
  return arith::OrIOp::create(builder, code.loc, isSmall, isLarge);
}

/// Whether an element of this thread is smaller than `least`, but not zero, or larger than `most`.
Value ScoresEmitter::isOutside(Value tile, double least, double most) {
  auto compare = [&](arith::CmpFPredicate predicate, Value size, double bound) -> Value {
    return arith::CmpFOp::create(builder, code.loc, predicate, size, code.f32(bound));
  };
  Value smallest = code.f32(1), largest = code.f32(0);
  for (int64_t number = 0; number < layout.getNumRegisters(); ++number) {
    Value size = math::AbsFOp::create(builder, code.loc, role.pull(tile, layout, number));
    Value orOne = code.select(compare(arith::CmpFPredicate::OEQ, size, 0), code.f32(1), size);
    smallest = arith::MinimumFOp::create(builder, code.loc, smallest, orOne);
    largest = arith::MaximumFOp::create(builder, code.loc, largest, size);
  }
  return arith::OrIOp::create(builder, code.loc, compare(arith::CmpFPredicate::OLT, smallest, least),
                              compare(arith::CmpFPredicate::OGT, largest, most));
}

/// Whether `condition` holds in any thread of the instance; all wait for each other.
Value ScoresEmitter::isAnywhere(Value condition) {
  int64_t numThreads = role.threads.warps * 32;
  if (numThreads > 32)
    return code.barrierOr(role.threads.barrier, numThreads, condition);
  // A vote orders no accesses. Where threads hold the same decays, all have to have read them before one of them writes
  // over them.
  if (layout.isReplicated())
    code.syncWarp();
  return NVVM::VoteSyncOp::create(builder, code.loc, builder.getI1Type(), code.i32(-1), condition,
                                  NVVM::VoteSyncKind::any);
}

//===----------------------------------------------------------------------===//
// From the middle of the tile, or of its halves
//===----------------------------------------------------------------------===//

/// What depends on where X is one.
SmallVector<Value *> ScoresEmitter::getMiddles() {
  SmallVector<Value *> values;
  for (Column &products : columns) {
    for (Half &half : products.halves)
      for (Value *value : {&half.onward, &half.inverse, &half.front, &half.back, &half.packedFront, &half.packedBack})
        if (*value)
          values.push_back(value);
    for (Value &value : llvm::concat<Value>(products.across, products.packedAcross))
      if (value)
        values.push_back(&value);
  }
  return values;
}

static Value invert(Code &code, Value x) {
  if (!x)
    return code.f32(1);
  return NVVM::RcpApproxFtzF32Op::create(code.builder, code.loc, code.builder.getF32Type(), x);
}

/// What two neighbouring columns are multiplied by at once.
void ScoresEmitter::packMiddles() {
  if (length != 2)
    return;
  auto pack = [&](Value low, Value high) { return code.pack(low, high, builder.getBF16Type()); };
  for (int64_t first : groupsOf(0)) {
    Column &products = getColumn(layout.ofRegister(first).column);
    const Column &next = getColumn(layout.ofRegister(first + 1).column);
    for (auto [half, other] : llvm::zip(products.halves, next.halves)) {
      half.packedFront = pack(half.front, other.front);
      half.packedBack = pack(half.back, other.back);
    }
    for (auto [packed, low, high] : llvm::zip(products.packedAcross, products.across, next.across))
      packed = pack(low, high);
  }
}

void ScoresEmitter::splitAtMiddle() {
  Value none = LLVM::PoisonOp::create(builder, code.loc, builder.getF32Type());
  for (Column &products : columns) {
    auto [toMiddle, fromMiddle, front] = products.tile;
    products.halves[0] = {invert(code, toMiddle), code.f32(1), front, fromMiddle, {}, {}};
    products.halves[1] = {decay(rows / 2, products.column), invert(code, fromMiddle), front, fromMiddle, {}, {}};
    products.across = {none, none};
  }
  packMiddles();
}

void ScoresEmitter::splitAtHalves(ArrayRef<std::array<Span, 2>> spans) {
  for (auto [products, span] : llvm::zip_equal(columns, spans)) {
    auto [first, second] = span;
    Value front = code.mulF(code.mulF(first.front, first.fromMiddle), second.front);
    Value back = code.mulF(first.fromMiddle, code.mulF(second.front, second.fromMiddle));
    products.halves[0] = {invert(code, first.toMiddle), invert(code, first.fromMiddle), first.front, back, {}, {}};
    products.halves[1] = {
        invert(code, second.toMiddle), invert(code, second.fromMiddle), front, second.fromMiddle, {}, {}};
    for (Half &half : products.halves) {
      for (Value *operand : {&half.onward, &half.inverse})
        *operand = code.mulF(*operand, code.f32(kScaleOfHalf));
      for (Value *toEnd : {&half.front, &half.back})
        *toEnd = code.mulF(*toEnd, code.f32(1 / kScaleOfHalf));
    }
    products.across = {second.front, first.fromMiddle};
  }
  packMiddles();
}

/// Where X is one: in the middle of the tile, or of its halves where `isOutOfRange`. Returns whether that is out of
/// range, too.
Value ScoresEmitter::chooseMiddles(Value isOutOfRange) {
  auto yield = [&](Value isExact) {
    SmallVector<Value> values;
    for (Value *value : getMiddles())
      values.push_back(*value);
    values.push_back(isExact);
    scf::YieldOp::create(builder, code.loc, values);
  };
  auto atHalves = [&](OpBuilder &, Location) {
    SmallVector<std::array<Span, 2>> halves;
    SmallVector<Span> spans;
    for (const Column &products : columns) {
      halves.push_back(
          {multiplyDecays(products.column, 0, rows / 2), multiplyDecays(products.column, rows / 2, rows / 2)});
      llvm::append_range(spans, halves.back());
    }
    splitAtHalves(halves);
    Value isOut = leavesRange(spans, kSmallestOfHalf);
    if (!op.getBounded()) {
      // What is computed for this is computed again where it is needed.
      auto saved = role.memo;
      for (Value tile : {op.getQuery(), op.getKey()})
        isOut = arith::OrIOp::create(builder, code.loc, isOut, isOutside(tile, kLeastInHalves, kMostInHalves));
      role.memo = saved;
    }
    yield(isAnywhere(isOut));
  };
  auto atMiddle = [&](OpBuilder &, Location) {
    splitAtMiddle();
    yield(arith::ConstantIntOp::create(builder, code.loc, 0, 1));
  };
  auto branch = scf::IfOp::create(builder, code.loc, isOutOfRange, atHalves, atMiddle);
  for (auto [value, chosen] : llvm::zip(getMiddles(), branch.getResults()))
    *value = chosen;
  return branch.getResults().back();
}

/// Writes `tile` times a factor for each row and column, and the companions, a few rows at a time. What is decayed to
/// an end of the tile differs from what is decayed to where X is one by one factor for each half and column, `toEnd`.
void ScoresEmitter::sweep(ArrayRef<int32_t> order, Value tile,
                          llvm::function_ref<Value(int32_t, const Column &)> getFactor,
                          const RoleEmitter::SharedTile &operand, ArrayRef<Companion> companions, Value Half::*toEnd,
                          Value Half::*packedToEnd) {
  constexpr size_t kTogether = RoleEmitter::kRowsTogether;
  for (size_t begin = 0; begin < order.size(); begin += kTogether) {
    std::vector<std::tuple<RoleEmitter::SharedTile, int64_t, Value>> pending;
    for (int32_t row : order.slice(begin, std::min(kTogether, order.size() - begin))) {
      llvm::DenseMap<int32_t, Value> factors; // by column
      for (const Column &products : columns)
        factors[products.column] = getFactor(row, products);
      for (int64_t first : groupsOf(row)) {
        llvm::DenseMap<int64_t, Value> values;
        Value packed = role.packGroup(operand, layout, first, [&](int64_t number) {
          Value value = role.pull(tile, layout, number), factor = factors.lookup(layout.ofRegister(number).column);
          return values[number] = factor ? code.mulF(value, factor) : value;
        });
        pending.push_back({operand, first, packed});
        for (auto [put, isScaled] : companions) {
          RoleEmitter::SharedTile slot = role.getSlot(put.getChannel());
          auto scaled = [&](int64_t number) {
            return code.mulF(values.lookup(number), getHalf(row, layout.ofRegister(number).column).*toEnd);
          };
          auto pulled = [&](int64_t number) { return role.pull(put.getValue(), layout, number); };
          if (isScaled && slot.element.isBF16() && length == 2) {
            // Both columns at once, as they are packed.
            Value ends = getHalf(row, layout.ofRegister(first).column).*packedToEnd;
            pending.push_back({slot, first, code.multiplyPacked(packed, ends, slot.element)});
          } else if (isScaled) {
            pending.push_back({slot, first, role.packGroup(slot, layout, first, scaled)});
          } else {
            pending.push_back({slot, first, role.packGroup(slot, layout, first, pulled)});
          }
        }
      }
    }
    if (layout.isReplicated())
      role.sync(); // all have read before one writes
    for (auto &[place, first, packed] : pending)
      role.storeGroup(place, layout, first, packed);
  }
}

/// Writes q X and k / X, and the companions. X is computed as it is needed, serially: to keep it for both would take a
/// register for each element.
void ScoresEmitter::writeMiddleOut() {
  llvm::DenseMap<int32_t, Value> factor; // by column
  auto onward = [&](int32_t row, const Column &products) -> Value {
    Value &x = factor[products.column];
    bool isFirst = row % (rows / 2) == 0;
    return x = isFirst ? getHalf(row, products.column).onward : code.mulF(x, decay(row, products.column));
  };
  auto inverse = [&](int32_t row, const Column &products) -> Value {
    Value &x = factor[products.column];
    bool isLast = (row + 1) % (rows / 2) == 0;
    return x = isLast ? getHalf(row, products.column).inverse : code.mulF(x, decay(row + 1, products.column));
  };
  SmallVector<int32_t> upward = llvm::to_vector(llvm::seq<int32_t>(0, rows));
  SmallVector<int32_t> downward(llvm::reverse(upward));
  sweep(upward, op.getQuery(), onward, query, forward, &Half::front, &Half::packedFront);
  sweep(downward, op.getKey(), inverse, key, backward, &Half::back, &Half::packedBack);
}

/// Scores of pairs across the halves, where X is one in the middle of each: the queries of the second, decayed from the
/// middle of the first. One factor follows the other, since their product could be too small.
void ScoresEmitter::addAcross(Registers &scores) {
  auto [row, column] = role.getThreadElement(result);
  std::pair element(code.opaque(row), code.opaque(column));
  role.sync();
  SmallVector<std::pair<int64_t, Value>> pending;
  for (int32_t row = rows / 2; row < rows; ++row)
    for (int64_t first : groupsOf(row)) {
      Value packed = role.loadGroup(query, layout, first);
      const Column &products = getColumn(layout.ofRegister(first).column);
      if (length == 2 && query.element.isBF16()) {
        for (Value factor : products.packedAcross)
          packed = code.multiplyPacked(packed, factor, query.element);
        pending.push_back({first, packed});
        continue;
      }
      pending.push_back({first, role.packGroup(query, layout, first, [&](int64_t number) {
                           Value value = code.unpackFrom(packed, number - first, length, type.getElementType());
                           for (Value factor : getColumn(layout.ofRegister(number).column).across)
                             value = code.mulF(value, factor);
                           return value;
                         })});
    }
  if (layout.isReplicated())
    role.sync(); // all have read before one writes
  for (auto [first, packed] : pending)
    role.storeGroup(query, layout, first, packed);
  role.sync();
  Registers values = multiply(query, key);
  constexpr double kInverse = 1 / (kScaleOfHalf * kScaleOfHalf);
  for (auto [number, score] : llvm::enumerate(scores)) {
    score = code.select(isOfLevel(element, number, rows / 2), values[number], score);
    score = code.mulF(score, code.f32(kInverse));
  }
}

ScoresEmitter::Registers ScoresEmitter::emitFromMiddles(Value isOutOfRange) {
  writeMiddleOut();
  role.sync();
  Registers scores = multiply(query, key);
  auto [row, column] = role.getThreadElement(result);
  for (auto [number, score] : llvm::enumerate(scores)) {
    Value i = code.add(row, result.ofRegister(number).row), j = code.add(column, result.ofRegister(number).column);
    score = code.select(code.less(i, j), code.f32(0), score);
  }
  auto branch = scf::IfOp::create(builder, code.loc, ValueRange(scores).getTypes(), isOutOfRange,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getElseRegion().front());
  scf::YieldOp::create(builder, code.loc, scores);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  addAcross(scores);
  scf::YieldOp::create(builder, code.loc, scores);
  return Registers(branch.getResults());
}

/// The companions alone, by their own formulas. What they share with each other and with the operands is computed again
/// for each: all queries and keys beside all decays would not fit the registers.
void ScoresEmitter::writeCompanions() {
  auto decays = role.memo;
  for (Companion &companion : llvm::concat<Companion>(forward, backward)) {
    role.writeTile(role.getSlot(companion.put.getChannel()), layout, companion.put.getValue());
    role.memo = decays;
  }
}

/// This warp's part of query key^T.
ScoresEmitter::Registers ScoresEmitter::multiply(const RoleEmitter::SharedTile &query,
                                                 const RoleEmitter::SharedTile &key) {
  // The warp's first column: what lanes add is in the fragments already.
  Value column = role.getWarpElement(result).second;
  Registers values(result.getNumRegisters(), code.f32(0));
  RoleEmitter::ProductForm form = *role.getProductForm(type.getElementType());
  const MatrixInstruction &instruction = *form.instruction;
  int64_t endN = 0;
  for (int64_t number = 0; number < result.getNumRegisters(); ++number)
    endN = std::max<int64_t>(endN, result.ofRegister(number).column / instruction.n * instruction.n + instruction.n);
  for (int64_t k = 0; k < keyDim; k += instruction.k)
    for (int64_t m = 0; m < rows; m += instruction.m) {
      Registers a =
          role.loadFragments(query, form, /*transposed=*/false, instruction.getBlocksOfA(m, k), Value(), Value());
      for (int64_t n = 0; n < endN; n += instruction.n) {
        Registers b =
            role.loadFragments(key, form, /*transposed=*/false, instruction.getBlocksOfB(n, k), column, Value());
        SmallVector<int64_t> numbers;
        for (auto [i, j] : instruction.getElementsOfSums(m, n))
          numbers.push_back(result.findRegister({static_cast<int32_t>(i), static_cast<int32_t>(j)}));
        SmallVector<Value> sums;
        for (int64_t number : numbers)
          sums.push_back(values[number]);
        role.multiply(sums, a, b, form);
        for (auto [number, sum] : llvm::zip_equal(numbers, sums))
          values[number] = sum;
      }
    }
  return values;
}

Value ScoresEmitter::isOfLevel(std::pair<Value, Value> element, int64_t number, int64_t half) {
  Value i = code.add(element.first, result.ofRegister(number).row);
  Value j = code.add(element.second, result.ofRegister(number).column);
  if (half == 0)
    return code.equal(i, j);
  Value differ = arith::XOrIOp::create(builder, code.loc, i, j);
  Value isHigh = code.equal(code.shiftRight(differ, llvm::Log2_64(half)), code.i32(1));
  return arith::AndIOp::create(builder, code.loc, isHigh, code.less(j, i));
}

/// Queries of the upper halves of blocks of 2 `half` rows, decayed from the middle, keys of the lower halves, decayed
/// to it. For 0: all, as they are.
void ScoresEmitter::writeLevel(int64_t half, const Place &queries, const Place &keys) {
  auto isUpper = [&](int32_t row) { return half != 0 && (row & half); };
  llvm::DenseMap<int32_t, Value> factors; // by column
  auto write = [&](const Place &place, int32_t row) {
    for (int64_t first : groupsOf(row))
      role.storeGroup(place.operand, layout, first, scale(place, first, factors));
  };
  for (int32_t row = 0; row < rows; ++row) {
    if (half != 0 && !isUpper(row))
      continue;
    for (const Column &products : columns)
      if (half != 0)
        factors[products.column] = (row & (half - 1)) == 0
                                       ? decay(row, products.column)
                                       : code.mulF(factors[products.column], decay(row, products.column));
    write(queries, row);
  }
  factors.clear();
  for (int32_t row = rows - 1; row >= 0; --row) {
    if (isUpper(row))
      continue;
    for (const Column &products : columns)
      if (half != 0)
        factors[products.column] = (row & (half - 1)) == half - 1
                                       ? Value()
                                       : product(factors[products.column], decay(row + 1, products.column));
    write(keys, row);
  }
}

/// A group of rounded elements times factors, packed.
Value ScoresEmitter::scale(const Place &place, int64_t first, const llvm::DenseMap<int32_t, Value> &factors) {
  auto kept = place.inRegisters.find(first);
  Value packed = kept != place.inRegisters.end() ? kept->second : role.loadGroup(place.base, layout, first);
  if (factors.empty() && place.operand.element == place.base.element)
    return packed;
  return role.packGroup(place.operand, layout, first, [&](int64_t number) {
    Value value = code.unpackFrom(packed, number - first, length, type.getElementType());
    Value factor = factors.lookup(layout.ofRegister(number).column);
    return factor ? code.mulF(value, factor) : value;
  });
}

/// All queries or keys, rounded, where the operand is.
void ScoresEmitter::writeBase(Value tile, Place &place) {
  std::map<int64_t, Value> packed; // by the first register of a group
  // All are read before the first is written: the memory they come from is where they go.
  for (int64_t first = 0; first < layout.getNumRegisters(); first += length)
    packed[first] =
        role.packGroup(place.base, layout, first, [&](int64_t number) { return role.pull(tile, layout, number); });
  if (layout.isReplicated())
    role.sync();
  for (int64_t first = 0; first < layout.getNumRegisters(); first += length)
    role.storeGroup(place.base, layout, first, packed[first]);
  if (!hasRoom())
    place.inRegisters = std::move(packed);
}

/// What is decayed to an end of the tile, from the rounded queries or keys; `order` leads away from that end.
void ScoresEmitter::writeScaled(const Place &place, ArrayRef<int32_t> order, bool toEnd) {
  llvm::DenseMap<int32_t, Value> factors; // by column
  for (auto [number, row] : llvm::enumerate(order)) {
    for (const Column &products : columns)
      if (number > 0 || !toEnd)
        factors[products.column] =
            product(factors.lookup(products.column), decay(toEnd ? row + 1 : row, products.column));
    for (int64_t first : groupsOf(row))
      role.storeGroup(place.operand, layout, first, scale(place, first, factors));
  }
}

/// Whether the operands of levels can lie where the companions will, and these be made last.
bool ScoresEmitter::hasRoom() const {
  auto isRoom = [&](ArrayRef<Companion> companions) {
    if (companions.size() != 1 || !companions[0].isScaled)
      return false;
    warp::PutOp put = companions[0].put;
    RankedTensorType channel = put.getChannel().getType().getTile();
    return channel.getShape() == type.getShape() && channel.getElementTypeBitWidth() == type.getElementTypeBitWidth();
  };
  return isRoom(forward) && isRoom(backward);
}

ScoresEmitter::Registers ScoresEmitter::emitExact() {
  // First, so that nothing is found to begin both ways alike and is computed for both before it is decided.
  auto [row, column] = role.getThreadElement(result);
  std::pair element(code.opaque(row), code.opaque(column));
  Place queries{query, query, {}}, keys{key, key, {}};
  if (!hasRoom())
    writeCompanions();
  writeBase(op.getQuery(), queries);
  writeBase(op.getKey(), keys);
  role.sync();
  Registers scores(result.getNumRegisters(), code.f32(0));
  auto add = [&](int64_t half) {
    Registers values = multiply(queries.operand, keys.operand);
    for (auto [number, score] : llvm::enumerate(scores))
      score = code.select(isOfLevel(element, number, half), values[number], score);
    role.sync();
  };
  add(0);
  auto moveTo = [&](Place &place, const Companion &companion, Type element) {
    warp::PutOp put = companion.put;
    place.operand = role.getSlot(put.getChannel());
    place.operand.element = element;
  };
  if (hasRoom()) {
    moveTo(queries, forward.front(), type.getElementType());
    moveTo(keys, backward.front(), type.getElementType());
  }
  for (int64_t half = rows / 2; half > 0; half /= 2) {
    writeLevel(half, queries, keys);
    role.sync();
    add(half);
  }
  if (hasRoom()) {
    auto elementOf = [](Companion companion) {
      return companion.put.getChannel().getType().getTile().getElementType();
    };
    moveTo(queries, forward.front(), elementOf(forward.front()));
    moveTo(keys, backward.front(), elementOf(backward.front()));
    SmallVector<int32_t> upward = llvm::to_vector(llvm::seq<int32_t>(0, rows));
    writeScaled(queries, upward, /*toEnd=*/false);
    writeScaled(keys, llvm::to_vector(llvm::reverse(upward)), /*toEnd=*/true);
  }
  return scores;
}

ScoresEmitter::Registers ScoresEmitter::emit() {
  planCompanions();
  // Decays first: what they are made of may be overwritten by the companions.
  role.pullAll(op.getDecay(), layout);
  Value outOfRange = multiplyDecays();
  role.puts -= forward.size() + backward.size(); // others are still to come: at least the scores
  // All warps take one way. They also are done with the operands of the last turn.
  Value anyOutOfRange = isAnywhere(outOfRange);
  Value isExact = chooseMiddles(anyOutOfRange);
  SmallVector<Type> types(result.getNumRegisters(), builder.getF32Type());
  auto branch = scf::IfOp::create(builder, code.loc, types, isExact, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  auto saved = role.memo;
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  scf::YieldOp::create(builder, code.loc, emitExact());
  role.memo = saved;
  builder.setInsertionPointToStart(&branch.getElseRegion().front());
  scf::YieldOp::create(builder, code.loc, emitFromMiddles(anyOutOfRange));
  role.memo = saved;
  return Registers(branch.getResults());
}

void RoleEmitter::emitScores(tile::DecayedScoresOp scores) {
  registers[scores.getResult()] = ScoresEmitter(*this, scores).emit();
}
