//===- Polynomial.cpp - Exact polynomials and the ranges of their values --===//
#include "passes/onnx/Polynomial.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace fgla;
using llvm::DynamicAPInt;

Rational fgla::toRational(double value) {
  if (value == 0)
    return Rational(0);
  int exponent = 0;
  // 53 binary digits make the fraction an integer.
  auto digits = static_cast<int64_t>(std::ldexp(std::frexp(value, &exponent), 53));
  int zeros = llvm::countr_zero(static_cast<uint64_t>(digits));
  digits >>= zeros;
  exponent += zeros - 53;
  unsigned size = std::abs(exponent);
  DynamicAPInt power =
      size < 62 ? DynamicAPInt(int64_t(1) << size) : DynamicAPInt(llvm::APInt::getOneBitSet(size + 2, size));
  return exponent < 0 ? Rational(DynamicAPInt(digits), power) : Rational(DynamicAPInt(digits) * power);
}

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

std::optional<Rational> Interval::negate(const std::optional<Rational> &value) {
  return value ? std::optional<Rational>(-*value) : std::nullopt;
}

Interval Interval::operator+(const Interval &other) const {
  Interval sum;
  if (low && other.low)
    sum.low = *low + *other.low;
  if (high && other.high)
    sum.high = *high + *other.high;
  sum.isLowOpen = isLowOpen || other.isLowOpen;
  sum.isHighOpen = isHighOpen || other.isHighOpen;
  return sum;
}

namespace {
/// One end of an interval: `value`, or an infinity of that sign.
struct End {
  Rational value;
  bool isInfinite, isOpen;

  bool operator<(const End &other) const {
    if (isInfinite || other.isInfinite)
      return (isInfinite ? value : Rational(0)) < (other.isInfinite ? other.value : Rational(0));
    return value < other.value;
  }
};
} // namespace

static End multiply(const End &a, const End &b) {
  // Zero times anything is zero, and is reached where the zero is.
  if ((!a.isInfinite && a.value == 0) || (!b.isInfinite && b.value == 0)) {
    bool isReached = (!a.isInfinite && a.value == 0 && !a.isOpen) || (!b.isInfinite && b.value == 0 && !b.isOpen);
    return {Rational(0), false, !isReached};
  }
  return {a.value * b.value, a.isInfinite || b.isInfinite, a.isOpen || b.isOpen};
}

Interval Interval::operator*(const Interval &other) const {
  auto ends = [](const Interval &x) {
    return std::pair(End{x.low ? *x.low : Rational(-1), !x.low, x.isLowOpen},
                     End{x.high ? *x.high : Rational(1), !x.high, x.isHighOpen});
  };
  auto [a, b] = ends(*this);
  auto [c, d] = ends(other);
  End low = multiply(a, c), high = low;
  for (const End &end : {multiply(a, d), multiply(b, c), multiply(b, d)}) {
    // Of two equal ends the closed one counts.
    if (end < low || (!(low < end) && !end.isOpen))
      low = end;
    if (high < end || (!(end < high) && !end.isOpen))
      high = end;
  }
  return {low.isInfinite ? std::nullopt : std::optional(low.value),
          high.isInfinite ? std::nullopt : std::optional(high.value), low.isOpen, high.isOpen};
}

//===----------------------------------------------------------------------===//
// Polynomials
//===----------------------------------------------------------------------===//

static Monomial multiply(const Monomial &a, const Monomial &b) {
  Monomial product;
  const auto *i = a.begin(), *j = b.begin();
  while (i != a.end() || j != b.end()) {
    if (j == b.end() || (i != a.end() && i->first < j->first))
      product.push_back(*i++);
    else if (i == a.end() || j->first < i->first)
      product.push_back(*j++);
    else
      product.push_back({i->first, i++->second + j++->second});
  }
  return product;
}

Monomial fgla::commonFactor(const Monomial &a, const Monomial &b) {
  Monomial common;
  for (auto [atom, power] : a)
    for (auto [other, otherPower] : b)
      if (atom == other)
        common.push_back({atom, std::min(power, otherPower)});
  return common;
}

Polynomial Polynomial::atom(unsigned number, unsigned power) {
  Polynomial result;
  result.add(power ? Monomial{{number, power}} : Monomial(), Rational(1));
  return result;
}

void Polynomial::add(const Monomial &monomial, const Rational &coefficient) {
  auto [it, isNew] = terms.try_emplace(monomial, coefficient);
  if (!isNew)
    it->second += coefficient;
  if (it->second == 0)
    terms.erase(it);
}

std::optional<Rational> Polynomial::asConstant() const {
  if (terms.empty())
    return Rational(0);
  return terms.size() == 1 && terms.begin()->first.empty() ? std::optional(terms.begin()->second) : std::nullopt;
}

Polynomial Polynomial::operator+(const Polynomial &other) const {
  Polynomial sum = *this;
  for (const auto &[monomial, coefficient] : other.terms)
    sum.add(monomial, coefficient);
  return sum;
}

Polynomial Polynomial::operator*(const Polynomial &other) const {
  Polynomial product;
  for (const auto &[left, a] : terms)
    for (const auto &[right, b] : other.terms)
      product.add(multiply(left, right), a * b);
  return product;
}

Interval Polynomial::range(llvm::function_ref<Interval(unsigned)> rangeOf) const {
  Interval sum = Interval::point(Rational(0));
  for (const auto &[monomial, coefficient] : terms) {
    Interval product = Interval::point(coefficient);
    for (auto [atom, power] : monomial) {
      Interval base = rangeOf(atom), square = base * base;
      // A square is not negative, which the product of two unrelated numbers of one range can be.
      if (!square.isNotNegative())
        square.low = Rational(0), square.isLowOpen = false;
      for (unsigned i = 0; i + 1 < power; i += 2)
        product = product * square;
      if (power % 2)
        product = product * base;
    }
    sum = sum + product;
  }
  return sum;
}

Monomial Polynomial::commonFactor(llvm::function_ref<bool(unsigned)> isAllowed) const {
  if (terms.empty())
    return {};
  Monomial common = terms.begin()->first;
  llvm::erase_if(common, [&](auto entry) { return !isAllowed(entry.first); });
  for (const auto &[monomial, coefficient] : terms)
    common = fgla::commonFactor(common, monomial);
  return common;
}

Polynomial Polynomial::dividedBy(const Monomial &factor) const {
  Polynomial quotient;
  for (const auto &[monomial, coefficient] : terms) {
    Monomial rest;
    for (auto [atom, power] : monomial) {
      for (auto [divisor, divisorPower] : factor)
        power -= atom == divisor ? divisorPower : 0;
      if (power)
        rest.push_back({atom, power});
    }
    quotient.add(rest, coefficient);
  }
  return quotient;
}
