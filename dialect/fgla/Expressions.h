//===- Expressions.h - The scalar formulas of named maps and gates --------===//
//
// One place for the formulas, used by the sequential and by the tiled lowering. All work on scalars of f32 or f64.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_EXPRESSIONS_H
#define FGLA_DIALECT_FGLA_EXPRESSIONS_H

#include "dialect/fgla/FGLA.h"

namespace fgla {
/// A gate in two numbers, both accurate where they are small.
struct Decay {
  mlir::Value factor;     ///< f
  mlir::Value complement; ///< 1 - f
};

/// The scalar constant `value` of float type `type`.
mlir::Value buildConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, double value);

/// `max`, but the lowest finite number in place of -inf, the maximum of nothing: -inf less that is -inf, not NaN.
mlir::Value buildFiniteMax(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value max);
/// e^(x - max), where `max` is at least x: zero for x = -inf, also where that is all there is.
mlir::Value buildExpBelow(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, mlir::Value max);
/// `sum`, or one where it is less: that of e^(x - max x), which is one at least, or zero where all x are -inf.
mlir::Value buildSoftmaxSum(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value sum);
/// A token's maximum as one of a sequence: -inf for NaN and +inf, so that no other token gets to see them.
mlir::Value buildCountedMax(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value max);

/// True for maps in which each channel depends on itself alone.
bool isElementwise(FeatureKind kind);
/// The value of an elementwise map.
mlir::Value buildFeature(mlir::OpBuilder &builder, mlir::Location loc, FeatureKind kind, mlir::Value x);

/// g = sigmoid(z) and 1 - g, from one exponential that can't overflow: e^(-|z|).
Decay buildSigmoid(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value z);
/// A named gate: `sigmoid`, or `refined`, f = g (g + 2 r (1 - g)), 1 - f = (1 - g) ((1 - g) + 2 (1 - r) g).
Decay buildGate(mlir::OpBuilder &builder, mlir::Location loc, GateKind kind, mlir::ValueRange inputs);
/// The factor of a named gate alone, for where 1 - f is not asked for. With x = e^(-zg) and y = e^(-zr), `refined` is
/// (1 + y + 2 x) / ((1 + y) (1 + x)^2): one division. Factors under 1e-18 may be zero.
mlir::Value buildGateFactor(mlir::OpBuilder &builder, mlir::Location loc, GateKind kind, mlir::ValueRange inputs);
/// The logarithm of a named gate, formed without forming f where f underflows.
mlir::Value buildLogGate(mlir::OpBuilder &builder, mlir::Location loc, GateKind kind, mlir::ValueRange inputs);
/// A decay from its logarithm.
Decay buildDecayFromLog(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value logDecay);
/// A decay from its factor alone; the complement is only as good as f32 around one.
Decay buildDecayFromFactor(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value factor);
/// Both decays, one after the other.
Decay buildProduct(mlir::OpBuilder &builder, mlir::Location loc, Decay a, Decay b);

/// silu(z) = z sigmoid(z)
mlir::Value buildSilu(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value z);

/// Copies an expression region to the insertion point, with `arguments` for its arguments, and returns what it yields.
mlir::Value inlineExpression(mlir::OpBuilder &builder, mlir::Region &region, mlir::ValueRange arguments);

/// What a gate gives, f or log f, from scalar pre-activations.
mlir::Value buildGateResult(mlir::OpBuilder &builder, mlir::Location loc, GateOp gate, mlir::ValueRange inputs);
/// The decay that a gate gives, from scalar pre-activations.
Decay buildGateExpression(mlir::OpBuilder &builder, mlir::Location loc, GateOp gate, mlir::ValueRange inputs);
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_EXPRESSIONS_H
