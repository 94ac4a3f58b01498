//===- GradientOps.cpp - The gradients of attentions, maps, gates, norms --===//

#include "dialect/Segments.h"
#include "dialect/fgla/Verify.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace fgla;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A gradient has one of the element types that it may have; `what` names it in messages.
static LogicalResult verifyElementType(Operation *op, Type given, Type element, StringRef what, StringRef label) {
  Type compute = getComputeType(element);
  if (given == element || given == compute)
    return success();
  auto diag = op->emitOpError() << what << " must hold " << element;
  if (element != compute)
    diag << " or " << compute;
  return diag << ", got " << given << " (" << label << ")";
}

/// `gradient` has the shape of `primal` and one of the element types that it may have.
static LogicalResult verifyGradient(Operation *op, Value gradient, Value primal, StringRef what, StringRef shapeLabel,
                                    StringRef typeLabel) {
  ArrayRef<int64_t> shape = typeOf(primal).getShape();
  if (failed(verifyCompatibleShape(typeOf(gradient).getShape(), shape)))
    return op->emitOpError() << what << " must have shape " << formatShape(shape) << ", got "
                             << formatShape(typeOf(gradient).getShape()) << " (" << shapeLabel << ")";
  return verifyElementType(op, typeOf(gradient).getElementType(), typeOf(primal).getElementType(), what, typeLabel);
}

/// Each gradient has the sizes of what it is for.
static void reifyGradients(OpBuilder &builder, Location loc, ValueRange primals, ReifiedRankedShapedTypeDims &shapes) {
  for (Value primal : primals)
    shapes.push_back(tensor::getMixedSizes(builder, loc, primal));
}

//===----------------------------------------------------------------------===//
// AttentionGradOp
//===----------------------------------------------------------------------===//

double AttentionGradOp::getEffectiveScale() {
  return getScale() ? getScale()->convertToDouble() : getDefaultScale(getKeyDim());
}

bool AttentionGradOp::isTokenOperand(unsigned operand) {
  Value tensor = getOperand(operand);
  bool isDecay = tensor == getAnyDecay() && getAxis() != DecayAxis::Constant;
  return isDecay || llvm::is_contained({getQuery(), getKey(), getValue(), getOutputGrad()}, tensor);
}

/// Each of the results has consumers of its own.
OpResult AttentionGradOp::getFusedResult() { return {}; }

/// It has no code in roles yet.
ArrayRef<StringRef> AttentionGradOp::getRoles() { return {}; }

/// attention_grad_c1, attention_grad_c2, attention_grad_c4
static LogicalResult verifyGiven(AttentionGradOp op) {
  if (!op.getOutputGrad() && !op.getFinalStateGrad())
    return op.emitOpError() << "must have 'output_grad' or 'final_state_grad', got neither (attention_grad_c1)";
  RankedTensorType query = op.getQuery().getType();
  Type compute = getComputeType(query.getElementType());
  int64_t batch = query.getDimSize(0), tokens = query.getDimSize(1);
  if (Value grad = op.getOutputGrad()) {
    ShapeRule rule{"operand 'output_grad'",
                   "[B, T, Hq, V]",
                   {batch, tokens, op.getNumQueryHeads(), op.getValueDim()},
                   "attention_grad_c1",
                   {2, 3}};
    if (failed(verifyShape(op, grad.getType(), rule)))
      return failure();
    if (failed(verifyElementType(op, typeOf(grad).getElementType(), query.getElementType(), "operand 'output_grad'",
                                 "attention_grad_c4")))
      return failure();
  }
  if (Value grad = op.getFinalStateGrad()) {
    int64_t offsets = op.getSequences() ? typeOf(op.getSequences()).getDimSize(0) : ShapedType::kDynamic;
    int64_t sequences = ShapedType::isDynamic(offsets) ? offsets : offsets - 1;
    ShapeRule rule{"operand 'final_state_grad'",
                   op.getSequences() ? "[N, H, K, V]" : "[B, H, K, V]",
                   {op.getSequences() ? sequences : batch, op.getNumHeads(), op.getKeyDim(), op.getValueDim()},
                   "attention_grad_c2",
                   {1, 2, 3}};
    if (failed(verifyShape(op, grad.getType(), rule)))
      return failure();
    if (failed(verifyElementType(op, typeOf(grad).getElementType(), compute, "operand 'final_state_grad'",
                                 "attention_grad_c4")))
      return failure();
  }
  return success();
}

LogicalResult fgla::verifyGradients(AttentionGradOp op) {
  if (failed(verifyGiven(op)))
    return failure();
  if (op->getNumResults() == 0)
    return op.emitOpError() << "must have a result, got none (attention_grad_c3)";
  static constexpr StringLiteral names[] = {"query", "key", "value", "decay", "beta", "state"};
  for (auto [gradient, primal, name] : llvm::zip_equal(op.getGradients(), op.getDifferentiated(), names)) {
    if (!gradient)
      continue;
    std::string what = ("result '" + name + "'").str();
    if (!primal)
      return op.emitOpError() << what << " must be for an operand that is given, got none (attention_grad_c3)";
    if (failed(verifyGradient(op, gradient, primal, what, "attention_grad_c3", "attention_grad_c4")))
      return failure();
  }
  return success();
}

LogicalResult AttentionGradOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<Value> primals;
  for (auto [gradient, primal] : llvm::zip_equal(getGradients(), getDifferentiated()))
    if (gradient)
      primals.push_back(primal);
  reifyGradients(builder, getLoc(), primals, shapes);
  return success();
}

//===----------------------------------------------------------------------===//
// VJPOp
//===----------------------------------------------------------------------===//

LogicalResult VJPOp::verify() {
  // vjp_c3
  ArrayRef<int64_t> wrt = getWrt();
  int64_t count = getInputs().size();
  if (wrt.empty() || !llvm::is_sorted(wrt, std::less_equal<int64_t>()) || wrt.front() < 0 || wrt.back() >= count)
    return emitOpError() << "'wrt' must number some of the " << count << " inputs in ascending order, got [" << wrt
                         << "] (vjp_c3)";
  if (getGradients().size() != wrt.size())
    return emitOpError() << "must have a result for each number in 'wrt', " << wrt.size() << ", got "
                         << getGradients().size() << " (vjp_c3)";
  for (auto [gradient, number] : llvm::zip_equal(getGradients(), wrt)) {
    std::string what = "the gradient of input #" + std::to_string(number);
    if (failed(verifyGradient(*this, gradient, getInputs()[number], what, "vjp_c3", "vjp_c4")))
      return failure();
  }
  return success();
}

LogicalResult VJPOp::verifyRegions() {
  // vjp_c1
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError() << "region must have an argument of the type of each input (vjp_c1)";
  for (Operation &op : block.without_terminator())
    if (!isa<TileFormInterface>(op))
      return emitOpError() << "region must hold only ops with a tile form, got '" << op.getName() << "' (vjp_c1)";
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield || !isa<RankedTensorType>(yield.getValue().getType()))
    return emitOpError() << "region must end in 'fgla.yield' of one tensor (vjp_c1)";
  // vjp_c2, vjp_c4
  return verifyGradient(*this, getCotangent(), yield.getValue(), "operand 'cotangent'", "vjp_c2", "vjp_c4");
}

LogicalResult VJPOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<Value> primals = llvm::map_to_vector(getWrt(), [&](int64_t number) { return getInputs()[number]; });
  reifyGradients(builder, getLoc(), primals, shapes);
  return success();
}

fgla::YieldOp VJPOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

bool VJPOp::isTokenInput(unsigned input) {
  for (OpOperand &use : getBody().getArgument(input).getUses())
    if (auto op = dyn_cast<TileFormInterface>(use.getOwner()))
      return op.isTokenOperand(use.getOperandNumber());
  return true; // it is what is yielded
}
