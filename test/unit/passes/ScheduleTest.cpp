//===- ScheduleTest.cpp - What schedules are chosen by --------------------===//

#include "passes/schedule/Candidates.h"
#include "passes/schedule/CostModel.h"
#include "passes/schedule/TunedTable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <fstream>

using namespace fgla;

//===----------------------------------------------------------------------===//
// The cost model
//===----------------------------------------------------------------------===//

namespace {
const GPUTarget &h100() { return *findGPUTarget("sm_90a"); }

/// A turn that has nothing to do.
TurnWork idle() {
  TurnWork turn;
  turn.roles = {{"elementwise", 2, 4, 0}, {"matrix", 4, 1, 0}};
  return turn;
}
} // namespace

TEST(CostModel, TheBusiestUnitLimits) {
  auto limit = [](auto change) {
    TurnWork turn = idle();
    change(turn);
    return predict(h100(), turn, {132, 1, 1}).limit;
  };
  EXPECT_EQ(limit([](TurnWork &turn) { turn.bytes = 24576; }), "memory");
  EXPECT_EQ(limit([](TurnWork &turn) { turn.matrixFlops = 1e9; }), "matrix units");
  EXPECT_EQ(limit([](TurnWork &turn) { turn.specialFunctions = 1e6; }), "special functions");
  EXPECT_EQ(limit([](TurnWork &turn) { turn.sharedBytes = 1e6; }), "shared memory");
  EXPECT_EQ(limit([](TurnWork &turn) { turn.roles[1].instructions = 350; }), "role matrix");
  // Eight instances of 8 warps: more than the schedulers can issue.
  EXPECT_EQ(limit([](TurnWork &turn) { turn.roles[0] = {"elementwise", 8, 8, 1000}; }), "issue slots");
}

TEST(CostModel, TimeGoesWithTurnsAndWaves) {
  TurnWork turn = idle();
  turn.roles[1].instructions = 350;
  Prediction one = predict(h100(), turn, {132, 100, 1});
  EXPECT_DOUBLE_EQ(one.seconds, 100 * one.secondsOfTurn);
  EXPECT_EQ(one.waves, 1);
  Prediction two = predict(h100(), turn, {133, 100, 1});
  EXPECT_EQ(two.waves, 2);
  EXPECT_DOUBLE_EQ(two.seconds, 2 * one.seconds);
  // Half as many blocks are no faster.
  EXPECT_DOUBLE_EQ(predict(h100(), turn, {66, 100, 1}).seconds, one.seconds);
}

TEST(CostModel, InstancesShareOutTheTurns) {
  TurnWork turn = idle();
  turn.roles[0].instructions = 1216;
  double four = predict(h100(), turn, {132, 100, 1}).seconds;
  turn.roles[0].instances = 2;
  EXPECT_DOUBLE_EQ(predict(h100(), turn, {132, 100, 1}).seconds, 2 * four);
}

TEST(CostModel, BlocksOfOneMultiprocessorShareItsUnits) {
  TurnWork turn;
  turn.bytes = 1 << 16;
  double alone = predict(h100(), turn, {132, 10, 2}).seconds;
  EXPECT_DOUBLE_EQ(predict(h100(), turn, {132, 10, 1}).seconds, alone);
  EXPECT_DOUBLE_EQ(predict(h100(), turn, {264, 10, 2}).seconds, 2 * alone);
  EXPECT_EQ(predict(h100(), turn, {264, 10, 2}).waves, 1);
}

TEST(CostModel, WhatOthersReadTooIsNotCounted) {
  TurnWork turn;
  turn.bytes = 1 << 16;
  double all = predict(h100(), turn, {132, 10, 1}).seconds;
  EXPECT_DOUBLE_EQ(predict(h100(), turn, {132, 10, 1, turn.bytes / 2}).seconds, all / 2);
}

TEST(CostModel, NothingTakesNoTime) {
  EXPECT_EQ(predict(h100(), idle(), {0, 100, 1}).seconds, 0);
  EXPECT_EQ(predict(h100(), idle(), {132, 100, 1}).seconds, 0);
}

// The board moves 3,350 GB/s and multiplies at 989 TFLOP/s.
TEST(CostModel, Roofline) {
  Roofline roofline = getRoofline(h100(), 3.35e9, 98.9e9);
  EXPECT_DOUBLE_EQ(roofline.memorySeconds, 1e-3);
  EXPECT_DOUBLE_EQ(roofline.matrixSeconds, 1e-4);
  EXPECT_TRUE(roofline.isBoundByMemory());
  EXPECT_FALSE(getRoofline(h100(), 3.35e9, 1.978e12).isBoundByMemory());
}

//===----------------------------------------------------------------------===//
// The table of tuned schedules
//===----------------------------------------------------------------------===//

static const char *const line = "sm_90a 128 64 bf16 key any | load=1,matrix=8 | B=8 1.0 us | a GPU\n";

TEST(TunedTable, FindsByTheWholeKey) {
  auto table = TunedTable::parse(std::string("# head\n\n") + line, "t.txt");
  ASSERT_TRUE(table.ok()) << table.message();
  TunedKey key{"sm_90a", 128, 64, "bf16", "key", "any"};
  const TunedRow *row = table->find(key);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->schedule, "load=1,matrix=8");
  EXPECT_EQ(row->measured, "B=8 1.0 us");
  EXPECT_EQ(row->device, "a GPU");
  EXPECT_EQ(row->line, 3u);
  for (TunedKey other : {TunedKey{"sm_80", 128, 64, "bf16", "key", "any"},
                         {"sm_90a", 64, 64, "bf16", "key", "any"},
                         {"sm_90a", 128, 128, "bf16", "key", "any"},
                         {"sm_90a", 128, 64, "f16", "key", "any"},
                         {"sm_90a", 128, 64, "bf16", "head", "any"},
                         {"sm_90a", 128, 64, "bf16", "key", "long"}})
    EXPECT_FALSE(table->find(other));
}

TEST(TunedTable, SetReplacesAndPrintIsParsed) {
  TunedTable table = *TunedTable::parse(line, "t.txt");
  TunedRow row = table.getRows().front();
  row.schedule = "load=2";
  table.set(row);
  ASSERT_EQ(table.getRows().size(), 1u);
  row.key.shape = "long";
  table.set(row);
  TunedTable again = *TunedTable::parse(table.print(), "t.txt");
  EXPECT_EQ(again.print(), table.print());
  ASSERT_EQ(again.getRows().size(), 2u);
  EXPECT_EQ(again.getRows()[0].schedule, "load=2");
  table.erase(row.key);
  EXPECT_EQ(table.getRows().size(), 1u);
}

TEST(TunedTable, ErrorsNameTheLine) {
  auto error = [](const std::string &text) { return TunedTable::parse(text, "t.txt").message(); };
  EXPECT_EQ(error("\nsm_90a 128\n"), "t.txt:2: a line has 4 columns with '|' between, got 1");
  EXPECT_EQ(error("sm_90a 128 64 | load=1 | - | -"),
            "t.txt:1: a kernel is 'target keys values element axis shape', got 'sm_90a 128 64'");
  EXPECT_EQ(error("sm_90a 0 64 bf16 key any | load=1 | - | -"), "t.txt:1: keys must be a number above 0, got '0'");
  EXPECT_EQ(error("sm_90a 64 x bf16 key any | load=1 | - | -"), "t.txt:1: values must be a number above 0, got 'x'");
  EXPECT_EQ(error("sm_90a 64 64 f8 key any | load=1 | - | -"),
            "t.txt:1: the element must be one of bf16, f16, f32, got 'f8'");
  EXPECT_EQ(error("sm_90a 64 64 bf16 row any | load=1 | - | -"),
            "t.txt:1: the axis must be one of key, value, head, constant, none, got 'row'");
  EXPECT_EQ(error("sm_90a 64 64 bf16 key big | load=1 | - | -"),
            "t.txt:1: the shape must be one of any, wide, long, got 'big'");
  EXPECT_EQ(error("sm_90a 64 64 bf16 key any | | - | -"), "t.txt:1: the schedule is empty");
  EXPECT_EQ(error(std::string(line) + line), "t.txt:2: the kernel stands in line 1 already");
}

TEST(TunedTable, ShippedIsWellFormed) { EXPECT_FALSE(TunedTable::shipped().getName().empty()); }

TEST(TunedTable, ClassOfShape) {
  EXPECT_STREQ(classifyShape(128, 132), "wide");
  EXPECT_STREQ(classifyShape(66, 132), "long");
  EXPECT_STREQ(classifyShape(1, 132), "long");
}

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

TEST(Candidates, AroundTheChosenOne) {
  mlir::MLIRContext context;
  context.loadDialect<FGLADialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x256xbf16>) -> tensor<?x?x2x256xbf16> {\n"
      "  %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x256xbf16>)"
      " -> (tensor<?x?x2x256xbf16>)\n"
      "  return %o : tensor<?x?x2x256xbf16>\n}\n",
      &context);
  ASSERT_TRUE(module);
  AttentionOp op;
  module->walk([&](AttentionOp found) { op = found; });
  auto open = ScheduleAttr::get(&context, 16, 0).with(ScheduleMember::ValueSlice, 128);
  ScheduleAttr chosen = completeSchedule(open, getKernelShape(op, open));
  llvm::SmallVector<ScheduleAttr> candidates = listCandidates(op, chosen);
  EXPECT_EQ(candidates.front(), chosen);
  EXPECT_EQ(chosen.toText(),
            "tile=16,segments=0,key_slice=0,value_slice=128,cluster=0,stages=0,elementwise=2x4,matrix=4,"
            "epilogue=4");
  llvm::DenseSet<ScheduleAttr> all(candidates.begin(), candidates.end());
  EXPECT_EQ(all.size(), candidates.size());
  auto has = [&](auto isOne) { return llvm::any_of(candidates, isOne); };
  EXPECT_TRUE(has([](ScheduleAttr s) {
    RoleSize elementwise = s.getRole(role::kElementwise);
    return s.getRole(role::kLoad).warps == 2 && elementwise.warps == 1 && elementwise.instances == 8;
  }));
  EXPECT_TRUE(has([](ScheduleAttr s) { return s.getRole(role::kMatrix).warps == 8 && s.getStages() == 8; }));
  EXPECT_TRUE(has([](ScheduleAttr s) { return s.getSegments() == 8; }));
  // Half the keys allow all values; half the values of a slice stay a slice.
  EXPECT_TRUE(has([](ScheduleAttr s) { return s.getKeySlice() == 64 && s.getValueSlice() == 0; }));
  EXPECT_TRUE(has([](ScheduleAttr s) { return s.getKeySlice() == 0 && s.getValueSlice() == 64; }));
  for (ScheduleAttr schedule : candidates) {
    EXPECT_EQ(schedule.getTile(), 16);
    for (llvm::StringRef role : {role::kElementwise, role::kMatrix, role::kEpilogue})
      EXPECT_GT(schedule.getRole(role).warps, 0);
    EXPECT_GT(schedule.getRole(role::kElementwise).instances, 0);
  }
}

//===----------------------------------------------------------------------===//
// The table of members
//===----------------------------------------------------------------------===//

TEST(ScheduleMembers, ThePageHasTheTable) {
  std::ifstream file(SCHEDULES_PAGE);
  std::string page(std::istreambuf_iterator<char>(file), {});
  EXPECT_NE(page.find(describeScheduleMembers()), std::string::npos) << "docs/schedules.md must have these rows:\n"
                                                                     << describeScheduleMembers();
}

TEST(ScheduleMembers, TextIsReadAsItIsWritten) {
  mlir::MLIRContext context;
  context.loadDialect<FGLADialect>();
  auto emitError = [&] { return mlir::emitError(mlir::UnknownLoc::get(&context)); };
  llvm::StringRef roles[] = {"load", "other"};
  auto schedule = ScheduleAttr::get(&context, 32).with(ScheduleMember::Stages, 4).withRole("other", 2, 8);
  mlir::FailureOr<ScheduleAttr> read = ScheduleAttr::get(&context, 16).replace(schedule.toText(), roles, emitError);
  ASSERT_TRUE(mlir::succeeded(read));
  EXPECT_EQ(*read, schedule);
  // What is not named stays, and a role of no warps is none that is given.
  read = schedule.withRole("load", 4).replace("other=0, tile=8", roles, emitError);
  ASSERT_TRUE(mlir::succeeded(read));
  EXPECT_EQ(*read, ScheduleAttr::get(&context, 8).with(ScheduleMember::Stages, 4).withRole("load", 4));
}
