//===- Polynomial.h - Exact polynomials and the ranges of their values ----===//
//
// Polynomials with rational coefficients in atoms, which are numbers that somebody else knows the meaning of.
// Everything is exact: coefficients have as many digits as they need.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_POLYNOMIAL_H
#define FGLA_PASSES_ONNX_POLYNOMIAL_H

#include "mlir/Analysis/Presburger/Fraction.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <optional>

namespace fgla {

using Rational = mlir::presburger::Fraction;

/// The exact value of a finite number.
Rational toRational(double value);

/// All numbers between two bounds. A bound that is not there is infinite; an open one is not reached.
struct Interval {
  std::optional<Rational> low, high;
  bool isLowOpen = true, isHighOpen = true;

  static Interval point(const Rational &value) { return {value, value, false, false}; }
  /// Numbers above zero.
  static Interval positive() { return {Rational(0), std::nullopt, true, true}; }

  bool isPositive() const { return low && (*low > 0 || (*low == 0 && isLowOpen)); }
  bool isNegative() const { return high && (*high < 0 || (*high == 0 && isHighOpen)); }
  bool isNotNegative() const { return low && *low >= 0; }
  bool isNotPositive() const { return high && *high <= 0; }
  bool isZero() const { return isNotNegative() && isNotPositive(); }
  bool isPoint() const { return low && high && *low == *high; }
  /// Strictly between the bounds.
  bool hasInside(const Rational &value) const { return (!low || *low < value) && (!high || value < *high); }

  Interval operator+(const Interval &other) const;
  Interval operator*(const Interval &other) const;
  Interval operator-() const { return {negate(high), negate(low), isHighOpen, isLowOpen}; }

private:
  static std::optional<Rational> negate(const std::optional<Rational> &value);
};

/// A product of powers of atoms: (number, power), ascending numbers, powers of at least one.
using Monomial = llvm::SmallVector<std::pair<unsigned, unsigned>, 2>;

class Polynomial {
public:
  Polynomial() = default;
  Polynomial(const Rational &constant) { add({}, constant); }
  static Polynomial atom(unsigned number, unsigned power = 1);

  void add(const Monomial &monomial, const Rational &coefficient);
  const std::map<Monomial, Rational> &getTerms() const { return terms; }
  bool isZero() const { return terms.empty(); }
  /// The number that it is, if there are no atoms.
  std::optional<Rational> asConstant() const;

  Polynomial operator+(const Polynomial &other) const;
  Polynomial operator-(const Polynomial &other) const { return *this + other * Rational(-1); }
  Polynomial operator*(const Polynomial &other) const;
  bool operator==(const Polynomial &other) const { return terms == other.terms; }

  /// The numbers that it can be when each atom can be what `rangeOf` says.
  Interval range(llvm::function_ref<Interval(unsigned)> rangeOf) const;
  /// The largest product of atoms that divides each term, of atoms that `isAllowed`.
  Monomial commonFactor(llvm::function_ref<bool(unsigned)> isAllowed) const;
  /// Without `factor`, which divides each term.
  Polynomial dividedBy(const Monomial &factor) const;

private:
  std::map<Monomial, Rational> terms; ///< none with coefficient zero
};

/// What divides both.
Monomial commonFactor(const Monomial &a, const Monomial &b);

} // namespace fgla

#endif // FGLA_PASSES_ONNX_POLYNOMIAL_H
