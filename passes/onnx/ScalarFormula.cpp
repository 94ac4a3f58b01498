//===- ScalarFormula.cpp - Proofs that two scalar formulas are equal ------===//
#include "passes/onnx/ScalarFormula.h"
#include "passes/onnx/Polynomial.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace fgla;
using Term = ScalarFormulas::Term;

/// Formulas that get larger than this on the way are not proven anything about.
static constexpr size_t maxPolynomialTerms = 64;
static constexpr unsigned maxPower = 8, maxDegree = 64, maxBits = 4096, maxBoxes = 128;

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

Term ScalarFormulas::make(Kind kind, llvm::ArrayRef<Term> operands) {
  steps.push_back({kind, llvm::SmallVector<Term, 3>(operands), 0, 0, ""});
  return steps.size() - 1;
}

Term ScalarFormulas::input(unsigned number) {
  Term term = make(Kind::Input, {});
  steps[term].input = number;
  numInputs = std::max(numInputs, number + 1);
  return term;
}

Term ScalarFormulas::constant(double value) {
  Term term = make(Kind::Constant, {});
  steps[term].number = value;
  return term;
}

Term ScalarFormulas::opaque(llvm::StringRef name, llvm::ArrayRef<Term> operands) {
  Term term = make(Kind::Opaque, operands);
  steps[term].name = name.str();
  return term;
}

Term ScalarFormulas::neg(Term a) {
  return steps[a].kind == Kind::Constant ? constant(-steps[a].number) : mul(constant(-1), a);
}

Term ScalarFormulas::tanh(Term a) {
  Term small = exp(mul(constant(-2), a));
  return div(sub(constant(1), small), add(constant(1), small));
}

Term ScalarFormulas::power(Term base, Term exponent) {
  double number = steps[exponent].number;
  if (steps[exponent].kind != Kind::Constant || number != std::rint(number) || std::fabs(number) > maxPower)
    return opaque("power", {base, exponent});
  Term result = constant(1);
  for (double i = 0; i < std::fabs(number); ++i)
    result = mul(result, base);
  return number < 0 ? reciprocal(result) : result;
}

bool ScalarFormulas::passesNaN(Term term, unsigned input) const {
  llvm::SmallVector<bool> passes;
  auto doesPass = [&](Term operand) { return passes[operand]; };
  for (const Step &step : llvm::ArrayRef<Step>(steps).take_front(term + 1)) {
    if (step.kind == Kind::Input)
      passes.push_back(step.input == input);
    else if (step.kind != Kind::Select)
      passes.push_back(llvm::any_of(step.operands, doesPass));
    else if (passes[step.operands[0]]) // a comparison with NaN is false
      passes.push_back(passes[step.operands[2]]);
    else
      passes.push_back(passes[step.operands[1]] && passes[step.operands[2]]);
  }
  return passes.back();
}

//===----------------------------------------------------------------------===//
// Normal forms
//===----------------------------------------------------------------------===//

namespace {
/// The denominator is positive.
struct Quotient {
  Polynomial numerator, denominator = Rational(1);
};

/// A number that is not taken apart further.
struct Atom {
  enum Kind { Input, Exp, Log, RowMax, RowSum, Opaque } kind;
  std::string name; ///< of what is opaque
  llvm::SmallVector<Quotient, 2> operands;
  unsigned input = 0;
  bool isOfRow = false; ///< the same for all elements of the row
};

/// A range for each input.
using Box = llvm::SmallVector<Interval, 2>;

struct Split {
  unsigned input;
  Rational at;
};
} // namespace

namespace fgla {
/// Makes normal forms of formulas whose inputs are in a box.
class Normalizer {
public:
  Normalizer(const ScalarFormulas &formulas, const Box &box) : formulas(formulas) { here.box = box; }

  Quotient normalize(Term term);
  bool areEqual(const Quotient &a, const Quotient &b) const {
    return a.numerator * b.denominator == b.numerator * a.denominator;
  }
  /// Where to cut the box so that more can be decided.
  const std::optional<Split> &getSplit() const { return split; }
  bool hasGivenUp() const { return isTooLarge; }

private:
  using Kind = ScalarFormulas::Kind;

  Quotient normalizeStep(Term term);
  /// Calls `function` for all elements of the row, of which the box says nothing: it is about one.
  template <typename Function> auto forRow(Function function);
  Quotient add(const Quotient &a, const Quotient &b);
  Quotient multiply(const Quotient &a, const Quotient &b);
  Quotient power(const Quotient &base, unsigned exponent);
  Quotient reciprocal(const Quotient &a);
  Quotient exp(const Quotient &a);
  Quotient log(const Quotient &a);
  Quotient max(const ScalarFormulas::Step &step);
  Quotient select(const ScalarFormulas::Step &step);
  Quotient rowSum(const Quotient &a);
  Quotient simplified(Quotient a);

  unsigned atomNumber(Atom atom);
  Quotient ofAtom(Atom atom) { return {Polynomial::atom(atomNumber(std::move(atom)))}; }
  Quotient opaque(llvm::StringRef name, llvm::ArrayRef<Quotient> operands);
  bool isOfRow(const Polynomial &polynomial) const;

  Interval range(const Polynomial &polynomial);
  Interval atomRange(unsigned number);
  Interval findAtomRange(const Atom &atom);
  bool isPositiveAtom(unsigned number) const { return atoms[number].kind == Atom::Exp; }
  /// The range of a difference; asks for a split if its sign is open.
  Interval differenceRange(Term a, Term b);
  void requestSplit(Polynomial difference);

  /// What inputs can be, and what was found out under that.
  struct Context {
    Box box;
    llvm::DenseMap<Term, Quotient> known;
    llvm::DenseMap<unsigned, Interval> ranges;
  };

  const ScalarFormulas &formulas;
  Context here;
  std::vector<Atom> atoms;
  std::optional<Split> split;
  bool isTooLarge = false, isInRow = false;
};
} // namespace fgla

static Quotient constantQuotient(const Rational &value) { return {value}; }

Quotient Normalizer::normalize(Term term) {
  auto it = here.known.find(term);
  if (it != here.known.end())
    return it->second;
  Quotient result = isTooLarge ? Quotient{Polynomial()} : normalizeStep(term);
  return here.known[term] = result;
}

template <typename Function> auto Normalizer::forRow(Function function) {
  if (isInRow)
    return function();
  Context row;
  row.box.resize(here.box.size());
  std::swap(here, row);
  isInRow = true;
  auto result = function();
  isInRow = false;
  std::swap(here, row);
  return result;
}

Quotient Normalizer::normalizeStep(Term term) {
  const ScalarFormulas::Step &step = formulas.steps[term];
  auto operand = [&](unsigned i) { return normalize(step.operands[i]); };
  switch (step.kind) {
  case Kind::Input:
    if (here.box[step.input].isPoint())
      return {*here.box[step.input].low};
    return ofAtom({Atom::Input, "", {}, step.input});
  case Kind::Constant:
    if (std::isfinite(step.number))
      return {toRational(step.number)};
    return opaque(std::isnan(step.number) ? "nan" : step.number < 0 ? "-inf" : "inf", {});
  case Kind::Add:
    return add(operand(0), operand(1));
  case Kind::Mul:
    return multiply(operand(0), operand(1));
  case Kind::Reciprocal:
    return reciprocal(operand(0));
  case Kind::Exp:
    return exp(operand(0));
  case Kind::Log:
    return log(operand(0));
  case Kind::Max:
    return max(step);
  case Kind::Select:
    return select(step);
  case Kind::RowMax: {
    Quotient a = forRow([&] { return operand(0); });
    bool isSame = isOfRow(a.numerator) && isOfRow(a.denominator);
    return isSame ? a : ofAtom({Atom::RowMax, "", {a}, 0, true});
  }
  case Kind::RowSum:
    return rowSum(forRow([&] { return operand(0); }));
  case Kind::Opaque: {
    llvm::SmallVector<Quotient> operands;
    for (Term operand : step.operands)
      operands.push_back(normalize(operand));
    return opaque(step.name, operands);
  }
  case Kind::Less:
  case Kind::LessOrEqual:
  case Kind::Equal:
    break;
  }
  llvm_unreachable("a condition is no number");
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static bool isLarge(const Polynomial &polynomial) {
  static const llvm::DynamicAPInt limit(llvm::APInt::getOneBitSet(maxBits + 2, maxBits));
  return polynomial.getTerms().size() > maxPolynomialTerms || llvm::any_of(polynomial.getTerms(), [](const auto &term) {
           return abs(term.second.num) > limit || term.second.den > limit ||
                  llvm::any_of(term.first, [](auto entry) { return entry.second > maxDegree; });
         });
}

/// Without factors that stand above and below.
Quotient Normalizer::simplified(Quotient a) {
  isTooLarge |= isLarge(a.numerator) || isLarge(a.denominator);
  if (isTooLarge)
    return {Polynomial()};
  if (a.numerator == a.denominator)
    return constantQuotient(Rational(1));
  if (a.numerator.isZero())
    return constantQuotient(Rational(0));
  auto isPositive = [&](unsigned atom) { return isPositiveAtom(atom); };
  Monomial factor = commonFactor(a.numerator.commonFactor(isPositive), a.denominator.commonFactor(isPositive));
  if (!factor.empty())
    a = {a.numerator.dividedBy(factor), a.denominator.dividedBy(factor)};
  return a;
}

Quotient Normalizer::add(const Quotient &a, const Quotient &b) {
  if (a.denominator == b.denominator)
    return simplified({a.numerator + b.numerator, a.denominator});
  return simplified({a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator});
}

Quotient Normalizer::multiply(const Quotient &a, const Quotient &b) {
  if (a.numerator == b.denominator)
    return simplified({b.numerator, a.denominator});
  if (b.numerator == a.denominator)
    return simplified({a.numerator, b.denominator});
  return simplified({a.numerator * b.numerator, a.denominator * b.denominator});
}

Quotient Normalizer::power(const Quotient &base, unsigned exponent) {
  Quotient result = constantQuotient(Rational(1));
  for (unsigned i = 0; i != exponent; ++i)
    result = multiply(result, base);
  return result;
}

Quotient Normalizer::reciprocal(const Quotient &a) {
  Interval sign = range(a.numerator);
  if (sign.isPositive())
    return {a.denominator, a.numerator};
  if (sign.isNegative())
    return {a.denominator * Rational(-1), a.numerator * Rational(-1)};
  return opaque("reciprocal", {a});
}

/// e^(c1 m1 + c2 m2 + …) is the product of (e^m)^c, and of r^c where m is log r.
Quotient Normalizer::exp(const Quotient &a) {
  std::optional<Rational> divisor = a.denominator.asConstant();
  if (!divisor)
    return ofAtom({Atom::Exp, "", {a}});
  Quotient result = constantQuotient(Rational(1));
  for (const auto &[monomial, coefficient] : a.numerator.getTerms()) {
    Rational exponent = coefficient / *divisor, size = mlir::presburger::abs(exponent);
    bool isPower = size.den == 1 && size <= Rational(maxPower);
    Polynomial base;
    base.add(monomial, isPower ? Rational(1) : size);
    bool isLog =
        isPower && monomial.size() == 1 && monomial[0].second == 1 && atoms[monomial[0].first].kind == Atom::Log;
    Quotient factor = isLog ? atoms[monomial[0].first].operands[0] : ofAtom({Atom::Exp, "", {Quotient{base}}});
    factor = power(factor, isPower ? static_cast<int64_t>(size.num) : 1);
    // Exponentials and what has a logarithm are positive.
    result = multiply(result, exponent < 0 ? Quotient{factor.denominator, factor.numerator} : factor);
  }
  return result;
}

/// The logarithm of a product of exponentials is a sum.
Quotient Normalizer::log(const Quotient &a) {
  if (!range(a.numerator).isPositive())
    return opaque("log", {a});
  if (areEqual(a, constantQuotient(Rational(1))))
    return constantQuotient(Rational(0));
  Quotient sum = constantQuotient(Rational(0));
  for (const Polynomial *side : {&a.numerator, &a.denominator}) {
    const auto &terms = side->getTerms();
    auto isExp = [&](auto entry) { return atoms[entry.first].kind == Atom::Exp; };
    if (terms.size() != 1 || terms.begin()->second != 1 || !llvm::all_of(terms.begin()->first, isExp))
      return ofAtom({Atom::Log, "", {a}});
    for (auto [atom, exponent] : terms.begin()->first) {
      Rational factor(side == &a.numerator ? exponent : -static_cast<int64_t>(exponent));
      sum = add(sum, multiply(constantQuotient(factor), Quotient(atoms[atom].operands[0])));
    }
  }
  return sum;
}

/// What is the same for the whole row leaves the sum.
Quotient Normalizer::rowSum(const Quotient &a) {
  if (!isOfRow(a.denominator)) {
    // Not a sum of products: one atom.
    return ofAtom({Atom::RowSum, "", {a}, 0, true});
  }
  Quotient sum = constantQuotient(Rational(0));
  for (const auto &[monomial, coefficient] : a.numerator.getTerms()) {
    Monomial outside, inside;
    for (auto entry : monomial)
      (atoms[entry.first].isOfRow ? outside : inside).push_back(entry);
    Polynomial summand, factor;
    summand.add(inside, Rational(1));
    factor.add(outside, coefficient);
    sum = add(sum, multiply(Quotient{factor}, ofAtom({Atom::RowSum, "", {Quotient{summand}}, 0, true})));
  }
  return multiply(sum, Quotient{Rational(1), a.denominator});
}

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

Interval Normalizer::differenceRange(Term a, Term b) {
  Quotient difference = add(normalize(a), multiply(constantQuotient(Rational(-1)), normalize(b)));
  Interval sign = range(difference.numerator);
  if (!sign.isNotNegative() && !sign.isNotPositive())
    requestSplit(difference.numerator);
  return sign;
}

Quotient Normalizer::max(const ScalarFormulas::Step &step) {
  for (unsigned i : {0u, 1u}) {
    const ScalarFormulas::Step &operand = formulas.steps[step.operands[i]];
    if (operand.kind == Kind::Constant && operand.number == -INFINITY)
      return normalize(step.operands[1 - i]);
  }
  Interval sign = differenceRange(step.operands[0], step.operands[1]);
  if (sign.isNotNegative())
    return normalize(step.operands[0]);
  if (sign.isNotPositive())
    return normalize(step.operands[1]);
  return opaque("max", {normalize(step.operands[0]), normalize(step.operands[1])});
}

Quotient Normalizer::select(const ScalarFormulas::Step &step) {
  const ScalarFormulas::Step &condition = formulas.steps[step.operands[0]];
  Interval sign = differenceRange(condition.operands[0], condition.operands[1]);
  bool isStrict = condition.kind == Kind::Less, isEqual = condition.kind == Kind::Equal;
  bool isTrue = isEqual ? sign.isZero() : isStrict ? sign.isNegative() : sign.isNotPositive();
  bool isFalse = isEqual ? sign.isPositive() || sign.isNegative() : isStrict ? sign.isNotNegative() : sign.isPositive();
  if (isTrue || isFalse)
    return normalize(step.operands[isTrue ? 1 : 2]);
  return opaque(isEqual    ? "select =="
                : isStrict ? "select <"
                           : "select <=",
                {normalize(condition.operands[0]), normalize(condition.operands[1]), normalize(step.operands[1]),
                 normalize(step.operands[2])});
}

/// Looks for the one place where a difference changes its sign: c0 + c1 x, or c (e^a - e^b) with such a - b.
void Normalizer::requestSplit(Polynomial difference) {
  if (split || isInRow)
    return;
  auto isPositive = [&](unsigned atom) { return isPositiveAtom(atom); };
  difference = difference.dividedBy(difference.commonFactor(isPositive));
  const auto &terms = difference.getTerms();
  if (terms.empty() || terms.size() > 2)
    return;
  const auto &[last, slope] = *terms.rbegin();
  if (last.size() == 1 && last[0].second == 1 && atoms[last[0].first].kind == Atom::Input &&
      (terms.size() == 1 || terms.begin()->first.empty())) {
    unsigned input = atoms[last[0].first].input;
    Rational root = terms.size() == 1 ? Rational(0) : -terms.begin()->second / slope;
    if (here.box[input].hasInside(root))
      split = Split{input, root};
    return;
  }
  if (terms.size() != 2 || terms.begin()->second != -slope)
    return;
  Quotient exponent = constantQuotient(Rational(0));
  for (auto [monomial, sign] : {std::pair(terms.begin()->first, -1), std::pair(last, 1)})
    for (auto [atom, power] : monomial) {
      if (!isPositive(atom))
        return;
      Rational factor(sign * static_cast<int64_t>(power));
      exponent = add(exponent, multiply(constantQuotient(factor), Quotient(atoms[atom].operands[0])));
    }
  requestSplit(exponent.numerator);
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

bool Normalizer::isOfRow(const Polynomial &polynomial) const {
  return llvm::all_of(polynomial.getTerms(), [&](const auto &term) {
    return llvm::all_of(term.first, [&](auto entry) { return atoms[entry.first].isOfRow; });
  });
}

Quotient Normalizer::opaque(llvm::StringRef name, llvm::ArrayRef<Quotient> operands) {
  return ofAtom({Atom::Opaque, name.str(), llvm::SmallVector<Quotient, 2>(operands)});
}

unsigned Normalizer::atomNumber(Atom atom) {
  if (atom.kind != Atom::Input && !atom.isOfRow)
    atom.isOfRow =
        llvm::all_of(atom.operands, [&](const Quotient &q) { return isOfRow(q.numerator) && isOfRow(q.denominator); });
  for (auto [number, other] : llvm::enumerate(atoms)) {
    if (other.kind == atom.kind && other.name == atom.name && other.input == atom.input &&
        other.operands.size() == atom.operands.size() &&
        llvm::all_of(llvm::zip(other.operands, atom.operands),
                     [&](auto pair) { return areEqual(std::get<0>(pair), std::get<1>(pair)); }))
      return number;
  }
  atoms.push_back(std::move(atom));
  return atoms.size() - 1;
}

Interval Normalizer::range(const Polynomial &polynomial) {
  return polynomial.range([&](unsigned number) { return atomRange(number); });
}

Interval Normalizer::atomRange(unsigned number) {
  auto it = here.ranges.find(number);
  if (it != here.ranges.end())
    return it->second;
  Interval result = findAtomRange(atoms[number]);
  return here.ranges[number] = result;
}

Interval Normalizer::findAtomRange(const Atom &atom) {
  if (atom.kind == Atom::Input)
    return here.box[atom.input];
  if (atom.kind == Atom::Opaque)
    return {};
  if (atom.kind == Atom::Exp || atom.kind == Atom::Log) {
    // e^a is above one where a is above zero; log a is above zero where a is above one.
    bool isExp = atom.kind == Atom::Exp;
    const Quotient &a = atom.operands[0];
    Interval sign = range(isExp ? a.numerator : a.numerator - a.denominator);
    Interval result = isExp ? Interval::positive() : Interval();
    Rational limit(isExp ? 1 : 0);
    if (sign.isNotNegative())
      result.low = limit, result.isLowOpen = sign.isPositive();
    if (sign.isNotPositive())
      result.high = limit, result.isHighOpen = sign.isNegative();
    return result;
  }
  // A row has elements, and each can be what the operand can be.
  Interval sign = forRow([&] { return range(atom.operands[0].numerator); });
  if (sign.isPositive())
    return Interval::positive();
  return sign.isNotNegative() ? Interval{Rational(0), std::nullopt, false, true} : Interval();
}

//===----------------------------------------------------------------------===//
// Proofs
//===----------------------------------------------------------------------===//

bool ScalarFormulas::areEqual(Term a, Term b) const {
  for (unsigned i = 0; i != numInputs; ++i)
    if (!passesNaN(a, i) || !passesNaN(b, i))
      return false;
  llvm::SmallVector<Box> open = {Box(numInputs)};
  for (unsigned count = 0; !open.empty(); ++count) {
    if (count == maxBoxes)
      return false;
    Box box = open.pop_back_val();
    Normalizer normalizer(*this, box);
    Quotient left = normalizer.normalize(a), right = normalizer.normalize(b);
    if (normalizer.hasGivenUp())
      return false;
    if (const std::optional<Split> &split = normalizer.getSplit()) {
      Interval below = box[split->input], above = below;
      below.high = above.low = split->at;
      below.isHighOpen = above.isLowOpen = true;
      for (const Interval &part : {below, Interval::point(split->at), above}) {
        box[split->input] = part;
        open.push_back(box);
      }
      continue;
    }
    if (!normalizer.areEqual(left, right))
      return false;
  }
  return true;
}
