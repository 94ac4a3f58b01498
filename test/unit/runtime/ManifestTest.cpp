#include "runtime/Manifest.h"

#include "test/unit/runtime/TestUtil.h"

using namespace fgla::runtime;

/// A manifest with one function whose one argument is the given text.
static std::string withArg(const std::string &arg) {
  return R"({"abi": 2, "target": "cpu", "functions": [{"name": "f",
    "entry": "e", "shape": "s", "results": [], "args": [)" +
         arg + "]}]}";
}

static std::string withShape(const std::string &shape) {
  return withArg(R"({"name": "q", "dtype": "f32", "shape": )" + shape + "}");
}

static std::string withFunctions(const std::string &functions) {
  return R"({"abi": 2, "target": "cpu", "functions": )" + functions + "}";
}

TEST(Manifest, ReadsEverything) {
  Result<Manifest> manifest = Manifest::parse(R"({
    "abi": 2, "target": "cpu", "compiler": "fgla 0.1", "requires": ["avx2"], "later": [{}],
    "functions": [{"name": "f", "entry": "fgla_fn_f", "shape": "fgla_shape_f",
      "args": [{"name": "q", "dtype": "bf16", "shape": ["B", "?", 4, 0]}],
      "results": [{"name": "q", "dtype": "bool", "shape": []},
                  {"name": "r", "dtype": "i8", "shape": [1, "B"]}]}]})");
  ASSERT_TRUE(manifest.ok()) << manifest.message();
  EXPECT_EQ(manifest->target, "cpu");
  EXPECT_EQ(manifest->compiler, "fgla 0.1");
  EXPECT_EQ(manifest->requirements, std::vector<std::string>{"avx2"});
  ASSERT_EQ(manifest->functions.size(), 1u);
  const FunctionSpec &f = manifest->functions[0];
  EXPECT_EQ(f.name, "f");
  EXPECT_EQ(f.entry, "fgla_fn_f");
  EXPECT_EQ(f.shapeEntry, "fgla_shape_f");
  EXPECT_EQ(f.numResultDims(), 2u);
  const ValueSpec &q = f.args[0];
  EXPECT_EQ(q.dtype, FGLA_BF16);
  EXPECT_EQ(q.shapeText(), "[B, ?, 4, 0]");
  EXPECT_TRUE(q.dims[0].isConstrained());
  EXPECT_FALSE(q.dims[1].isConstrained());
  EXPECT_FALSE(q.dims[1].isStatic());
  EXPECT_EQ(q.dims[3].size, 0);
  EXPECT_EQ(f.results[0].dtype, FGLA_BOOL);
}

TEST(Manifest, OtherVersionBeforeAllElse) {
  EXPECT_FAILS(Manifest::parse(R"({"abi": 3, "functions": "in other words"})"), FGLA_ABI_MISMATCH,
               "artifact has ABI version 3, this runtime needs 2: compile it "
               "again");
}

TEST(Manifest, Errors) {
  const std::string other = R"({"name": "f", "entry": "e", "shape": "s", "args": [], "results": []})";
  const std::pair<std::string, std::string> cases[] = {
      // The document
      {"", "is no valid document: malformed JSON at byte 1"},
      {"nonsense", "is no valid document: malformed JSON at byte 2"},
      {R"({"abi": 2, "target": "cp)", "is no valid document: malformed JSON at byte 25"},
      {R"({"abi": 2} trailing)", "is no valid document: malformed JSON at byte 14"},
      {R"({"abi": 2, "abi": 2})", "is no valid document: duplicate key 'abi' in JSON"},
      {"{\"abi\": \"\xff\"}", "is no valid document: malformed JSON at byte 10"},
      {R"({"abi": 1e999})", "is no valid document: malformed JSON at byte 13"},
      {std::string(1000000, '['), "is no valid document: JSON nested deeper than 16"},
      {"[1]", "top level must be an object, got array"},
      // Top level
      {"{}", "top level must have an integer as 'abi'"},
      {R"({"abi": "1"})", "top level must have an integer as 'abi'"},
      {R"({"abi": -1})", "top level must have an integer as 'abi'"},
      {R"({"abi": 1.0})", "top level must have an integer as 'abi'"},
      {R"({"abi": 2})", "top level has no 'target'"},
      {R"({"abi": 2, "target": 3})", "top level must have a non-empty string "
                                     "as 'target', got number"},
      {R"({"abi": 2, "target": "cpu", "compiler": []})",
       "top level must have a non-empty string as 'compiler', got array"},
      {R"({"abi": 2, "target": "cpu", "requires": "avx2"})", "top level must have an array of strings as 'requires'"},
      {R"({"abi": 2, "target": "cpu", "requires": [2]})", "top level must have an array of strings as 'requires'"},
      {R"({"abi": 2, "target": "cpu"})", "top level must have an array as 'functions'"},
      {withFunctions("{}"), "top level must have an array as 'functions'"},
      // Functions
      {withFunctions("[1]"), "functions[0] must be an object, got number"},
      {withFunctions("[{}]"), "functions[0] has no 'name'"},
      {withFunctions(R"([{"name": ""}])"), "functions[0] must have a non-empty string as 'name', got string"},
      {withFunctions(R"([{"name": "f"}])"), "functions[0] has no 'entry'"},
      {withFunctions(R"([{"name": "f", "entry": "a\u0000b"}])"), "functions[0] has a zero character in 'entry'"},
      {withFunctions(R"([{"name": "f", "entry": "e"}])"), "functions[0] has no 'shape'"},
      {withFunctions(R"([{"name": "f", "entry": "e", "shape": "s"}])"), "functions[0] must have an array as 'args'"},
      {withFunctions(R"([{"name": "f", "entry": "e", "shape": "s", "args": []}])"),
       "functions[0] must have an array as 'results'"},
      {withFunctions("[" + other + "," + other + "]"), "functions[1] repeats the name 'f'"},
      // Values
      {withArg("7"), "functions[0].args[0] must be an object, got number"},
      {withArg("{}"), "functions[0].args[0] has no 'name'"},
      {withArg(R"({"name": "q"})"), "functions[0].args[0] has no 'dtype'"},
      {withArg(R"({"name": "q", "dtype": "F32"})"), "functions[0].args[0] has unknown dtype 'F32'"},
      {withArg(R"({"name": "q", "dtype": "a\nb"})"), "functions[0].args[0] has unknown dtype 'a\\x0ab'"},
      {withArg(R"({"name": "q", "dtype": "f32"})"), "functions[0].args[0] must have an array as 'shape'"},
      {withArg(R"({"name": "q", "dtype": "f32", "shape": []},
                  {"name": "q", "dtype": "f32", "shape": []})"),
       "functions[0].args[1] repeats the name 'q'"},
      // Shapes
      {withShape("4"), "functions[0].args[0] must have an array as 'shape'"},
      {withShape("[1,1,1,1,1,1,1,1,1]"), "functions[0].args[0] must have rank <= 8, got 9"},
      {withShape("[2, -1]"), "functions[0].args[0].shape[1] must be an integer "
                             ">= 0 or a symbol, got -1"},
      {withShape("[2.5]"), "functions[0].args[0].shape[0] must be an integer "
                           ">= 0 or a symbol, got 2.5"},
      {withShape("[null]"), "functions[0].args[0].shape[0] must be an integer "
                            ">= 0 or a symbol, got null"},
      {withShape("[9223372036854775808]"), "functions[0].args[0].shape[0] must be an integer >= 0 or a symbol, got "
                                           "9223372036854775808"},
      {withShape(R"([""])"), "functions[0].args[0].shape[0] must be a symbol of one character or "
                             "more, without zeros, got ''"},
      {withShape("[4294967296, 4294967296]"), "functions[0].args[0] has a size that does not fit in 63 bits"},
  };
  for (const auto &[text, message] : cases) {
    SCOPED_TRACE(text.substr(0, 200));
    EXPECT_FAILS(Manifest::parse(text), FGLA_INVALID_ARTIFACT, "manifest: " + message);
  }
}

// Cut at every byte: an error each time, and no crash.
TEST(Manifest, Kernels) {
  auto parse = [](const std::string &kernels) {
    return Manifest::parse(R"({"abi": 2, "target": "sm_90a", "functions": [], "kernels": )" + kernels + "}");
  };
  Result<Manifest> manifest =
      parse(R"([{"name": "k", "image": "i", "block": [640, 2, 1], "shared": 1024, "dependent": true},
                {"name": "l", "image": "i", "block": [32, 1, 1], "later": 1}])");
  ASSERT_TRUE(manifest.ok()) << manifest.message();
  EXPECT_FALSE(manifest->isForCPU());
  ASSERT_EQ(manifest->kernels.size(), 2u);
  EXPECT_EQ(manifest->kernels[0].block, (std::array<uint32_t, 3>{640, 2, 1}));
  EXPECT_EQ(manifest->kernels[0].sharedBytes, 1024u);
  EXPECT_TRUE(manifest->kernels[0].isDependent);
  EXPECT_EQ(manifest->kernels[1].name, "l");
  EXPECT_EQ(manifest->kernels[1].sharedBytes, 0u);
  EXPECT_FALSE(manifest->kernels[1].isDependent);

  const std::pair<std::string, std::string> cases[] = {
      {"{}", "top level must have an array as 'kernels'"},
      {"[1]", "kernels[0] must be an object, got number"},
      {"[{}]", "kernels[0] has no 'name'"},
      {R"([{"name": "k"}])", "kernels[0] has no 'image'"},
      {R"([{"name": "k", "image": "i"}])", "kernels[0] must have an array of 3 sizes as 'block'"},
      {R"([{"name": "k", "image": "i", "block": [1, 1]}])", "kernels[0] must have an array of 3 sizes as 'block'"},
      {R"([{"name": "k", "image": "i", "block": [1, -1, 1]}])",
       "kernels[0].block must be an integer in [0, 2^31), got -1"},
      {R"([{"name": "k", "image": "i", "block": [1, 1, 1], "shared": 2147483648}])",
       "kernels[0].shared must be an integer in [0, 2^31), got 2147483648"},
      {R"([{"name": "k", "image": "i", "block": [1, 1, 1], "dependent": 1}])",
       "kernels[0] must have true or false as 'dependent'"},
  };
  for (const auto &[text, message] : cases) {
    SCOPED_TRACE(text);
    EXPECT_FAILS(parse(text), FGLA_INVALID_ARTIFACT, "manifest: " + message);
  }
}

TEST(Manifest, EveryTruncation) {
  std::string whole = withShape(R"(["B", 3])");
  ASSERT_TRUE(Manifest::parse(whole).ok());
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(Manifest::parse(whole.substr(0, length)).ok()) << length;
}

// Every byte replaced by some others: an error or a valid manifest.
TEST(Manifest, EveryByteChanged) {
  std::string whole = withShape(R"(["B", 3])");
  for (size_t i = 0; i < whole.size(); ++i)
    for (char c : {'\0', '"', '{', ']', '9', '-', '\xff', '\\'}) {
      std::string text = whole;
      text[i] = c;
      Result<Manifest> manifest = Manifest::parse(text);
      if (!manifest.ok()) {
        EXPECT_FALSE(manifest.message().empty());
      }
    }
}
