#include "support/Tensor.h"

#include "test/unit/runtime/TestUtil.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace fgla::runtime;

static constexpr double inf = std::numeric_limits<double>::infinity();
static const double nan_ = std::numeric_limits<double>::quiet_NaN();

static Tensor make(std::vector<double> values, DType dtype = FGLA_F64) {
  Result<Tensor> tensor = Tensor::create(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    tensor->set(static_cast<int64_t>(i), values[i]);
  return std::move(*tensor);
}

static double error(std::vector<double> y, std::vector<double> ref) { return *relativeError(make(y), make(ref)); }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST(Tensor, IsAlignedAndZero) {
  for (const DTypeInfo &row : dtypeTable()) {
    Result<Tensor> tensor = Tensor::create(row.dtype, {3, 1, 5});
    ASSERT_TRUE(tensor.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->data()) % 64, 0u);
    EXPECT_EQ(tensor->numElements(), 15);
    EXPECT_EQ(tensor->numBytes(), 15 * row.size);
    for (int64_t i = 0; i < 15; ++i)
      EXPECT_EQ(tensor->get(i), 0.0);
    tensor->set(14, 1);
    EXPECT_EQ(tensor->get(14), 1.0) << row.name;
    fgla_tensor view = tensor->view();
    EXPECT_EQ(view.rank, 3);
    EXPECT_EQ(view.shape[2], 5);
    EXPECT_EQ(view.data, tensor->data());
    EXPECT_EQ(view.stride, nullptr);
  }
}

TEST(Tensor, ScalarAndEmpty) {
  Result<Tensor> scalar = Tensor::create(FGLA_F32, {});
  EXPECT_EQ(scalar->numElements(), 1);
  Result<Tensor> empty = Tensor::create(FGLA_F32, {4, 0});
  EXPECT_EQ(empty->numElements(), 0);
  EXPECT_NE(empty->data(), nullptr);
}

TEST(Tensor, CloneIsApart) {
  Tensor tensor = make({1, 2, 3});
  Result<Tensor> copy = tensor.clone();
  tensor.set(0, 9);
  EXPECT_EQ(copy->get(0), 1.0);
  EXPECT_EQ(copy->shape(), tensor.shape());
}

TEST(Tensor, CreateErrors) {
  constexpr int64_t big = int64_t(1) << 62;
  EXPECT_FAILS(Tensor::create(static_cast<DType>(77), {1}), FGLA_INVALID_ARGUMENT, "tensor has unknown dtype 77");
  EXPECT_FAILS(Tensor::create(FGLA_F32, std::vector<int64_t>(9, 1)), FGLA_INVALID_ARGUMENT,
               "tensor must have rank <= 8, got 9");
  EXPECT_FAILS(Tensor::create(FGLA_F32, {2, -1}), FGLA_INVALID_ARGUMENT,
               "tensor shape must have dims >= 0 and a size that fits in 63 "
               "bits, got [2, -1]");
  EXPECT_FAILS(Tensor::create(FGLA_U8, {big, 4, 0}), FGLA_INVALID_ARGUMENT,
               "tensor shape must have dims >= 0 and a size that fits in 63 "
               "bits, got [" +
                   std::to_string(big) + ", 4, 0]");
  EXPECT_FAILS(Tensor::create(FGLA_U8, {0, big, 4}), FGLA_INVALID_ARGUMENT,
               "tensor shape must have dims >= 0 and a size that fits in 63 "
               "bits, got [0, " +
                   std::to_string(big) + ", 4]");
  EXPECT_FAILS(Tensor::create(FGLA_U8, {std::numeric_limits<int64_t>::max()}), FGLA_OUT_OF_MEMORY,
               "no memory for a tensor of shape [9223372036854775807] and "
               "dtype u8");
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

namespace {
struct HalfFormat {
  double (*decode)(uint16_t);
  uint16_t (*encode)(double);
  uint16_t infinity;
};
class HalfTest : public ::testing::TestWithParam<HalfFormat> {};
} // namespace

INSTANTIATE_TEST_SUITE_P(All, HalfTest,
                         ::testing::Values(HalfFormat{f16ToDouble, doubleToF16, 0x7c00},
                                           HalfFormat{bf16ToDouble, doubleToBF16, 0x7f80}));

// Every value comes back, every midpoint goes to even, and its neighbours in
// double go to their own side: that is round to nearest even, whole.
TEST_P(HalfTest, RoundsToNearestEvenEverywhere) {
  auto [decode, encode, infinity] = GetParam();
  for (unsigned sign : {0u, 0x8000u})
    for (unsigned bits = 0; bits < infinity; ++bits) {
      double low = decode(bits | sign);
      ASSERT_EQ(encode(low), bits | sign);
      // The next number up; past the largest, where infinity would stand.
      double high = bits + 1u < infinity ? decode((bits + 1) | sign) : low + (low - decode((bits - 1) | sign));
      double middle = low / 2 + high / 2;
      unsigned even = bits & 1 ? bits + 1 : bits;
      ASSERT_EQ(encode(middle), even | sign) << bits;
      ASSERT_EQ(encode(std::nextafter(middle, low)), bits | sign) << bits;
      ASSERT_EQ(encode(std::nextafter(middle, high)), (bits + 1) | sign) << bits;
    }
}

TEST_P(HalfTest, SpecialValues) {
  auto [decode, encode, infinity] = GetParam();
  EXPECT_EQ(encode(inf), infinity);
  EXPECT_EQ(encode(-inf), infinity | 0x8000);
  EXPECT_EQ(encode(1e300), infinity);
  EXPECT_EQ(encode(-1e-300), 0x8000);
  EXPECT_EQ(encode(std::numeric_limits<double>::denorm_min()), 0);
  EXPECT_EQ(decode(infinity), inf);
  EXPECT_TRUE(std::isnan(decode(encode(nan_))));
  for (unsigned bits = infinity + 1; bits < 0x8000; ++bits) {
    ASSERT_TRUE(std::isnan(decode(bits)));
    ASSERT_TRUE(std::isnan(decode(encode(decode(bits)))));
  }
}

// Against the compiler's own f16.
TEST(Tensor, F16AgreesWithCompiler) {
  for (double base : {1.0, 0.1, 3e-5, 6e-8, 65519.9, 65520.0, 1.0 / 3})
    for (int i = -200; i < 200; ++i) {
      double value = base * (1 + i * 1.7e-4);
      _Float16 expected = static_cast<_Float16>(value);
      uint16_t bits;
      std::memcpy(&bits, &expected, sizeof(bits));
      ASSERT_EQ(doubleToF16(value), bits) << value;
    }
}

TEST(Tensor, ConvertsBetweenAllFloats) {
  const DType floats[] = {FGLA_F64, FGLA_F32, FGLA_F16, FGLA_BF16};
  for (DType from : floats)
    for (DType to : floats) {
      // Exact in all four types.
      Result<Tensor> result = convertFloat(make({0, -0.0, 1.5, -240, inf, nan_}, from), to);
      ASSERT_TRUE(result.ok());
      EXPECT_EQ(result->dtype(), to);
      EXPECT_TRUE(std::signbit(result->get(1)));
      EXPECT_EQ(result->get(2), 1.5);
      EXPECT_EQ(result->get(3), -240.0);
      EXPECT_EQ(result->get(4), inf);
      EXPECT_TRUE(std::isnan(result->get(5)));
    }
}

// 1 + 2^-8 is a tie in bf16; a little above must go up, though an f32 on the
// way would make it a tie again.
TEST(Tensor, RoundsOnce) {
  double value = 1 + std::ldexp(1.0, -8) + std::ldexp(1.0, -40);
  Result<Tensor> direct = convertFloat(make({value}), FGLA_BF16);
  EXPECT_EQ(direct->get(0), 1 + std::ldexp(1.0, -7));
  EXPECT_EQ(bf16ToDouble(doubleToBF16(static_cast<float>(value))), 1.0);
}

TEST(Tensor, ConvertErrors) {
  EXPECT_FAILS(convertFloat(make({1}, FGLA_I32), FGLA_F32), FGLA_INVALID_ARGUMENT,
               "conversion is between float dtypes, got i32");
  EXPECT_FAILS(convertFloat(make({1}), static_cast<DType>(-1)), FGLA_INVALID_ARGUMENT,
               "conversion is between float dtypes, got unknown");
}

TEST(Tensor, IntegersSaturate) {
  Tensor i8 = make({1e9, -1e9, 2.9, -2.9, nan_}, FGLA_I8);
  EXPECT_EQ(i8.get(0), 127.0);
  EXPECT_EQ(i8.get(1), -128.0);
  EXPECT_EQ(i8.get(2), 2.0);
  EXPECT_EQ(i8.get(3), -2.0);
  EXPECT_EQ(i8.get(4), 0.0);
  Tensor i64 = make({1e300, -inf}, FGLA_I64);
  EXPECT_EQ(i64.as<int64_t>()[0], std::numeric_limits<int64_t>::max());
  EXPECT_EQ(i64.as<int64_t>()[1], std::numeric_limits<int64_t>::min());
}

//===----------------------------------------------------------------------===//
// Relative error
//===----------------------------------------------------------------------===//

TEST(RelativeError, IsTheRatioOfNorms) {
  EXPECT_EQ(error({3, 4}, {3, 4}), 0.0);
  EXPECT_DOUBLE_EQ(error({3, 5}, {3, 4}), 0.2);
  EXPECT_DOUBLE_EQ(error({0, 0}, {3, 4}), 1.0);
  // The bound is on the whole, not on each element.
  EXPECT_DOUBLE_EQ(error({100, 1}, {100, 0}), 0.01);
}

TEST(RelativeError, DoesNotOverflowOrUnderflow) {
  EXPECT_DOUBLE_EQ(error({3e300, 5e300}, {3e300, 4e300}), 0.2);
  EXPECT_DOUBLE_EQ(error({3e-300, 5e-300}, {3e-300, 4e-300}), 0.2);
}

TEST(RelativeError, NaNNeverPasses) {
  EXPECT_EQ(error({1, nan_}, {1, 1}), inf);
  EXPECT_EQ(error({1, 1}, {1, nan_}), inf);
  EXPECT_EQ(error({nan_}, {nan_}), inf);
}

TEST(RelativeError, InfinitiesMustAgree) {
  EXPECT_EQ(error({inf, 1}, {1, 1}), inf);
  EXPECT_EQ(error({1, 1}, {-inf, 1}), inf);
  EXPECT_EQ(error({inf}, {-inf}), inf);
  EXPECT_DOUBLE_EQ(error({inf, 3, 5}, {inf, 3, 4}), 0.2);
}

TEST(RelativeError, ZeroReference) {
  EXPECT_EQ(error({0, 0}, {0, 0}), 0.0);
  EXPECT_EQ(error({0, 1e-30}, {0, 0}), inf);
  EXPECT_EQ(error({}, {}), 0.0);
}

TEST(RelativeError, AcrossDTypes) {
  EXPECT_EQ(*relativeError(make({1, 2}, FGLA_BF16), make({1, 2}, FGLA_I32)), 0.0);
  EXPECT_FAILS(relativeError(make({1, 2}), make({1})), FGLA_INVALID_ARGUMENT,
               "compared tensors must have one shape, got [2] and [1]");
}
