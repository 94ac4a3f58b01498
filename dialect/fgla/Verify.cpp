//===- Verify.cpp - Checks that the verifiers of several ops share --------===//

#include "dialect/fgla/Verify.h"

using namespace mlir;
using namespace fgla;

LogicalResult fgla::verifyShape(Operation *op, Type type, const ShapeRule &rule) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
  bool ok = shape.size() == rule.sizes.size();
  for (size_t i = 0; ok && i < shape.size(); ++i)
    ok = rule.sizes[i] == kAny || ShapedType::isDynamic(rule.sizes[i]) || ShapedType::isDynamic(shape[i]) ||
         rule.sizes[i] == shape[i];
  if (!ok) {
    auto diag = op->emitOpError() << rule.what << " must have shape " << rule.dims;
    if (llvm::any_of(rule.sizes, [](int64_t size) { return size != kAny && !ShapedType::isDynamic(size); })) {
      SmallVector<int64_t> sizes =
          llvm::map_to_vector(rule.sizes, [](int64_t size) { return size == kAny ? ShapedType::kDynamic : size; });
      diag << " = " << formatShape(sizes);
    }
    return diag << ", got " << formatShape(shape) << " (" << rule.label << ")";
  }
  for (unsigned position : rule.isStatic)
    if (ShapedType::isDynamic(shape[position]) || shape[position] == 0)
      return op->emitOpError() << rule.what << " of shape " << rule.dims << " must have a static, positive size in dim "
                               << position << ", got " << formatShape(shape) << " (" << rule.label << ")";
  return success();
}

LogicalResult fgla::verifyTokenTensor(Operation *op, Type type, StringRef what, StringRef label) {
  // A decoder has one token, and no axis for it.
  if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getRank() == 3)
    return verifyShape(op, type, {what, "[B, H, D]", {kAny, kAny, kAny}, label, {1, 2}});
  return verifyShape(op, type, {what, "[B, T, H, D]", {kAny, kAny, kAny, kAny}, label, {2, 3}});
}

LogicalResult fgla::verifyExpression(Operation *op, Region &region, unsigned numArguments, Type type, StringRef label) {
  Block &block = region.front();
  if (block.getNumArguments() != numArguments)
    return op->emitOpError() << "region must have " << numArguments << " scalar argument"
                             << (numArguments == 1 ? "" : "s") << ", got " << block.getNumArguments() << " (" << label
                             << ")";
  for (Type argument : block.getArgumentTypes())
    if (argument != type)
      return op->emitOpError() << "region arguments must have the computation type " << type << ", got " << argument
                               << " (" << label << ")";
  for (Operation &nested : block.without_terminator())
    if (!isPure(&nested) || nested.getNumRegions() != 0)
      return op->emitOpError() << "region must hold only ops without side effects and regions, got '"
                               << nested.getName() << "' (" << label << ")";
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getValue().getType() != type)
    return op->emitOpError() << "region must end in 'fgla.yield' of one " << type << " (" << label << ")";
  return success();
}

LogicalResult fgla::verifyKindOrRegion(Operation *op, bool hasKind, Region &region, StringRef label) {
  if (hasKind == !region.empty())
    return op->emitOpError() << "must have either a named kind or a region, got " << (hasKind ? "both" : "neither")
                             << " (" << label << ")";
  return success();
}
