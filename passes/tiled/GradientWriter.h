//===- GradientWriter.h - The function of the kernel of a gradient --------===//
#ifndef FGLA_PASSES_TILED_GRADIENTWRITER_H
#define FGLA_PASSES_TILED_GRADIENTWRITER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/tiled/programs/GradientProgram.h"

namespace fgla {
/// Writes the function of the kernel of an `fgla.attention_grad`: a program for each batch and key/value head.
class GradientWriter {
public:
  GradientWriter(Fusion &fusion, ScheduleAttr schedule, mlir::func::FuncOp kernel);

  void write();

private:
  /// The sums over all batches of a decay that is one number a head.
  void writeSumsOfBatches();
  mlir::Value index(int64_t value);

  Fusion &fusion;
  AttentionGradOp root;
  ScheduleAttr schedule;
  mlir::Location loc;
  mlir::OpBuilder builder;
  mlir::IRMapping arrays;
  GradientArrays gradients;
  mlir::Value batches, heads, tokens;
};
} // namespace fgla

#endif // FGLA_PASSES_TILED_GRADIENTWRITER_H
