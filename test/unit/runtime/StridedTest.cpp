#include "runtime/Strided.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

using namespace fgla::runtime;
using Dims = std::vector<int64_t>;

template <typename T>
static std::vector<T> packed(const std::vector<T> &source, int64_t first, const Dims &shape, const Dims &strides) {
  size_t count = 1;
  for (int64_t dim : shape)
    count *= static_cast<size_t>(dim);
  std::vector<T> result(count);
  pack(source.data() + first, sizeof(T), shape, strides, result.data());
  return result;
}

template <typename T> static std::vector<T> iota(size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T(0));
  return values;
}

TEST(Strided, ContiguousStrides) {
  EXPECT_EQ(contiguousStrides(Dims{2, 3, 4}), (Dims{12, 4, 1}));
  EXPECT_EQ(contiguousStrides(Dims{2, 0, 4}), (Dims{4, 4, 1}));
  EXPECT_EQ(contiguousStrides(Dims{}), Dims{});
}

TEST(Strided, IsContiguous) {
  EXPECT_TRUE(isContiguous(Dims{2, 3}, Dims{3, 1}));
  EXPECT_FALSE(isContiguous(Dims{2, 3}, Dims{1, 2}));
  EXPECT_FALSE(isContiguous(Dims{2, 3}, Dims{4, 1}));
  EXPECT_FALSE(isContiguous(Dims{2, 3}, Dims{0, 1}));
  EXPECT_TRUE(isContiguous(Dims{1, 3}, Dims{99, 1}));
  EXPECT_TRUE(isContiguous(Dims{3, 1}, Dims{1, -7}));
  EXPECT_TRUE(isContiguous(Dims{0, 3}, Dims{5, 5}));
  EXPECT_TRUE(isContiguous(Dims{}, Dims{}));
}

TEST(Strided, Reach) {
  auto found = reach(Dims{3, 4}, Dims{-10, 2});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->low, -20);
  EXPECT_EQ(found->high, 6);
  EXPECT_FALSE(reach(Dims{3}, Dims{int64_t(1) << 62}));
  EXPECT_FALSE(reach(Dims{2, 2}, Dims{INT64_MAX, 1}));
}

template <typename T> class PackTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<uint8_t, uint16_t, uint32_t, uint64_t>;
TYPED_TEST_SUITE(PackTest, ElementTypes);

TYPED_TEST(PackTest, TransposeSliceReverseBroadcast) {
  using V = std::vector<TypeParam>;
  V source = iota<TypeParam>(12); // as 3 x 4
  EXPECT_EQ(packed(source, 0, {4, 3}, {1, 4}), (V{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(packed(source, 1, {3, 2}, {4, 2}), (V{1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(packed(source, 5, {2, 2}, {4, 1}), (V{5, 6, 9, 10}));
  EXPECT_EQ(packed(source, 11, {2, 3}, {-4, -1}), (V{11, 10, 9, 7, 6, 5}));
  EXPECT_EQ(packed(source, 2, {2, 3}, {0, 0}), (V{2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(packed(source, 7, {}, {}), V{7});
  EXPECT_EQ(packed(source, 0, {2, 0}, {1, 1}), V{});
}

// Every permutation of a rank-4 tensor against plain indexing.
TYPED_TEST(PackTest, AllPermutations) {
  std::vector<TypeParam> source = iota<TypeParam>(2 * 3 * 4 * 5);
  const Dims shape = {2, 3, 4, 5}, strides = {60, 20, 5, 1};
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    Dims s, t;
    for (size_t d : order) {
      s.push_back(shape[d]);
      t.push_back(strides[d]);
    }
    std::vector<TypeParam> expected;
    for (int64_t a = 0; a < s[0]; ++a)
      for (int64_t b = 0; b < s[1]; ++b)
        for (int64_t c = 0; c < s[2]; ++c)
          for (int64_t d = 0; d < s[3]; ++d)
            expected.push_back(source[a * t[0] + b * t[1] + c * t[2] + d * t[3]]);
    EXPECT_EQ(packed(source, 0, s, t), expected);
  } while (std::next_permutation(order.begin(), order.end()));
}
