//===- Segments.h - A check that TableGen leaves out ----------------------===//
#ifndef FGLA_DIALECT_SEGMENTS_H
#define FGLA_DIALECT_SEGMENTS_H

#include "mlir/IR/OpDefinition.h"

namespace fgla {
/// In an op with operand segments, a required operand has a segment too, and text in the generic form may give it any
/// size; its accessor then returns another operand, or none. `groups` are the numbers of the required operands.
template <typename OpTy> mlir::LogicalResult verifyRequiredOperands(OpTy op, llvm::ArrayRef<unsigned> groups) {
  for (unsigned group : groups) {
    unsigned size = op.getODSOperandIndexAndLength(group).second;
    if (size != 1)
      return op.emitOpError() << "must have one operand in segment #" << group << ", got " << size;
  }
  return mlir::success();
}
} // namespace fgla

#endif // FGLA_DIALECT_SEGMENTS_H
