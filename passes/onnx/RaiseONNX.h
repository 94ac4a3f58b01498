//===- RaiseONNX.h - What the ops around an attention compute -------------===//
//
// The expression in front of an operand of attention is collected through reshapes up to the values that it starts
// from. If it is *proven* to be a named map or gate (ScalarFormula.h), it is that map or gate, however the exporter
// wrote it. An expression without a name becomes the region of the op, which computes just what the model says. There
// are no lists of exporter patterns.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_RAISEONNX_H
#define FGLA_PASSES_ONNX_RAISEONNX_H

#include "dialect/fgla/FGLA.h"
#include "passes/onnx/ONNXLowering.h"
#include "passes/onnx/ScalarFormula.h"

namespace fgla::onnx {

/// An expression over the channels of one head: elementwise steps, and reductions over the channels.
class Expression {
public:
  /// Collects the expression of `value` over groups of `channels` channels (the size of its last axis where heads are
  /// apart). Every value that can't be looked into is an input.
  Expression(ONNXLowering &lowering, mlir::Value value, int64_t channels);

  llvm::ArrayRef<mlir::Value> inputs() const { return leaves; }
  /// Nothing but the input itself.
  bool isTrivial() const { return steps.size() == 1; }
  bool isElementwise() const { return !hasReduction; }

  /// The expression as a formula of its inputs.
  ScalarFormulas::Term describe(ScalarFormulas &formulas) const;

  /// Fills the region of a feature map or a gate with the expression, on scalars of `type`.
  void build(mlir::OpBuilder &b, mlir::Location loc, mlir::Region &region, mlir::Type type) const;

private:
  enum class Kind { Input, Constant, Elementwise, ReduceMax, ReduceSum, ReduceMean, Softmax };
  struct Step {
    Kind kind;
    NodeOp node;
    llvm::SmallVector<int> args; // -1 is an absent input
    double number = 0;
    int input = 0;
  };
  int visit(mlir::Value value);
  int visitNode(NodeOp node, mlir::Value value);
  int addInput(mlir::Value value);
  int addStep(Step step, mlir::Value value);
  int visitComparison(NodeOp node, mlir::Value value);
  static std::optional<Kind> reductionKind(NodeOp node);
  bool isChannelAxis(NodeOp node) const;
  bool isOperand(mlir::Value value, llvm::ArrayRef<Dim> dims);
  bool isCondition(NodeOp node, mlir::Value value, llvm::ArrayRef<Dim> dims);

  ONNXLowering &lowering;
  mlir::Type element;
  int64_t channels;
  bool hasReduction = false;
  llvm::SmallVector<Step> steps;
  llvm::SmallVector<mlir::Value> leaves;
  llvm::DenseMap<mlir::Value, int> known;
};

/// The named feature map that an expression of one input is.
std::optional<FeatureKind> classifyFeature(const Expression &expression);

/// The named gate whose logarithm an expression is. `order` says which input is the gate's first and second.
std::optional<GateKind> classifyLogGate(const Expression &expression, llvm::SmallVectorImpl<unsigned> &order);

/// Whether an expression is x * sigmoid(x).
bool isSilu(const Expression &expression);

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_RAISEONNX_H
