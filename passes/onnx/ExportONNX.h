//===- ExportONNX.h - From fgla to the mirror of an ONNX graph ------------===//
#ifndef FGLA_PASSES_ONNX_EXPORTONNX_H
#define FGLA_PASSES_ONNX_EXPORTONNX_H

#include "dialect/fgla/FGLA.h"
#include "passes/onnx/ONNXBuilder.h"

namespace fgla::onnx {

/// Who computes the recurrence: the operator of opset 27, a function of the model made of old operators, ONNX Runtime's
/// own operator, or this compiler, which gets the whole program as one node.
enum class ExportForm { ONNX27, Function, Contrib, CustomOp };

/// An attention or one step of it, in tensors of f32 with a token axis; null where there is none.
struct Recurrence {
  int64_t queryHeads, heads, keyDim, valueDim;
  mlir::Value query = {}, key = {}, value = {}, decay = {}, beta = {}, state = {}, max = {};
  bool isLog = true; ///< `decay` is a logarithm
  std::optional<DecayAxis> axis = {};
  Stabilizer stabilizer = Stabilizer::None;
  UpdateRule rule = UpdateRule::Gated;
  double scale = 1;

  // What it gives.
  mlir::Value output = {}, finalState = {}, finalMax = {};
};

/// Writes the recurrence. `module` gets the function that computes it, in the form that needs one. A decay of
/// `axis(value)` and packed sequences are the caller's to refuse.
void exportRecurrence(ONNXBuilder &n, ExportForm form, mlir::Operation *module, Recurrence &recurrence);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_EXPORTONNX_H
