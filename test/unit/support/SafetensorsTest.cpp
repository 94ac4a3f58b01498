#include "support/Safetensors.h"

#include "test/unit/runtime/TestUtil.h"

#include <cstring>

using namespace fgla::runtime;

static Tensor make(DType dtype, std::vector<int64_t> shape) {
  Result<Tensor> tensor = Tensor::create(dtype, std::move(shape));
  for (int64_t i = 0; i < tensor->numElements(); ++i)
    tensor->set(i, dtype == FGLA_BOOL ? i % 2 : i + 1);
  return std::move(*tensor);
}

/// A file with this header (its true length in front) and data.
static std::string bytes(const std::string &header, const std::string &data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<char *>(&length), 8) + header + data;
}

TEST(Safetensors, RoundTripOfEveryDType) {
  TempDir dir;
  std::vector<NamedTensor> tensors;
  for (const DTypeInfo &row : dtypeTable())
    tensors.push_back({std::string("t.") + row.name, make(row.dtype, {3, 5})});
  tensors.push_back({"scalar", make(FGLA_F32, {})});
  tensors.push_back({"empty", make(FGLA_BF16, {0, 7})});
  tensors.push_back({"name \"with\" \\ and \xc3\xa9", make(FGLA_I8, {2})});
  std::string path = dir / "all.safetensors";
  ASSERT_TRUE(writeSafetensors(path, tensors, {{"made", "by test"}}).ok());

  Result<Safetensors> file = readSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ(file->metadata, (std::map<std::string, std::string>{{"made", "by test"}}));
  ASSERT_EQ(file->tensors.size(), tensors.size());
  for (const NamedTensor &named : tensors) {
    const Tensor *found = file->find(named.name);
    ASSERT_NE(found, nullptr) << named.name;
    EXPECT_EQ(found->dtype(), named.tensor.dtype());
    EXPECT_EQ(found->shape(), named.tensor.shape());
    EXPECT_EQ(std::memcmp(found->data(), named.tensor.data(), named.tensor.numBytes()), 0);
  }
  EXPECT_EQ(file->find("t"), nullptr);
  EXPECT_EQ(dir.numFiles(), 1u);
}

TEST(Safetensors, NoTensors) {
  TempDir dir;
  ASSERT_TRUE(writeSafetensors(dir / "none", {}).ok());
  EXPECT_EQ(readFile(dir / "none"), bytes("{}      ", ""));
  Result<Safetensors> file = readSafetensors(dir / "none");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->tensors.empty());
}

// What Python's safetensors 0.8.0 writes for {"a": float32 [1, 2]}, byte for
// byte, and two tensors in another order than their names, with blanks after.
TEST(Safetensors, ReadsOtherWriters) {
  TempDir dir;
  const float values[] = {1.5f, -2};
  std::string data(reinterpret_cast<const char *>(values), sizeof(values));
  Result<Safetensors> one = readSafetensors(
      writeFile(dir / "one", bytes(R"({"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})", data)));
  ASSERT_TRUE(one.ok()) << one.message();
  EXPECT_EQ(one->find("a")->get(1), -2.0);
  Result<Safetensors> two =
      readSafetensors(writeFile(dir / "two", bytes(R"({"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},)"
                                                   R"("z":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                                                   data)));
  ASSERT_TRUE(two.ok()) << two.message();
  EXPECT_EQ(two->tensors[0].name, "z");
  EXPECT_EQ(two->find("z")->get(0), 1.5);
}

TEST(Safetensors, HostileFiles) {
  TempDir dir;
  auto entry = [](const std::string &body) { return bytes("{\"q\": {" + body + "}}", std::string(8, '\2')); };
  auto raw = [](uint64_t length, const std::string &rest) {
    return std::string(reinterpret_cast<char *>(&length), 8) + rest;
  };
  auto shape = [&](const std::string &dims) {
    return entry(R"("dtype": "F32", "data_offsets": [0, 8], "shape": )" + dims);
  };
  auto offsets = [&](const std::string &range) {
    return entry(R"("dtype": "F32", "shape": [2], "data_offsets": )" + range);
  };
  auto pair = [](const std::string &a, const std::string &b) {
    auto one = [](const std::string &name, const std::string &range) {
      return "\"" + name + R"(": {"dtype": "U8", "shape": [4], "data_offsets": )" + range + "}";
    };
    return bytes("{" + one("a", a) + ", " + one("b", b) + "}", std::string(12, '\0'));
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "file is too short for a safetensors header (0 bytes)"},
      {"1234567", "file is too short for a safetensors header (7 bytes)"},
      {raw(3, "{}"), "header of 3 bytes does not fit (file has 2, limit is "
                     "100000000)"},
      {raw(UINT64_MAX, "{}"), "header of 18446744073709551615 bytes does not "
                              "fit (file has 2, limit is 100000000)"},
      {raw(0, ""), "malformed JSON at byte 1"},
      {bytes("{\"a\"", ""), "malformed JSON at byte 5"},
      {bytes(std::string(100000, '['), ""), "JSON nested deeper than 3"},
      {bytes("{\"a\": {\"b\": [[]]}}", ""), "JSON nested deeper than 3"},
      {bytes("[]", ""), "header must be a JSON object"},
      {bytes("{\"q\": {}, \"q\": {}}", ""), "duplicate key 'q' in JSON"},
      {bytes("{\"\xff\": {}}", ""), "malformed JSON at byte 3"},
      {bytes("{\"__metadata__\": 3}", ""), "'__metadata__' must be an object"},
      {bytes("{\"__metadata__\": {\"a\": 3}}", ""), "'__metadata__' must map to strings, 'a' does not"},
      {bytes("{\"q\": 1}", ""), "tensor 'q' must be an object, got number"},
      {entry(""), "tensor 'q' must have a string as 'dtype'"},
      {entry(R"("dtype": 32)"), "tensor 'q' must have a string as 'dtype'"},
      {entry(R"("dtype": "F8_E4M3")"), "tensor 'q' has unsupported dtype 'F8_E4M3'"},
      {entry(R"("dtype": "F32")"), "tensor 'q' must have an array as 'shape'"},
      {shape("2"), "tensor 'q' must have an array as 'shape'"},
      {shape("[1,1,1,1,1,1,1,1,2]"), "tensor 'q' must have rank <= 8, got 9"},
      {shape("[-2]"), "tensor 'q' must have integers >= 0 as 'shape'"},
      {shape("[2.0]"), "tensor 'q' must have integers >= 0 as 'shape'"},
      {shape("[18446744073709551616]"), "tensor 'q' must have integers >= 0 as 'shape'"},
      // 2^62 * 4 * 4 bytes is 0 modulo 2^64.
      {shape("[4611686018427387904, 4]"), "tensor 'q' has shape [4611686018427387904, 4], whose size does not fit "
                                          "in 63 bits"},
      {shape("[4611686018427387904, 4, 0]"), "tensor 'q' has shape [4611686018427387904, 4, 0], whose size does not "
                                             "fit in 63 bits"},
      {shape("[1000000000]"), "tensor 'q' has data_offsets [0, 8], but shape "
                              "[1000000000] of F32 needs 4000000000 bytes"},
      {shape("[]"), "tensor 'q' has data_offsets [0, 8], but shape [] of F32 "
                    "needs 4 bytes"},
      {entry(R"("dtype": "F32", "shape": [2])"), "tensor 'q' must have two integers >= 0 as 'data_offsets'"},
      {offsets("[8]"), "tensor 'q' must have two integers >= 0 as 'data_offsets'"},
      {offsets("[0, -8]"), "tensor 'q' must have two integers >= 0 as 'data_offsets'"},
      {offsets("[0, 16]"), "tensor 'q' has data_offsets [0, 16] outside the "
                           "file's 8 bytes of data"},
      {offsets("[8, 0]"), "tensor 'q' has data_offsets [8, 0] outside the "
                          "file's 8 bytes of data"},
      {offsets("[9223372036854775807, 9223372036854775807]"),
       "tensor 'q' has data_offsets [9223372036854775807, "
       "9223372036854775807] outside the file's 8 bytes of data"},
      {entry(R"("dtype": "F32", "shape": [1], "data_offsets": [0, 4])"), "tensors end at byte 4 of 8 bytes of data"},
      {entry(R"("dtype": "BOOL", "shape": [8], "data_offsets": [0, 8])"),
       "tensor 'q' has a BOOL that is neither 0 nor 1"},
      {pair("[0, 4]", "[2, 6]"), "tensor 'b' begins at byte 2, overlapping the "
                                 "one before it (expected 4)"},
      {pair("[0, 4]", "[0, 4]"), "tensor 'b' begins at byte 0, overlapping the "
                                 "one before it (expected 4)"},
      {pair("[0, 4]", "[8, 12]"), "tensor 'b' begins at byte 8, leaving a hole (expected 4)"},
      {pair("[4, 8]", "[8, 12]"), "tensor 'a' begins at byte 4, leaving a hole (expected 0)"},
  };
  for (const auto &[content, message] : cases) {
    SCOPED_TRACE(content.substr(0, 200));
    std::string path = writeFile(dir / "hostile", content);
    EXPECT_FAILS(readSafetensors(path), FGLA_INVALID_ARGUMENT, "safetensors file '" + path + "': " + message);
  }
  EXPECT_FAILS(readSafetensors(dir / "none"), FGLA_NOT_FOUND,
               "cannot open '" + dir / "none" + "': No such file or directory");
}

// Cut anywhere, and each byte of the header changed: one error or a valid file.
TEST(Safetensors, EveryTruncationAndByte) {
  TempDir dir;
  std::string whole = bytes(R"({"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},)"
                            R"("b":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})",
                            std::string(8, '\1'));
  ASSERT_TRUE(readSafetensors(writeFile(dir / "f", whole)).ok());
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(readSafetensors(writeFile(dir / "f", whole.substr(0, length))).ok());
  for (size_t i = 0; i < whole.size() - 8; ++i)
    for (char c : {'\0', '"', '[', '}', '9', '-', '\xff'}) {
      std::string text = whole;
      text[i] = c;
      Result<Safetensors> file = readSafetensors(writeFile(dir / "f", text));
      if (!file.ok()) {
        EXPECT_FALSE(file.message().empty());
      }
    }
}

TEST(Safetensors, WriteErrorsLeaveNothing) {
  TempDir dir;
  std::string path = dir / "f";
  auto write = [&](std::vector<std::string> names, std::map<std::string, std::string> metadata = {}) {
    std::vector<NamedTensor> tensors;
    for (const std::string &name : names)
      tensors.push_back({name, make(FGLA_F32, {1})});
    return writeSafetensors(path, tensors, metadata);
  };
  std::string what = "cannot write '" + path + "': ";
  EXPECT_FAILS(write({"a", "a"}), FGLA_INVALID_ARGUMENT, what + "tensor name 'a' repeats");
  EXPECT_FAILS(write({"__metadata__"}), FGLA_INVALID_ARGUMENT, what + "tensor name '__metadata__' is reserved");
  EXPECT_FAILS(write({"\xff"}), FGLA_INVALID_ARGUMENT, what + "tensor name '\xff' is not UTF-8");
  EXPECT_FAILS(write({"a"}, {{"k", "\xc3"}}), FGLA_INVALID_ARGUMENT, what + "metadata 'k' is not UTF-8");
  EXPECT_EQ(dir.numFiles(), 0u);
  EXPECT_FAILS(writeSafetensors(dir / "no/f", {}), FGLA_IO_ERROR,
               "cannot write '" + dir / "no/f" + "': No such file or directory");
}
