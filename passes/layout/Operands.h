//===- Operands.h - Where a matrix instruction finds its operands ---------===//
#ifndef FGLA_PASSES_LAYOUT_OPERANDS_H
#define FGLA_PASSES_LAYOUT_OPERANDS_H

#include "dialect/warp/Warp.h"

namespace fgla {

/// Where the operand of a product is when the product reads it.
enum class OperandPlace {
  Channel,   ///< got from one: in shared memory
  Put,       ///< put into one before: in shared memory too
  Registers, ///< accumulators of an earlier product, which are fragments as they are
  Scratch    ///< computed by the role itself: goes through memory of the product's own
};
OperandPlace findOperandPlace(tile::DotOp dot, bool isA);

/// The put of `operand` in front of `dot`, or null.
warp::PutOp findPutBefore(tile::DotOp dot, mlir::Value operand);

/// Bytes of scratch memory that the operands of `dot` need.
int64_t getOperandScratch(tile::DotOp dot);
} // namespace fgla

#endif // FGLA_PASSES_LAYOUT_OPERANDS_H
