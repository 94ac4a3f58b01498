//===- ClassifyMask.h - What a mask hides ---------------------------------===//
#ifndef FGLA_PASSES_ONNX_CLASSIFYMASK_H
#define FGLA_PASSES_ONNX_CLASSIFYMASK_H

#include "dialect/fgla/FGLA.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fgla::onnx {

/// What a query sees without padding.
enum class MaskKind {
  None,      ///< all keys
  Causal,    ///< those up to its own place, where the last query is at the last key
  Window,    ///< of those the last `window`
  Prefix,    ///< those up to its own place, and the first few
  Bias,      ///< scores get other numbers than 0 and -inf
  Arbitrary, ///< anything else
  Unknown    ///< the mask can't be computed from integers alone
};

struct MaskClass {
  MaskKind kind = MaskKind::None;
  bool hidesPadding = false; ///< and some keys are hidden from all queries, which an input says
  int64_t window = 0;
  bool isOfSizesAlone = false; ///< no input has a say
};

llvm::StringRef stringifyMaskKind(MaskKind kind);

/// Computes the mask of an attention on small sizes, as an input without padding has it and with padding put in.
MaskClass classifyMask(mlir::func::FuncOp func, SoftmaxAttentionOp op);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_CLASSIFYMASK_H
