#include "support/Npy.h"

#include "test/unit/runtime/TestUtil.h"

#include <cstring>

using namespace fgla::runtime;

/// A version 1 file with this header and data.
static std::string bytes(const std::string &header, const std::string &data, char version = 1) {
  std::string text = "\x93NUMPY";
  text += {version, '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  if (version > 1)
    text += std::string(2, '\0');
  return text + header + data;
}

static std::string header(const std::string &descr, const std::string &shape, const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

TEST(Npy, RoundTripOfEveryDType) {
  TempDir dir;
  for (const DTypeInfo &row : dtypeTable())
    for (std::vector<int64_t> shape : {std::vector<int64_t>{}, {3}, {2, 3}, {0, 4}, {1, 2, 3, 1}}) {
      Result<Tensor> tensor = Tensor::create(row.dtype, shape);
      for (int64_t i = 0; i < tensor->numElements(); ++i)
        tensor->set(i, row.dtype == FGLA_BOOL ? i % 2 : i + 1);
      std::string path = dir / "a.npy";
      Status written = writeNpy(path, *tensor);
      if (row.dtype == FGLA_BF16) {
        EXPECT_FAILS(written, FGLA_INVALID_ARGUMENT,
                     "cannot write '" + path + "': npy has no dtype bf16, use safetensors");
        continue;
      }
      ASSERT_TRUE(written.ok());
      Result<Tensor> read = readNpy(path);
      ASSERT_TRUE(read.ok()) << read.message();
      EXPECT_EQ(read->dtype(), row.dtype);
      EXPECT_EQ(read->shape(), shape);
      EXPECT_EQ(std::memcmp(read->data(), tensor->data(), tensor->numBytes()), 0);
      EXPECT_EQ((readFile(path).size() - tensor->numBytes()) % 64, 0u);
    }
}

// np.save() of np.array([[1, 2], [3, 4]], np.int16), byte for byte.
TEST(Npy, WritesWhatNumPyWrites) {
  TempDir dir;
  Result<Tensor> tensor = Tensor::create(FGLA_I16, {2, 2});
  for (int64_t i = 0; i < 4; ++i)
    tensor->set(i, static_cast<double>(i + 1));
  ASSERT_TRUE(writeNpy(dir / "a.npy", *tensor).ok());
  std::string text = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }";
  text.append(117 - text.size(), ' ');
  EXPECT_EQ(readFile(dir / "a.npy"), bytes(text + "\n", std::string("\1\0\2\0\3\0\4\0", 8)));
}

TEST(Npy, FortranOrderIsConverted) {
  TempDir dir;
  // [[1, 2, 3], [4, 5, 6]] by columns
  Result<Tensor> tensor =
      readNpy(writeFile(dir / "f.npy", bytes(header("|u1", "(2, 3)", "True"), std::string("\1\4\2\5\3\6", 6))));
  ASSERT_TRUE(tensor.ok()) << tensor.message();
  EXPECT_EQ(tensor->shape(), (std::vector<int64_t>{2, 3}));
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(tensor->get(i), static_cast<double>(i + 1));
}

TEST(Npy, OtherSpellings) {
  TempDir dir;
  for (const std::string &content :
       {bytes(R"({"shape":(2,),"fortran_order":False,"descr":"=u1"})", "\5\6"), bytes(header("u1", "(2L,)"), "\5\6"),
        bytes(header("|u1", "(2 , )"), "\5\6", 2), bytes(header(">u1", "(2,)"), "\5\6", 3)}) {
    Result<Tensor> tensor = readNpy(writeFile(dir / "a.npy", content));
    ASSERT_TRUE(tensor.ok()) << tensor.message();
    EXPECT_EQ(tensor->get(1), 6.0);
  }
  Result<Tensor> flag = readNpy(writeFile(dir / "b.npy", bytes(header("?", "()"), "\1")));
  ASSERT_TRUE(flag.ok()) << flag.message();
  EXPECT_EQ(flag->dtype(), FGLA_BOOL);
}

TEST(Npy, HostileFiles) {
  TempDir dir;
  const std::string data(8, '\2');
  auto good = [&](const std::string &shape) { return bytes(header("<f4", shape), data); };
  const std::pair<std::string, std::string> cases[] = {
      {"", "file is too short for an npy header"},
      {"\x93NUMPY\1", "file is too short for an npy header"},
      {std::string(64, 'x'), "file does not begin as an npy file does"},
      {bytes("", data, 4), "npy version 4 is not supported (1 to 3 are)"},
      {"\x93NUMPY" + std::string("\1\0\377\377xx", 6),
       "header of 65535 bytes does not fit (file has 2, limit is 1048576)"},
      {"\x93NUMPY" + std::string("\2\0\377\377\377\377", 6),
       "header of 4294967295 bytes does not fit (file has 0, limit is "
       "1048576)"},
      {bytes("hello", data), "header is no dictionary"},
      {bytes("{descr: 1}", data), "malformed header near byte 1"},
      {bytes("{'descr", data), "malformed header near byte 1"},
      {bytes("{'descr' '<f4'}", data), "malformed header near byte 9"},
      {bytes("{'descr': '<f4' 'shape'", data), "malformed header near byte 16"},
      {bytes("{'x': 1}", data), "header has unknown key 'x'"},
      {bytes("{'shape': (2,), 'shape': (2,)}", data), "header repeats the key 'shape'"},
      {bytes("{'descr': '<f4', 'shape': (2,)}", data), "header has no key 'fortran_order'"},
      {bytes(header("<f4", "(2,)") + "x", data), "header has text after the dictionary"},
      {bytes("{'descr': [('a', '<f4')]}", data), "'descr' must be the name of a simple type (structured arrays are not "
                                                 "supported)"},
      {bytes("{'descr': ''}", data), "'descr' must be the name of a simple type (structured arrays are not "
                                     "supported)"},
      {bytes(header("<c8", "(1,)"), data), "unsupported dtype '<c8' (supported: f2 f4 f8 i1 i2 i4 i8 u1 b1)"},
      {bytes(header("|O", "(1,)"), data), "unsupported dtype '|O' (supported: f2 f4 f8 i1 i2 i4 i8 u1 b1)"},
      {bytes(header(std::string("\0f4", 3), "(1,)"), data),
       "unsupported dtype '\\x00f4' (supported: f2 f4 f8 i1 i2 i4 i8 u1 b1)"},
      {bytes(header(">f4", "(2,)"), data), "big-endian dtype '>f4' is not supported"},
      {bytes("{'fortran_order': 0}", data), "'fortran_order' must be True or False"},
      {good("2"), "'shape' must be a tuple of integers >= 0"},
      {good("(2)"), "'shape' must be a tuple of integers >= 0"},
      {good("(-2,)"), "'shape' must be a tuple of integers >= 0"},
      {good("(2.0,)"), "'shape' must be a tuple of integers >= 0"},
      {good("(99999999999999999999,)"), "'shape' must be a tuple of integers >= 0"},
      {good("(1,1,1,1,1,1,1,1,2)"), "rank must be <= 8"},
      {good("(4611686018427387904, 4)"), "shape [4611686018427387904, 4] has a size that does not fit in 63 "
                                         "bits"},
      {good("(1000000000000,)"), "shape [1000000000000] of f32 needs "
                                 "4000000000000 bytes of data, file has 8"},
      {good("(1,)"), "shape [1] of f32 needs 4 bytes of data, file has 8"},
      {bytes(header("|b1", "(8,)"), data), "array has a bool that is neither 0 nor 1"},
  };
  for (const auto &[content, message] : cases) {
    SCOPED_TRACE(content);
    std::string path = writeFile(dir / "hostile.npy", content);
    EXPECT_FAILS(readNpy(path), FGLA_INVALID_ARGUMENT, "npy file '" + path + "': " + message);
  }
  EXPECT_FAILS(readNpy(dir / "none"), FGLA_NOT_FOUND, "cannot open '" + dir / "none" + "': No such file or directory");
}

TEST(Npy, EveryTruncationAndByte) {
  TempDir dir;
  std::string whole = bytes(header("|u1", "(2, 3)", "True"), "abcdef");
  ASSERT_TRUE(readNpy(writeFile(dir / "f", whole)).ok());
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(readNpy(writeFile(dir / "f", whole.substr(0, length))).ok());
  for (size_t i = 0; i < whole.size(); ++i)
    for (char c : {'\0', '\'', '(', '}', '9', '-', '\xff'}) {
      std::string text = whole;
      text[i] = c;
      Result<Tensor> tensor = readNpy(writeFile(dir / "f", text));
      if (!tensor.ok()) {
        EXPECT_FALSE(tensor.message().empty());
      }
    }
}
