//===- ScalarFormula.h - Proofs that two scalar formulas are equal --------===//
//
// Formulas of real numbers: what stands around an attention, written down without the ops that it came from. Two of
// them are equal if their normal forms are: nothing is decided by trying, since a clamp at 1,000 or an addend of 1e-12
// shows at no sample.
//
// The normal form is a quotient of two polynomials with exact rational coefficients in *atoms*: inputs, exponentials,
// logarithms, sums and maxima of a row, and what can't be looked into. The exponential of a sum is a product and undoes
// logarithms, and a denominator is known to be positive, so equal quotients are equal numbers wherever both formulas
// are defined. Maxima and selections are decided by the ranges of their operands; where that needs to know on which
// side of a number an input is, the proof is made for each side and for the number itself.
//
// A proof speaks of all finite inputs, and of NaN, which has to come through. It does not speak of rounding: 1 / (1 +
// e^-x) is e^x / (1 + e^x) though only one of them overflows.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_SCALARFORMULA_H
#define FGLA_PASSES_ONNX_SCALARFORMULA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace fgla {

/// Formulas over the same inputs. A formula is one element of a row of channels; `rowMax` and `rowSum` see all of them.
class ScalarFormulas {
public:
  /// A formula. Conditions (`less` and so on) are for `select` alone.
  using Term = unsigned;

  Term input(unsigned number);
  Term constant(double value);
  Term add(Term a, Term b) { return make(Kind::Add, {a, b}); }
  Term mul(Term a, Term b) { return make(Kind::Mul, {a, b}); }
  Term reciprocal(Term a) { return make(Kind::Reciprocal, {a}); }
  Term exp(Term a) { return make(Kind::Exp, {a}); }
  Term log(Term a) { return make(Kind::Log, {a}); }
  Term max(Term a, Term b) { return make(Kind::Max, {a, b}); }
  Term less(Term a, Term b) { return make(Kind::Less, {a, b}); }
  Term lessOrEqual(Term a, Term b) { return make(Kind::LessOrEqual, {a, b}); }
  Term equal(Term a, Term b) { return make(Kind::Equal, {a, b}); }
  Term select(Term condition, Term a, Term b) { return make(Kind::Select, {condition, a, b}); }
  Term rowMax(Term a) { return make(Kind::RowMax, {a}); }
  Term rowSum(Term a) { return make(Kind::RowSum, {a}); }
  Term rowMean(Term a) { return mul(rowSum(a), opaque("1 / channels", {})); }
  /// A function of which nothing is known but that it gives the same for the same, and NaN for NaN.
  Term opaque(llvm::StringRef name, llvm::ArrayRef<Term> operands);

  // Made of these.
  Term neg(Term a);
  Term sub(Term a, Term b) { return add(a, neg(b)); }
  Term div(Term a, Term b) { return mul(a, reciprocal(b)); }
  Term min(Term a, Term b) { return neg(max(neg(a), neg(b))); }
  Term abs(Term a) { return max(a, neg(a)); }
  Term relu(Term a) { return max(a, constant(0)); }
  Term sigmoid(Term a) { return reciprocal(add(constant(1), exp(neg(a)))); }
  Term softplus(Term a) { return log(add(constant(1), exp(a))); }
  Term tanh(Term a);
  Term power(Term base, Term exponent);
  Term softmax(Term a) { return div(exp(a), rowSum(exp(a))); }

  /// Whether a proof is found that both are the same number for every row of inputs.
  bool areEqual(Term a, Term b) const;

private:
  friend class Normalizer;
  enum class Kind {
    Input,
    Constant,
    Add,
    Mul,
    Reciprocal,
    Exp,
    Log,
    Max,
    Less,
    LessOrEqual,
    Equal,
    Select,
    RowMax,
    RowSum,
    Opaque
  };
  struct Step {
    Kind kind;
    llvm::SmallVector<Term, 3> operands;
    double number = 0;
    unsigned input = 0;
    std::string name;
  };
  Term make(Kind kind, llvm::ArrayRef<Term> operands);
  /// Whether the formula is NaN when the input is.
  bool passesNaN(Term term, unsigned input) const;

  llvm::SmallVector<Step> steps;
  unsigned numInputs = 0;
};

} // namespace fgla

#endif // FGLA_PASSES_ONNX_SCALARFORMULA_H
