//===- Tensor.cpp - Owning tensors and their comparison -------------------===//

#include "support/Tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

using namespace fgla::runtime;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Rounds to a 16-bit float with the given exponent and mantissa widths,
/// straight from the double: going through f32 would round twice.
static uint16_t encode(double value, int exponentBits, int mantissaBits) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 63 << 15);
  uint64_t magnitude = bits & ~(uint64_t(1) << 63);
  int maxExponent = (1 << exponentBits) - 1;
  uint16_t infinity = static_cast<uint16_t>(maxExponent << mantissaBits);
  if (magnitude > 0x7ff0000000000000) // a quiet NaN that keeps its top bits
    return sign | infinity | uint16_t(1 << (mantissaBits - 1)) |
           static_cast<uint16_t>((magnitude & 0xfffffffffffff) >> (52 - mantissaBits));

  int exponent = static_cast<int>(magnitude >> 52) - 1023;
  int biased = exponent + maxExponent / 2;
  if (biased >= maxExponent)
    return sign | infinity;
  // Doubles that are subnormal themselves are far below every result.
  uint64_t mantissa = (magnitude & 0xfffffffffffff) | (uint64_t(1) << 52);
  int shift = 52 - mantissaBits;
  if (biased <= 0) { // the result is subnormal: the leading one moves right
    shift += 1 - biased;
    biased = 0;
    if (shift > 53)
      return sign;
  } else {
    mantissa &= 0xfffffffffffff;
  }
  uint64_t kept = mantissa >> shift;
  uint64_t rest = mantissa & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  kept += rest > half || (rest == half && (kept & 1));
  // A carry out of the mantissa moves to the next exponent, up to infinity.
  return sign | static_cast<uint16_t>((uint64_t(biased) << mantissaBits) + kept);
}

static double decode(uint16_t bits, int exponentBits, int mantissaBits) {
  int maxExponent = (1 << exponentBits) - 1;
  int exponent = (bits >> mantissaBits) & maxExponent;
  uint64_t mantissa = bits & ((1u << mantissaBits) - 1);
  double sign = bits & 0x8000 ? -1.0 : 1.0;
  if (exponent == maxExponent)
    return std::bit_cast<double>((uint64_t(bits >> 15) << 63) | 0x7ff0000000000000 | mantissa << (52 - mantissaBits));
  int bias = maxExponent / 2;
  if (exponent == 0)
    return sign * std::ldexp(double(mantissa), 1 - bias - mantissaBits);
  return sign * std::ldexp(double(mantissa | (uint64_t(1) << mantissaBits)), exponent - bias - mantissaBits);
}

double fgla::runtime::f16ToDouble(uint16_t bits) { return decode(bits, 5, 10); }
double fgla::runtime::bf16ToDouble(uint16_t bits) { return decode(bits, 8, 7); }
uint16_t fgla::runtime::doubleToF16(double value) { return encode(value, 5, 10); }
uint16_t fgla::runtime::doubleToBF16(double value) { return encode(value, 8, 7); }

template <typename T> static T saturate(double value) {
  if (std::isnan(value))
    return 0;
  if (value <= static_cast<double>(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  // max() of an i64 rounds up to 2^63, which does not fit: hence >=.
  if (value >= static_cast<double>(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

template <typename T> static T load(const void *data, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char *>(data) + i * sizeof(T), sizeof(T));
  return value;
}

template <typename T> static void store(void *data, int64_t i, T value) {
  std::memcpy(static_cast<char *>(data) + i * sizeof(T), &value, sizeof(T));
}

double Tensor::get(int64_t i) const {
  switch (type) {
  case FGLA_F64:
    return load<double>(data(), i);
  case FGLA_F32:
    return load<float>(data(), i);
  case FGLA_F16:
    return f16ToDouble(load<uint16_t>(data(), i));
  case FGLA_BF16:
    return bf16ToDouble(load<uint16_t>(data(), i));
  case FGLA_I64:
    return static_cast<double>(load<int64_t>(data(), i));
  case FGLA_I32:
    return load<int32_t>(data(), i);
  case FGLA_I16:
    return load<int16_t>(data(), i);
  case FGLA_I8:
    return load<int8_t>(data(), i);
  case FGLA_U8:
  case FGLA_BOOL:
    return load<uint8_t>(data(), i);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void Tensor::set(int64_t i, double value) {
  switch (type) {
  case FGLA_F64:
    return store(data(), i, value);
  case FGLA_F32:
    return store(data(), i, static_cast<float>(value));
  case FGLA_F16:
    return store(data(), i, doubleToF16(value));
  case FGLA_BF16:
    return store(data(), i, doubleToBF16(value));
  case FGLA_I64:
    return store(data(), i, saturate<int64_t>(value));
  case FGLA_I32:
    return store(data(), i, saturate<int32_t>(value));
  case FGLA_I16:
    return store(data(), i, saturate<int16_t>(value));
  case FGLA_I8:
    return store(data(), i, saturate<int8_t>(value));
  case FGLA_U8:
    return store(data(), i, saturate<uint8_t>(value));
  case FGLA_BOOL:
    return store(data(), i, uint8_t(value != 0));
  }
}

//===----------------------------------------------------------------------===//
// Tensor
//===----------------------------------------------------------------------===//

Result<Tensor> Tensor::create(DType dtype, std::vector<int64_t> shape) {
  if (!findDType(dtype))
    return Status(FGLA_INVALID_ARGUMENT, "tensor has unknown dtype " + std::to_string(dtype));
  if (shape.size() > FGLA_MAX_RANK)
    return Status(FGLA_INVALID_ARGUMENT, "tensor must have rank <= " + std::to_string(FGLA_MAX_RANK) + ", got " +
                                             std::to_string(shape.size()));
  std::optional<int64_t> bytes = byteSize(dtype, shape);
  if (!bytes)
    return Status(FGLA_INVALID_ARGUMENT, "tensor shape must have dims >= 0 and a size that fits in 63 "
                                         "bits, got " +
                                             shapeString(shape));
  // aligned_alloc wants a multiple of the alignment, and never give null.
  constexpr int64_t slack = alignment;
  void *memory = nullptr;
  if (*bytes <= std::numeric_limits<int64_t>::max() - slack)
    memory = std::aligned_alloc(alignment, (*bytes / slack + 1) * slack);
  if (!memory)
    return Status(FGLA_OUT_OF_MEMORY,
                  "no memory for a tensor of shape " + shapeString(shape) + " and dtype " + dtypeName(dtype));
  std::memset(memory, 0, static_cast<size_t>(*bytes));
  return Tensor(dtype, std::move(shape), *bytes, memory);
}

Result<Tensor> Tensor::clone() const {
  Result<Tensor> copy = create(type, dims);
  if (copy.ok())
    std::memcpy(copy->data(), data(), numBytes());
  return copy;
}

bool Tensor::hasValidBools() const {
  if (type != FGLA_BOOL)
    return true;
  std::span<const uint8_t> values = as<uint8_t>();
  return std::all_of(values.begin(), values.end(), [](uint8_t value) { return value <= 1; });
}

fgla_tensor Tensor::view() const {
  return {memory.get(), type, static_cast<int32_t>(dims.size()), dims.data(), nullptr, {FGLA_DEVICE_CPU, 0}};
}

//===----------------------------------------------------------------------===//
// Conversion and comparison
//===----------------------------------------------------------------------===//

Result<Tensor> fgla::runtime::convertFloat(const Tensor &tensor, DType dtype) {
  for (DType type : {tensor.dtype(), dtype})
    if (!findDType(type) || !info(type).isFloat)
      return Status(FGLA_INVALID_ARGUMENT, std::string("conversion is between float dtypes, got ") +
                                               (findDType(type) ? dtypeName(type) : "unknown"));
  Result<Tensor> result = Tensor::create(dtype, tensor.shape());
  if (result.ok())
    for (int64_t i = 0, e = tensor.numElements(); i < e; ++i)
      result->set(i, tensor.get(i));
  return result;
}

Result<double> fgla::runtime::relativeError(const Tensor &y, const Tensor &ref) {
  if (y.shape() != ref.shape())
    return Status(FGLA_INVALID_ARGUMENT, "compared tensors must have one shape, got " + shapeString(y.shape()) +
                                             " and " + shapeString(ref.shape()));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // long double: squares of values near the largest double must not overflow.
  long double error = 0, norm = 0;
  for (int64_t i = 0, e = y.numElements(); i < e; ++i) {
    double a = y.get(i), b = ref.get(i);
    if (std::isnan(a) || std::isnan(b))
      return infinity;
    if (std::isinf(a) || std::isinf(b)) {
      if (a != b)
        return infinity;
      continue;
    }
    long double difference = static_cast<long double>(a) - b;
    error += difference * difference;
    norm += static_cast<long double>(b) * b;
  }
  if (norm == 0)
    return error == 0 ? 0.0 : infinity;
  return static_cast<double>(std::sqrt(error / norm));
}
