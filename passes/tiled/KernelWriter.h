//===- KernelWriter.h - The function of one kernel ------------------------===//
#ifndef FGLA_PASSES_TILED_KERNELWRITER_H
#define FGLA_PASSES_TILED_KERNELWRITER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/tiled/programs/ForwardProgram.h"

namespace fgla {
/// Writes the function of one kernel.
class KernelWriter {
public:
  KernelWriter(Fusion &fusion, ScheduleAttr schedule, mlir::func::FuncOp kernel, bool roles)
      : fusion(fusion), root(mlir::cast<AttentionOp>(fusion.root)), schedule(schedule), kernel(kernel), roles(roles),
        group(roles ? root.getNumQueryHeads() / root.getNumHeads() : 1), loc(fusion.root.getLoc()),
        keySlices(countSlices(root.getKeyDim(), schedule.getKeySlice())),
        valueSlices(countSlices(root.getValueDim(), schedule.getValueSlice())), cluster(schedule.getCluster()),
        builder(mlir::OpBuilder::atBlockBegin(kernel.addEntryBlock())) {
    unsigned next = 0;
    for (mlir::Value input : fusion.inputs)
      arrays.map(input, kernel.getArgument(next++));
    output = kernel.getArgument(next++);
    if (root.getFinalState())
      finalState = kernel.getArgument(next++);
    if (root.getFinalMax())
      finalMax = kernel.getArgument(next++);
  }

  void write();

private:
  using Body = llvm::function_ref<void(ForwardProgram &, mlir::ValueRange)>;
  /// A parallel loop over `bounds`; the body starts with batch and head. Where the programs own the state, also over
  /// its slices.
  void forall(llvm::ArrayRef<mlir::Value> bounds, bool ownsState, Body body);
  /// The same over slices of the state of `keyWidth` and `valueWidth` channels; 0: all. `cluster` programs of a head
  /// run together.
  void forall(llvm::ArrayRef<mlir::Value> bounds, int64_t keyWidth, int64_t valueWidth, Body body, int64_t cluster = 1);
  /// For roles the dims are those of a grid, also where there is one program along each.
  std::optional<mlir::ArrayAttr> getMapping(int64_t dims);
  StateSlice decodeSlice(mlir::Value number, int64_t keyWidth, int64_t valueWidth, int64_t cluster);
  void planSegments();
  /// Cuts sequences into `wanted` parts of whole tiles, at least one; all have tokens, unless the sequence has none.
  /// Returns their length and their number.
  std::pair<mlir::Value, mlir::Value> cutTokens(mlir::Value wanted);
  /// As many parts of `tiles` tiles for each of `programsOfBatch` as keep all workers busy, of `minTiles` at least.
  mlir::Value countIdle(mlir::Value programsOfBatch, mlir::Value tiles, int64_t minTiles);
  mlir::Value countTiles() { return mlir::arith::CeilDivSIOp::create(builder, loc, tokens, index(schedule.getTile())); }
  static int64_t countSlices(int64_t size, int64_t slice) { return slice == 0 ? 1 : llvm::divideCeil(size, slice); }
  /// Where parts of outputs are written: by heads of one key slice after the other.
  mlir::Value makeParts();
  void writeSequenceMax();
  void writeSegmentStates();
  void writeStartStates();
  bool writeStep();
  void writeOutputs();
  void writeOutputs(mlir::Value count, bool areSegments, int64_t keyWidth, int64_t cluster);
  void writeClusters();
  void writeSums();
  Carried loadSegment(ForwardProgram &program, mlir::ValueRange position);
  Carried startFrom(ForwardProgram &program, Carried initial, mlir::ValueRange position);
  mlir::Value loadMax(ForwardProgram &program, mlir::Value buffer, mlir::ValueRange position) {
    return tile::LoadOp::create(builder, loc, mlir::RankedTensorType::get({1, 1}, program.getElement()), buffer,
                                position, mlir::Value(), llvm::ArrayRef<int64_t>{-1, -1});
  }
  mlir::Value loadState(ForwardProgram &program, mlir::Value buffer, mlir::ValueRange position);
  void storeState(ForwardProgram &program, mlir::Value state, mlir::Value buffer, mlir::ValueRange position);
  void storeFinal(AttentionTiles &program, const Carried &carried, mlir::Value batch, mlir::Value head);
  void storeWhole(AttentionTiles &program, Carried carried, mlir::Value batch, mlir::Value head, mlir::Value condition);
  mlir::Value isWhole(mlir::Value queryHead, mlir::Value segment);
  mlir::Value index(int64_t value) { return mlir::arith::ConstantIndexOp::create(builder, loc, value); }
  /// A buffer [B, H, pieces of segments but the last, trailing...], for what they tell later ones: with one segment it
  /// takes no memory. Bufferization's deallocation frees it.
  mlir::Value allocate(llvm::ArrayRef<int64_t> trailing, bool perSegment);

  Fusion &fusion;
  AttentionOp root;
  ScheduleAttr schedule;
  mlir::func::FuncOp kernel;
  bool roles;    ///< whether the kernel is to be split into roles
  int64_t group; ///< of query heads that each have a program of their own, though they read one key/value head
  mlir::Location loc;
  int64_t keySlices, valueSlices; ///< of the state
  int64_t cluster;                ///< programs that add up their outputs; 1 or 0: none do
  mlir::OpBuilder builder;
  mlir::IRMapping arrays;
  mlir::Value output, finalState, finalMax;
  mlir::Value batches, heads, tokens;
  mlir::Value segments, segmentLength; ///< null where the schedule has one segment
  mlir::Value areClusters; ///< 1 where a cluster does a head, not segments; null where that is not decided at launch
  mlir::Value pieces, pieceLength; ///< of a segment, for the pass that computes states: that has one segment less to do
  mlir::Value earlierPieces;       ///< the pieces of all segments but the last
  mlir::Value parts;       ///< of outputs, where programs own slices of the state and something is done to the whole
  mlir::Value sequenceMax; ///< [B, H], for the stabilizer `sequence`
  mlir::Value states, maxima, totals, complements; ///< of pieces
  mlir::Value startStates;                         ///< after pieces: the state that what follows starts from
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_KERNELWRITER_H
