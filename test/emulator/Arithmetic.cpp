//===- Arithmetic.cpp - Instructions on registers alone -------------------===//
#include "Actions.h"
#include "Numbers.h"

#include <cmath>
#include <limits>

using namespace fgla::emulator;

namespace {
/// out = F(in...), thread by thread.
template <auto F, typename R, typename A> Outcome map1(Warp &warp, const Instruction &i, Mask mask) {
  Lanes &out = warp.at(i.operands.at(0)), &a = warp.at(i.operands.at(1));
  forLanes(mask, [&](int lane) { out.bits[lane] = toBits<R>(F(fromBits<A>(a.bits[lane]))); });
  return Outcome::Done;
}
template <auto F, typename R, typename A, typename B> Outcome map2(Warp &warp, const Instruction &i, Mask mask) {
  Lanes &out = warp.at(i.operands.at(0)), &a = warp.at(i.operands.at(1)), &b = warp.at(i.operands.at(2));
  forLanes(mask,
           [&](int lane) { out.bits[lane] = toBits<R>(F(fromBits<A>(a.bits[lane]), fromBits<B>(b.bits[lane]))); });
  return Outcome::Done;
}
template <auto F, typename R, typename A, typename B, typename C>
Outcome map3(Warp &warp, const Instruction &i, Mask mask) {
  Lanes &out = warp.at(i.operands.at(0)), &a = warp.at(i.operands.at(1)), &b = warp.at(i.operands.at(2)),
        &c = warp.at(i.operands.at(3));
  forLanes(mask, [&](int lane) {
    out.bits[lane] = toBits<R>(F(fromBits<A>(a.bits[lane]), fromBits<B>(b.bits[lane]), fromBits<C>(c.bits[lane])));
  });
  return Outcome::Done;
}

/// make(T()), with the C++ type that a name of PTX stands for.
template <typename Make> Action ofUnsigned(const std::string &type, Make make) {
  if (type == "b16" || type == "u16")
    return make(uint16_t());
  if (type == "b32" || type == "u32")
    return make(uint32_t());
  if (type == "b64" || type == "u64")
    return make(uint64_t());
  return nullptr;
}
template <typename Make> Action ofInteger(const std::string &type, Make make) {
  if (type == "s16")
    return make(int16_t());
  if (type == "s32")
    return make(int32_t());
  if (type == "s64")
    return make(int64_t());
  return ofUnsigned(type, make);
}
} // namespace

//===----------------------------------------------------------------------===//
// Integers and bits
//===----------------------------------------------------------------------===//

// What is too large wraps around, as it does not where C++ has signs.
template <typename T>
using Bits = std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
template <typename T> static T add(T a, T b) { return static_cast<T>(Bits<T>(a) + Bits<T>(b)); }
template <typename T> static T subtract(T a, T b) { return static_cast<T>(Bits<T>(a) - Bits<T>(b)); }
template <typename T> static T multiply(T a, T b) { return static_cast<T>(uint64_t(a) * uint64_t(b)); }
template <> float multiply(float a, float b) { return a * b; }
template <typename T> static T multiplyHigh(T a, T b) {
  using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
  return static_cast<T>((Wide(a) * Wide(b)) >> (8 * sizeof(T)));
}
template <typename T> static T multiplyAdd(T a, T b, T c) { return add(multiply(a, b), c); }
template <typename T> static T negate(T a) { return subtract(T(0), a); }
template <> float negate(float a) { return -a; }
template <typename T> static bool isDefined(T a, T b) {
  return b != 0 && !(std::is_signed_v<T> && a == std::numeric_limits<T>::min() && b == T(-1));
}
template <typename T> static T divide(T a, T b) { return isDefined(a, b) ? static_cast<T>(a / b) : negate(a); }
template <typename T> static T remainder(T a, T b) { return isDefined(a, b) ? static_cast<T>(a % b) : T(0); }
template <typename T> static T smallerOf(T a, T b) { return a < b ? a : b; }
template <typename T> static T largerOf(T a, T b) { return a > b ? a : b; }
template <typename T> static T bitAnd(T a, T b) { return static_cast<T>(a & b); }
template <typename T> static T bitOr(T a, T b) { return static_cast<T>(a | b); }
template <typename T> static T bitXor(T a, T b) { return static_cast<T>(a ^ b); }
template <typename T> static T bitNot(T a) { return static_cast<T>(~a); }
/// Counts beyond the width shift everything out.
template <typename T> static T shiftLeft(T a, uint32_t count) {
  return count >= 8 * sizeof(T) ? T(0) : static_cast<T>(a << count);
}
template <typename T> static T shiftRight(T a, uint32_t count) {
  constexpr uint32_t width = 8 * sizeof(T);
  return static_cast<T>(a >> std::min(count, width - 1)) >> (count >= width ? 1 : 0);
}
static uint32_t extract(uint32_t value, uint32_t position, uint32_t length) {
  position &= 255, length = std::min(length & 255, 32u);
  uint64_t mask = (uint64_t(1) << length) - 1;
  return position < 32 ? static_cast<uint32_t>((value >> position) & mask) : 0;
}
/// Four bytes of eight, chosen by a digit each.
static uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = (uint64_t(b) << 32) | a;
  uint32_t result = 0;
  for (int byte = 0; byte < 4; ++byte) {
    uint32_t choice = selector >> (4 * byte);
    uint32_t value = (bytes >> (8 * (choice & 7))) & 0xff;
    if (choice & 8)
      value = value & 0x80 ? 0xff : 0;
    result |= value << (8 * byte);
  }
  return result;
}

static Action findWide(const std::string &op, const std::string &type) {
  auto wide = []<typename S, typename W>(S, W) -> Action {
    return map2<[](S a, S b) { return static_cast<W>(static_cast<W>(a) * static_cast<W>(b)); }, W, S, S>;
  };
  auto wideAdd = []<typename S, typename W>(S, W) -> Action {
    return map3<[](S a, S b, W c) { return static_cast<W>(static_cast<W>(a) * static_cast<W>(b) + c); }, W, S, S, W>;
  };
  if (type == "u32")
    return op == "mul" ? wide(uint32_t(), uint64_t()) : wideAdd(uint32_t(), uint64_t());
  if (type == "s32")
    return op == "mul" ? wide(int32_t(), int64_t()) : wideAdd(int32_t(), int64_t());
  if (type == "u16" && op == "mul")
    return wide(uint16_t(), uint32_t());
  if (type == "s16" && op == "mul")
    return wide(int16_t(), int32_t());
  return nullptr;
}

static Action findInteger(const std::string &op, const std::string &type, const Instruction &i) {
  if (i.has("wide"))
    return findWide(op, type);
  if (op == "add")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<add<T>, T, T, T>; });
  if (op == "sub")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<subtract<T>, T, T, T>; });
  if (op == "mul" && i.has("hi"))
    return ofInteger(type, []<typename T>(T) -> Action { return map2<multiplyHigh<T>, T, T, T>; });
  if (op == "mul")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<multiply<T>, T, T, T>; });
  if (op == "mad" && i.has("lo"))
    return ofInteger(type, []<typename T>(T) -> Action { return map3<multiplyAdd<T>, T, T, T, T>; });
  if (op == "div")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<divide<T>, T, T, T>; });
  if (op == "rem")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<remainder<T>, T, T, T>; });
  if (op == "min")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<smallerOf<T>, T, T, T>; });
  if (op == "max")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<largerOf<T>, T, T, T>; });
  if (op == "neg")
    return ofInteger(type, []<typename T>(T) -> Action { return map1<negate<T>, T, T>; });
  if (op == "shl")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<shiftLeft<T>, T, T, uint32_t>; });
  if (op == "shr")
    return ofInteger(type, []<typename T>(T) -> Action { return map2<shiftRight<T>, T, T, uint32_t>; });
  if (op == "and")
    return ofUnsigned(type, []<typename T>(T) -> Action { return map2<bitAnd<T>, T, T, T>; });
  if (op == "or")
    return ofUnsigned(type, []<typename T>(T) -> Action { return map2<bitOr<T>, T, T, T>; });
  if (op == "xor")
    return ofUnsigned(type, []<typename T>(T) -> Action { return map2<bitXor<T>, T, T, T>; });
  if (op == "not")
    return ofUnsigned(type, []<typename T>(T) -> Action { return map1<bitNot<T>, T, T>; });
  if (op == "bfe" && type == "u32")
    return map3<extract, uint32_t, uint32_t, uint32_t, uint32_t>;
  if (op == "prmt" && type == "b32")
    return map3<permute, uint32_t, uint32_t, uint32_t, uint32_t>;
  return nullptr;
}

static Action findPredicate(const std::string &op) {
  if (op == "and")
    return map2<[](bool a, bool b) { return a && b; }, bool, bool, bool>;
  if (op == "or")
    return map2<[](bool a, bool b) { return a || b; }, bool, bool, bool>;
  if (op == "xor")
    return map2<[](bool a, bool b) { return a != b; }, bool, bool, bool>;
  if (op == "not")
    return map1<[](bool a) { return !a; }, bool, bool>;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// What is below the smallest normal number is zero.
static float flush(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }
/// Not quite rounded once: a double holds the product, and the sum to 2^-53.
static float fuse(float a, float b, float c) { return static_cast<float>(double(a) * double(b) + double(c)); }
/// What a conversion to an integer gives: the nearest there is, and zero for what is no number.
static int32_t toInteger(float x) {
  if (std::isnan(x))
    return 0;
  return static_cast<int32_t>(
      std::clamp<double>(x, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}
static float greater(float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b); }
static float smaller(float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b); }

// A function of f32s on other numbers, whose results are rounded, and on pairs of them.
template <auto F, typename Number, typename... Rest> static Number apply(Number a, Rest... rest) {
  return Number(F(static_cast<float>(a), static_cast<float>(rest)...));
}
template <auto F, typename Half, typename... Rest> static Pair<Half> apply(Pair<Half> a, Rest... rest) {
  return {apply<F>(a.low, rest.low...), apply<F>(a.high, rest.high...)};
}
template <auto F, typename N> static constexpr Action unary = map1<[](N a) { return apply<F>(a); }, N, N>;
template <auto F, typename N> static constexpr Action binary = map2<[](N a, N b) { return apply<F>(a, b); }, N, N, N>;
template <auto F, typename N>
static constexpr Action ternary = map3<[](N a, N b, N c) { return apply<F>(a, b, c); }, N, N, N, N>;

static Action findApproximate(const std::string &op) {
  if (op == "ex2")
    return map1<[](float x) { return flush(std::exp2(flush(x))); }, float, float>;
  if (op == "lg2")
    return map1<[](float x) { return std::log2(flush(x)); }, float, float>;
  if (op == "rcp")
    return map1<[](float x) { return flush(1 / flush(x)); }, float, float>;
  if (op == "sqrt")
    return map1<[](float x) { return std::sqrt(flush(x)); }, float, float>;
  if (op == "sin")
    return map1<[](float x) { return std::sin(flush(x)); }, float, float>;
  if (op == "cos")
    return map1<[](float x) { return std::cos(flush(x)); }, float, float>;
  if (op == "rsqrt")
    return map1<[](float x) { return 1 / std::sqrt(flush(x)); }, float, float>;
  return nullptr;
}

template <typename N> static Action findFloat(const std::string &op, bool keepsNaN) {
  if (op == "add")
    return binary<add<float>, N>;
  if (op == "sub")
    return binary<subtract<float>, N>;
  if (op == "mul")
    return binary<multiply<float>, N>;
  if (op == "div")
    return binary<[](float a, float b) { return a / b; }, N>;
  if (op == "fma")
    return ternary<fuse, N>;
  if (op == "max")
    return keepsNaN ? binary<greater, N> : binary<[](float a, float b) { return std::fmax(a, b); }, N>;
  if (op == "min")
    return keepsNaN ? binary<smaller, N> : binary<[](float a, float b) { return std::fmin(a, b); }, N>;
  if (op == "abs")
    return unary<[](float x) { return std::fabs(x); }, N>;
  if (op == "neg")
    return unary<negate<float>, N>;
  if (op == "copysign")
    return binary<[](float sign, float x) { return std::copysign(x, sign); }, N>;
  return nullptr;
}

/// `op.f32.N`, of devices from sm_100 on: all but the last operand is converted from N, and the result is an f32.
template <typename N> static Action findMixed(const std::string &op) {
  if (op == "add")
    return map2<[](N a, float c) { return static_cast<float>(a) + c; }, float, N, float>;
  if (op == "sub")
    return map2<[](N a, float c) { return static_cast<float>(a) - c; }, float, N, float>;
  if (op == "fma")
    return map3<[](N a, N b, float c) { return fuse(a, b, c); }, float, N, N, float>;
  return nullptr;
}

static Action findFloat(const std::string &op, const std::string &type, const Instruction &i) {
  if (i.has("approx"))
    return type == "f32" ? findApproximate(op) : nullptr;
  if (type != "f32" && i.has("f32"))
    return type == "bf16" ? findMixed<BFloat16>(op) : type == "f16" ? findMixed<Float16>(op) : nullptr;
  if (type == "f32")
    return findFloat<float>(op, i.has("NaN"));
  if (type == "bf16")
    return findFloat<BFloat16>(op, i.has("NaN"));
  if (type == "f16")
    return findFloat<Float16>(op, i.has("NaN"));
  if (type == "bf16x2")
    return findFloat<Pair<BFloat16>>(op, i.has("NaN"));
  if (type == "f16x2")
    return findFloat<Pair<Float16>>(op, i.has("NaN"));
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Comparisons, choices, conversions
//===----------------------------------------------------------------------===//

template <typename T> static Action findComparison(const std::string &relation) {
  if (relation == "eq")
    return map2<[](T a, T b) { return a == b; }, bool, T, T>;
  if (relation == "ne")
    return map2<[](T a, T b) { return a < b || a > b; }, bool, T, T>;
  if (relation == "lt")
    return map2<[](T a, T b) { return a < b; }, bool, T, T>;
  if (relation == "le")
    return map2<[](T a, T b) { return a <= b; }, bool, T, T>;
  if (relation == "gt")
    return map2<[](T a, T b) { return a > b; }, bool, T, T>;
  if (relation == "ge")
    return map2<[](T a, T b) { return a >= b; }, bool, T, T>;
  // Those that hold of what is no number, too.
  if (relation == "equ")
    return map2<[](T a, T b) { return !(a < b || a > b); }, bool, T, T>;
  if (relation == "neu")
    return map2<[](T a, T b) { return !(a == b); }, bool, T, T>;
  if (relation == "ltu")
    return map2<[](T a, T b) { return !(a >= b); }, bool, T, T>;
  if (relation == "leu")
    return map2<[](T a, T b) { return !(a > b); }, bool, T, T>;
  if (relation == "gtu")
    return map2<[](T a, T b) { return !(a <= b); }, bool, T, T>;
  if (relation == "geu")
    return map2<[](T a, T b) { return !(a < b); }, bool, T, T>;
  if (relation == "num")
    return map2<[](T a, T b) { return a == a && b == b; }, bool, T, T>;
  if (relation == "nan")
    return map2<[](T a, T b) { return a != a || b != b; }, bool, T, T>;
  return nullptr;
}

static Action findComparison(const std::string &relation, const std::string &type) {
  if (type == "f32")
    return findComparison<float>(relation);
  if (type == "bf16")
    return findComparison<BFloat16>(relation);
  if (type == "f16")
    return findComparison<Float16>(relation);
  return ofInteger(type, [&]<typename T>(T) { return findComparison<T>(relation); });
}

static Action findConversion(const Instruction &i) {
  const std::string &to = i.name[i.name.size() - 2], &from = i.name.back();
  if (to == "bf16x2" && from == "f32") // the first operand is the high half
    return map2<[](float a, float b) { return Pair{BFloat16(b), BFloat16(a)}; }, Pair<BFloat16>, float, float>;
  if (to == "f16x2" && from == "f32")
    return map2<[](float a, float b) { return Pair{Float16(b), Float16(a)}; }, Pair<Float16>, float, float>;
  if (to == "tf32" && from == "f32")
    return i.has("rna") ? map1<[](float x) { return roundToTF32(x, TF32Rounding::TiesAway); }, float, float>
                        : map1<[](float x) { return roundToTF32(x, TF32Rounding::TiesToEven); }, float, float>;
  if (to == "f32" && from == "bf16")
    return map1<[](BFloat16 x) { return float(x); }, float, BFloat16>;
  if (to == "f32" && from == "f16")
    return map1<[](Float16 x) { return float(x); }, float, Float16>;
  if (to == "bf16" && from == "f32")
    return map1<[](float x) { return BFloat16(x); }, BFloat16, float>;
  if (to == "f16" && from == "f32")
    return map1<[](float x) { return Float16(x); }, Float16, float>;
  if (from == "f32") {
    auto round = i.has("rmi")   ? map1<[](float x) { return std::floor(x); }, float, float>
                 : i.has("rpi") ? map1<[](float x) { return std::ceil(x); }, float, float>
                 : i.has("rzi") ? map1<[](float x) { return std::trunc(x); }, float, float>
                 : i.has("rni") ? map1<[](float x) { return std::nearbyint(x); }, float, float>
                                : Action(nullptr);
    if (to == "f32")
      return round;
    if (to == "s32" && i.has("rzi"))
      return map1<[](float x) { return toInteger(std::trunc(x)); }, int32_t, float>;
    if (to == "s32" && i.has("rni"))
      return map1<[](float x) { return toInteger(std::nearbyint(x)); }, int32_t, float>;
    return nullptr;
  }
  return ofInteger(from, [&]<typename From>(From) -> Action {
    if (to == "f32")
      return map1<[](From a) { return static_cast<float>(a); }, float, From>;
    return ofInteger(
        to, []<typename To>(To) -> Action { return map1<[](From a) { return static_cast<To>(a); }, To, From>; });
  });
}

/// d = a where c, else b
static Outcome select(Warp &warp, const Instruction &i, Mask mask) {
  const Lanes &a = warp.at(i.operands.at(1)), &b = warp.at(i.operands.at(2)), &c = warp.at(i.operands.at(3));
  Lanes &out = warp.at(i.operands.at(0));
  forLanes(mask, [&](int lane) { out.bits[lane] = fromBits<bool>(c.bits[lane]) ? a.bits[lane] : b.bits[lane]; });
  return Outcome::Done;
}

/// A value, a list of parts into one, or one into parts.
static Outcome move(Warp &warp, const Instruction &i, Mask mask) {
  const Operand &to = i.operands.at(0), &from = i.operands.at(1);
  int width = std::stoi(i.name.back() == "pred" ? "1" : i.name.back().substr(1));
  forLanes(mask, [&](int lane) {
    uint64_t bits = 0;
    if (from.list.empty())
      bits = warp.at(from).bits[lane];
    for (size_t part = 0; part < from.list.size(); ++part) {
      int size = width / static_cast<int>(from.list.size());
      bits |= (warp.at(from.list[part]).bits[lane] & ((uint64_t(1) << size) - 1)) << (size * part);
    }
    if (to.list.empty())
      warp.set(to, lane, bits);
    for (size_t part = 0; part < to.list.size(); ++part) {
      int size = width / static_cast<int>(to.list.size());
      warp.set(to.list[part], lane, (bits >> (size * part)) & ((uint64_t(1) << size) - 1));
    }
  });
  return Outcome::Done;
}

/// Parts of a name that change what is computed, and are not emulated.
static bool hasOtherRounding(const Instruction &i) {
  return i.has("sat") || i.has("relu") || i.has("rz") || i.has("rm") || i.has("rp") || i.has("xorsign");
}

Action fgla::emulator::findArithmetic(const Instruction &i) {
  const std::string &op = i.name.front(), &type = i.name.back();
  if (hasOtherRounding(i))
    return nullptr;
  if (op == "mov")
    return move;
  if (op == "selp")
    return select;
  if (op == "setp" && i.name.size() == 3)
    return findComparison(i.name[1], type);
  if (op == "cvt")
    return findConversion(i);
  if (type == "pred")
    return findPredicate(op);
  if (Action action = findFloat(op, type, i))
    return action;
  return findInteger(op, type, i);
}
