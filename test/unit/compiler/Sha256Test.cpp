#include "compiler/Sha256.h"

#include <gtest/gtest.h>

using namespace fgla::runtime;

static std::string digest(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hexDigest();
}

// Vectors from FIPS 180-4's examples and NIST's CAVP.
TEST(Sha256, KnownVectors) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb924"
                        "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039"
                                                                                "a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67"
                                               "f1809a48a497200e046d39ccc7112cd0");
}

// Lengths where the padding just fits a block or just does not; digests of that
// many 'a' by Python's hashlib.
TEST(Sha256, Padding) {
  const std::pair<size_t, std::string> cases[] = {
      {55, "9f4390f8d30c2dd92ec9f095b65e2b9a"
           "e9b0a925a5258e241c9f1e910f734318"},
      {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f"
           "590ce20f1bde7090ef7970686ec6738a"},
      {63, "7d3e74a05d7db15bce4ad9ec0658ea98"
           "e3f06eeecf16b4c6fff2da457ddc2f34"},
      {64, "ffe054fe7ae0cb6dc65c3af9b61d5209"
           "f439851db43d0ba5997337df154668eb"},
      {119, "31eba51c313a5c08226adf18d4a359cf"
            "dfd8d2e816b13f4af952f7ea6584dcfb"},
      {120, "2f3d335432c70b580af0e8e1b3674a7c"
            "020d683aa5f73aaaedfdc55af904c21c"},
  };
  for (const auto &[length, expected] : cases)
    EXPECT_EQ(digest(std::string(length, 'a')), expected) << length;
}

// Around the block length, in pieces of every size.
TEST(Sha256, PiecesDoNotMatter) {
  for (size_t length : {55, 56, 63, 64, 65, 119, 120, 128, 300}) {
    std::string text(length, 'x');
    for (size_t i = 0; i < length; ++i)
      text[i] = static_cast<char>(i * 7);
    std::string whole = digest(text);
    for (size_t piece : {1, 3, 63, 64, 65}) {
      Sha256 hash;
      for (size_t i = 0; i < length; i += piece)
        hash.update(std::string_view(text).substr(i, piece));
      EXPECT_EQ(hash.hexDigest(), whole) << length << " by " << piece;
    }
  }
}
