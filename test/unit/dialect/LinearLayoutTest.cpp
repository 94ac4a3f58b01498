#include "dialect/warp/LinearLayout.h"

#include "llvm/Support/MathExtras.h"
#include <gtest/gtest.h>
#include <set>

using fgla::warp::Element;
using fgla::warp::LinearLayout;

static constexpr int64_t kLanes = 32;

/// What a thread holds, as a set.
static std::set<std::pair<int32_t, int32_t>> heldBy(const LinearLayout &layout, int64_t lane, int64_t warp) {
  std::set<std::pair<int32_t, int32_t>> held;
  for (int64_t reg = 0; reg < layout.getNumRegisters(); ++reg) {
    Element element = layout.at(reg, lane, warp);
    held.insert({element.row, element.column});
  }
  return held;
}

/// That the layout is of `warps` whole warps and holds each element of the tile, and how often.
static void expectCovers(const LinearLayout &layout, int64_t rows, int64_t columns, int64_t warps) {
  SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(columns) + " on " + std::to_string(warps) +
               " warps: " + layout.toString());
  EXPECT_EQ(layout.lanes.size(), 5u);
  EXPECT_EQ(int64_t(1) << layout.warps.size(), warps);
  EXPECT_TRUE(layout.covers(rows, columns));
  // A tile that is larger in either dim has elements that nobody holds; in a smaller one something points outside.
  EXPECT_FALSE(layout.covers(2 * rows, columns));
  EXPECT_FALSE(layout.covers(rows, 2 * columns));
  if (rows > 1)
    EXPECT_FALSE(layout.covers(rows / 2, columns));
  if (columns > 1)
    EXPECT_FALSE(layout.covers(rows, columns / 2));
}

TEST(LinearLayout, Combine) {
  const Element bases[] = {{0, 1}, {8, 0}, {0, 8}};
  EXPECT_EQ(LinearLayout::combine(bases, 0), (Element{0, 0}));
  EXPECT_EQ(LinearLayout::combine(bases, 1), (Element{0, 1}));
  EXPECT_EQ(LinearLayout::combine(bases, 3), (Element{8, 1}));
  EXPECT_EQ(LinearLayout::combine(bases, 7), (Element{8, 9}));
  // Exclusive or: what is set twice vanishes.
  EXPECT_EQ(LinearLayout::combine({{3, 0}, {1, 0}}, 3), (Element{2, 0}));
}

TEST(LinearLayout, At) {
  LinearLayout layout({{0, 1}}, {{1, 0}, {2, 0}}, {{4, 0}});
  EXPECT_EQ(layout.getNumRegisters(), 2);
  EXPECT_EQ(layout.at(1, 2, 1), (Element{6, 1}));
  EXPECT_EQ(layout.ofLane(3), (Element{3, 0}));
  EXPECT_EQ(layout.ofWarp(1), (Element{4, 0}));
}

TEST(LinearLayout, Covers) {
  // Two lanes with the same element cover, an element nobody holds does not.
  EXPECT_TRUE(LinearLayout({}, {{1, 0}, {0, 0}}, {}).covers(2, 1));
  EXPECT_FALSE(LinearLayout({}, {{2, 0}}, {}).covers(3, 1));
  EXPECT_FALSE(LinearLayout({}, {{1, 0}}, {}).covers(2, 2));
  EXPECT_FALSE(LinearLayout({}, {{1, 0}, {1, 0}}, {}).covers(4, 1));
}

TEST(LinearLayout, Columns) {
  for (int64_t rows : {1, 8, 16, 32, 64})
    for (int64_t columns : {1, 2, 16, 32, 64, 128, 256, 512})
      for (int64_t warps : {1, 2, 4, 8}) {
        LinearLayout layout = LinearLayout::columns(rows, columns, warps);
        expectCovers(layout, rows, columns, warps);
        // Whole columns: what is in one row of a thread is in every row of it.
        for (int64_t lane : {0, 1, 31})
          for (auto [row, column] : heldBy(layout, lane, warps - 1))
            EXPECT_EQ(heldBy(layout, lane, warps - 1).count({(row + 1) % rows, column}), 1u);
      }
  // Neighbouring columns make one access of two elements.
  EXPECT_EQ(LinearLayout::columns(16, 64, 1).ofRegister(1), (Element{0, 1}));
  EXPECT_EQ(LinearLayout::columns(16, 32, 1).ofRegister(1), (Element{1, 0}));
}

TEST(LinearLayout, Rows) {
  for (int64_t rows : {1, 2, 8, 16, 32, 64})
    for (int64_t columns : {1, 2, 16, 64, 128, 512})
      for (int64_t warps : {1, 2, 8}) {
        LinearLayout layout = LinearLayout::rows(rows, columns, warps);
        expectCovers(layout, rows, columns, warps);
        // Warps repeat each other.
        for (Element basis : layout.warps)
          EXPECT_TRUE(basis.isZero());
        // A register is a row, or two registers of a thread that are of one row are neighbours in it.
        std::set<int32_t> own;
        for (auto [row, column] : heldBy(layout, 3, 0))
          own.insert(row);
        EXPECT_EQ(static_cast<int64_t>(own.size()), std::max<int64_t>(rows / kLanes, 1));
      }
  // 16 rows on 32 lanes: two lanes a row, half of it each.
  LinearLayout halves = LinearLayout::rows(16, 128, 1);
  EXPECT_EQ(halves.getNumRegisters(), 64);
  EXPECT_EQ(halves.ofLane(16), (Element{0, 64}));
}

TEST(LinearLayout, Accumulator) {
  for (bool transposed : {false, true})
    for (int64_t rows : {16, 32, 64, 128})
      for (int64_t columns : {16, 64, 128, 256})
        for (int64_t warps : {1, 2, 4, 8}) {
          // An instruction takes 8 columns, or 16 where transposed; no warp is without.
          if (columns / warps < (transposed ? 16 : 8))
            continue;
          LinearLayout layout = LinearLayout::accumulator(rows, columns, warps, transposed);
          expectCovers(layout, rows, columns, warps);
          // Nothing twice.
          EXPECT_EQ(layout.getNumRegisters() * kLanes * warps, rows * columns);
        }
}

/// PTX ISA, "Matrix Fragments for mma.m16n8k16": c0, c1 at row groupID, columns 2 * threadID_in_group + {0, 1};
/// c2, c3 at row groupID + 8.
TEST(LinearLayout, AccumulatorIsTheInstructions) {
  LinearLayout layout = LinearLayout::accumulator(16, 8, 1, /*transposed=*/false);
  ASSERT_EQ(layout.getNumRegisters(), 4);
  for (int32_t lane = 0; lane < kLanes; ++lane)
    for (int32_t i = 0; i < 4; ++i) {
      int32_t group = lane >> 2, inGroup = lane % 4;
      EXPECT_EQ(layout.at(i, lane, 0), (Element{i < 2 ? group : group + 8, inGroup * 2 + (i & 1)}));
    }
}

/// The element of B [16, 8] of mma.m16n8k16 in 16-bit types: b0, b1 at rows 2 * threadID_in_group + {0, 1}, b2, b3
/// eight rows on; column groupID.
static Element ofSecondOperand(int32_t i, int32_t lane) {
  return {(lane % 4) * 2 + (i & 1) + (i < 2 ? 0 : 8), lane >> 2};
}

/// The accumulators of S^T are S as the second operand of the next product: each block of 16 rows and 8 columns of S is
/// held by the lane that the instruction wants it from, in neighbouring pairs.
TEST(LinearLayout, TransposedAccumulatorIsSecondOperand) {
  for (int64_t rows : {16, 64, 128})
    for (int64_t columns : {16, 64, 128})
      for (int64_t warps : {1, 2, 4, 8}) {
        if (columns / warps < 16)
          continue;
        LinearLayout layout = LinearLayout::accumulator(rows, columns, warps, /*transposed=*/true);
        int64_t perWarp = columns / warps;
        for (int64_t warp = 0; warp < warps; ++warp)
          for (int32_t row = 0; row < rows; row += 16)
            for (int32_t column = warp * perWarp; column < (warp + 1) * perWarp; column += 8)
              for (int32_t lane = 0; lane < kLanes; ++lane)
                for (int32_t i = 0; i < 4; ++i) {
                  Element inBlock = ofSecondOperand(i, lane);
                  Element wanted{row + inBlock.row, column + inBlock.column};
                  int64_t reg = layout.findRegister(wanted ^ layout.ofLane(lane) ^ layout.ofWarp(warp));
                  ASSERT_GE(reg, 0) << "lane " << lane << " lacks (" << wanted.row << ", " << wanted.column << ") in "
                                    << layout.toString();
                  EXPECT_EQ(layout.at(reg, lane, warp), wanted);
                  if (i & 1) // two 16-bit values make one register of the instruction
                    EXPECT_EQ(layout.at(reg ^ 1, lane, warp), (wanted ^ Element{1, 0}));
                }
      }
}

/// The accumulators of a product without transposition are no second operand: their pairs run along rows.
TEST(LinearLayout, PlainAccumulatorIsNoSecondOperand) {
  LinearLayout layout = LinearLayout::accumulator(16, 16, 1, /*transposed=*/false);
  EXPECT_LT(layout.findRegister(ofSecondOperand(0, 1) ^ layout.ofLane(1)), 0);
}

/// Accumulators [16, 16] are the first operand of the next product: a0, a1 at row groupID, columns 2 * inGroup + {0,
/// 1}; a2, a3 eight rows on; a4 … a7 eight columns on.
TEST(LinearLayout, AccumulatorIsFirstOperand) {
  LinearLayout layout = LinearLayout::accumulator(16, 16, 1, /*transposed=*/false);
  ASSERT_EQ(layout.getNumRegisters(), 8);
  for (int32_t lane = 0; lane < kLanes; ++lane)
    for (int32_t i = 0; i < 8; ++i) {
      Element wanted{(lane >> 2) + (i & 2 ? 8 : 0), (lane % 4) * 2 + (i & 1) + (i & 4 ? 8 : 0)};
      EXPECT_EQ(layout.at(i, lane, 0), wanted);
    }
}

TEST(LinearLayout, FindRegister) {
  LinearLayout layout = LinearLayout::accumulator(16, 64, 2, /*transposed=*/false);
  for (int64_t reg = 0; reg < layout.getNumRegisters(); ++reg)
    EXPECT_EQ(layout.findRegister(layout.ofRegister(reg)), reg);
  EXPECT_EQ(layout.findRegister({1, 0}), -1);  // another lane's
  EXPECT_EQ(layout.findRegister({0, 32}), -1); // the other warp's
  EXPECT_EQ(LinearLayout().findRegister({0, 0}), 0);
}

TEST(LinearLayout, Drop) {
  LinearLayout layout = LinearLayout::accumulator(16, 64, 2, /*transposed=*/false);
  LinearLayout row = layout.dropRows(), column = layout.dropColumns();
  EXPECT_TRUE(row.covers(1, 64));
  EXPECT_TRUE(column.covers(16, 1));
  // Registers that differ in what was dropped are one; lanes and warps stay as many.
  EXPECT_EQ(row.getNumRegisters(), layout.getNumRegisters() / 2);
  EXPECT_EQ(column.getNumRegisters(), 2);
  EXPECT_EQ(row.lanes.size(), 5u);
  EXPECT_EQ(column.warps.size(), 1u);
  EXPECT_TRUE(column.warps[0].isZero());
  // Every element has its row's (column's) value in the same thread.
  for (int64_t warp = 0; warp < 2; ++warp)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      for (auto [r, c] : heldBy(layout, lane, warp)) {
        EXPECT_EQ(heldBy(row, lane, warp).count({0, c}), 1u);
        EXPECT_EQ(heldBy(column, lane, warp).count({r, 0}), 1u);
      }
  EXPECT_EQ(layout.dropRows().dropColumns().getNumRegisters(), 1);
}

TEST(LinearLayout, Transposed) {
  LinearLayout layout = LinearLayout::columns(16, 128, 2);
  LinearLayout turned = layout.transposed();
  EXPECT_TRUE(turned.covers(128, 16));
  EXPECT_EQ(turned.transposed(), layout);
  for (int64_t reg = 0; reg < layout.getNumRegisters(); ++reg) {
    Element a = layout.at(reg, 5, 1), b = turned.at(reg, 5, 1);
    EXPECT_EQ(a.row, b.column);
    EXPECT_EQ(a.column, b.row);
  }
  EXPECT_EQ(layout.dropRows(), turned.dropColumns().transposed());
  // The transposed accumulators of one warp are those of the transposed tile.
  EXPECT_EQ(LinearLayout::accumulator(32, 64, 1, true).transposed(), LinearLayout::accumulator(64, 32, 1, false));
}

TEST(LinearLayout, SameUpToRegisters) {
  LinearLayout layout({{0, 1}, {8, 0}, {0, 8}}, {{1, 0}}, {{0, 16}});
  LinearLayout permuted({{0, 8}, {0, 1}, {8, 0}}, {{1, 0}}, {{0, 16}});
  EXPECT_TRUE(layout.isSameUpToRegisters(layout));
  EXPECT_TRUE(layout.isSameUpToRegisters(permuted));
  EXPECT_NE(layout, permuted);
  // Another basis of the same registers' span.
  EXPECT_TRUE(layout.isSameUpToRegisters({{{8, 1}, {8, 0}, {0, 8}}, {{1, 0}}, {{0, 16}}}));
  // Other lanes, warps, fewer registers, other elements.
  EXPECT_FALSE(layout.isSameUpToRegisters({{{0, 1}, {8, 0}, {0, 8}}, {{2, 0}}, {{0, 16}}}));
  EXPECT_FALSE(layout.isSameUpToRegisters({{{0, 1}, {8, 0}, {0, 8}}, {{1, 0}}, {}}));
  EXPECT_FALSE(layout.isSameUpToRegisters({{{0, 1}, {8, 0}}, {{1, 0}}, {{0, 16}}}));
  EXPECT_FALSE(layout.isSameUpToRegisters({{{0, 1}, {8, 0}, {0, 4}}, {{1, 0}}, {{0, 16}}}));
}

TEST(LinearLayout, IsReplicatedWhereThreadsHoldTheSame) {
  EXPECT_FALSE(LinearLayout::columns(16, 128, 2).isReplicated());
  EXPECT_TRUE(LinearLayout::columns(16, 16, 2).isReplicated());
  // A register may repeat an element of its own thread.
  EXPECT_FALSE((LinearLayout{{{0, 0}}, {{1, 0}}, {{0, 16}}}).isReplicated());
}

/// A layout that repeats what another holds is not the same: half of its registers lack the rest.
TEST(LinearLayout, RepeatedRegistersAreNotTheSame) {
  LinearLayout layout({{0, 1}, {8, 0}}, {{1, 0}}, {}), repeating({{0, 1}, {0, 1}}, {{1, 0}}, {});
  EXPECT_FALSE(layout.isSameUpToRegisters(repeating));
  EXPECT_FALSE(repeating.isSameUpToRegisters(layout));
}

TEST(LinearLayout, ToString) {
  EXPECT_EQ(LinearLayout({{0, 1}, {8, 0}}, {{1, 0}}, {}).toString(),
            "registers = [[0, 1], [8, 0]], lanes = [[1, 0]], warps = []");
}

TEST(LinearLayout, HashAgreesWithEquality) {
  LinearLayout a = LinearLayout::columns(16, 64, 2), b = LinearLayout::columns(16, 64, 2);
  EXPECT_EQ(a, b);
  EXPECT_EQ(hash_value(a), hash_value(b));
  EXPECT_NE(a, LinearLayout::columns(16, 64, 4));
}

/// Where stmatrix (as PTX defines it) puts the two elements of lane `lane`'s word of a block of 8 x 8, whose rows are
/// in memory; with `.trans` it stores the transposed block.
static Element placeOfMatrixStore(int32_t lane, int32_t number, bool isTransposed) {
  Element place{lane / 4, lane % 4 * 2 + number};
  return isTransposed ? Element{place.column, place.row} : place;
}

TEST(LinearLayout, Blocks) {
  for (bool isTransposed : {false, true})
    for (auto [rows, columns, warps] : {std::tuple(16, 16, 1), std::tuple(16, 128, 4), std::tuple(32, 64, 2),
                                        std::tuple(64, 256, 8), std::tuple(128, 16, 1)}) {
      LinearLayout layout = LinearLayout::accumulator(rows, columns, warps, isTransposed);
      SCOPED_TRACE(layout.toString());
      std::optional<LinearLayout::Blocks> blocks = layout.findBlocks();
      ASSERT_TRUE(blocks);
      EXPECT_EQ(blocks->isTransposed, isTransposed);
      EXPECT_EQ(static_cast<int64_t>(blocks->numbers.size()) * kLanes * 2 * warps, rows * columns);
      for (int32_t warp = 0; warp < warps; ++warp)
        for (int64_t first : blocks->numbers)
          for (int32_t lane = 0; lane < kLanes; ++lane)
            for (int32_t number : {0, 1}) {
              Element block = layout.ofRegister(first) ^ layout.ofWarp(warp);
              EXPECT_EQ(block.row % 8, 0);
              EXPECT_EQ(block.column % 8, 0);
              EXPECT_EQ(layout.at(first | (number ? blocks->next : 0), lane, warp),
                        block ^ placeOfMatrixStore(lane, number, isTransposed));
            }
    }
}

TEST(LinearLayout, NoBlocks) {
  EXPECT_FALSE(LinearLayout::columns(16, 64, 1).findBlocks());
  EXPECT_FALSE(LinearLayout::rows(16, 64, 1).findBlocks());
  EXPECT_FALSE(LinearLayout::wholeRows(16, 64, 2, 8).findBlocks());
  LinearLayout layout = LinearLayout::accumulator(16, 64, 2, false);
  LinearLayout without = layout, broken = layout, twice = layout;
  without.registers.erase(without.registers.begin()); // a lane has one of two neighbours
  EXPECT_FALSE(without.findBlocks());
  broken.warps[0] = {0, 4}; // a warp begins within a block
  EXPECT_FALSE(broken.findBlocks());
  twice.registers.push_back(twice.registers[0]);
  EXPECT_FALSE(twice.findBlocks());
}
