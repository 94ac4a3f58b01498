//===- GradientWriter.cpp - The function of the kernel of a gradient ------===//

#include "passes/tiled/GradientWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace fgla;

GradientWriter::GradientWriter(Fusion &fusion, ScheduleAttr schedule, func::FuncOp kernel)
    : fusion(fusion), root(cast<AttentionGradOp>(fusion.root.getOperation())), schedule(schedule),
      loc(fusion.root.getLoc()), builder(OpBuilder::atBlockBegin(kernel.addEntryBlock())) {
  unsigned next = 0;
  for (Value input : fusion.inputs)
    arrays.map(input, kernel.getArgument(next++));
  auto take = [&](Value result) { return result ? Value(kernel.getArgument(next++)) : Value(); };
  gradients.query = take(root.getQueryGrad());
  gradients.key = take(root.getKeyGrad());
  gradients.value = take(root.getValueGrad());
  gradients.decay = take(root.getDecayGrad());
  gradients.initialState = take(root.getInitialStateGrad());
  // The first input is what queries are made of.
  batches = memref::DimOp::create(builder, loc, kernel.getArgument(0), 0);
  tokens = memref::DimOp::create(builder, loc, kernel.getArgument(0), 1);
  heads = index(root.getNumHeads());
}

Value GradientWriter::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

void GradientWriter::writeSumsOfBatches() {
  auto loop = scf::ForallOp::create(builder, loc, SmallVector<OpFoldResult>{heads}, ValueRange(), std::nullopt);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value head = loop.getInductionVar(0);
  auto type = RankedTensorType::get({1, 1}, cast<MemRefType>(gradients.decayOfBatch.getType()).getElementType());
  Value none = tile::buildSplat(builder, loc, {1, 1}, type.getElementType(), 0);
  auto sums = scf::ForOp::create(builder, loc, index(0), batches, index(1), none);
  {
    OpBuilder::InsertionGuard inner(builder);
    builder.setInsertionPointToStart(sums.getBody());
    Value one = tile::LoadOp::create(builder, loc, type, gradients.decayOfBatch,
                                     ValueRange{sums.getInductionVar(), head}, Value(), ArrayRef<int64_t>{-1, -1});
    Value sum = tile::buildMap(
        builder, loc, {sums.getRegionIterArg(0), one}, {1, 1},
        [](OpBuilder &b, Location l, ValueRange v) -> Value { return arith::AddFOp::create(b, l, v[0], v[1]); });
    scf::YieldOp::create(builder, loc, sum);
  }
  Value sum =
      convertTile(builder, loc, sums.getResult(0), cast<MemRefType>(gradients.decay.getType()).getElementType());
  tile::StoreOp::create(builder, loc, sum, gradients.decay, ValueRange{head}, Value(), ArrayRef<int64_t>{-1, -1});
}

void GradientWriter::write() {
  bool isSummed = gradients.decay && root.getAxis() == DecayAxis::Constant;
  if (isSummed) {
    Type compute = getComputeType(root.getQuery().getType().getElementType());
    auto type = MemRefType::get({ShapedType::kDynamic, root.getNumHeads()}, compute);
    gradients.decayOfBatch = memref::AllocOp::create(builder, loc, type, ValueRange{batches});
  }
  auto loop =
      scf::ForallOp::create(builder, loc, SmallVector<OpFoldResult>{batches, heads}, ValueRange(), std::nullopt);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    GradientProgram(builder, fusion, arrays, schedule.getTile(), gradients)
        .build(loop.getInductionVar(0), loop.getInductionVar(1), tokens);
  }
  if (isSummed)
    writeSumsOfBatches();
  func::ReturnOp::create(builder, loc);
}
