//===- ModuleTest.cpp - Loading and calling artifacts, through the C ABI --===//

#include "runtime/Module.h"
#include "runtime/ArtifactFile.h"

#include "test/unit/runtime/TestUtil.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <new>
#include <numeric>
#include <set>
#include <thread>
#include <unistd.h>

using namespace fgla::runtime;

// Under ASan, too large an allocation is to fail as it does without.
extern "C" const char *__asan_default_options() { return "allocator_may_return_null=1"; }

/// Which of the next allocations throws; 0: none.
static thread_local int failingAllocation = 0;

void *operator new(size_t size) {
  if (failingAllocation > 0 && --failingAllocation == 0)
    throw std::bad_alloc();
  if (void *memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

static std::string artifact(const std::string &name) { return std::string(ARTIFACT_DIR) + "/" + name + ".so"; }

static constexpr fgla_device cpu = {FGLA_DEVICE_CPU, 0};

/// The latest call must have failed so.
static void expectError(fgla_status status, fgla_status expected, const std::string &message) {
  EXPECT_EQ(status, expected) << fgla_status_name(status);
  EXPECT_EQ(std::string(fgla_error_message()), message);
}

//===----------------------------------------------------------------------===//
// The library
//===----------------------------------------------------------------------===//

TEST(CApi, Names) {
  EXPECT_EQ(fgla_abi_version(), FGLA_ABI_VERSION);
  std::set<std::string> names;
  for (int status = FGLA_OK; status <= FGLA_DEVICE_ERROR; ++status)
    names.insert(fgla_status_name(static_cast<fgla_status>(status)));
  EXPECT_EQ(names.size(), 9u);
  EXPECT_FALSE(names.count("unknown status"));
  EXPECT_STREQ(fgla_status_name(static_cast<fgla_status>(99)), "unknown status");
  names.clear();
  for (int dtype = FGLA_F64; dtype <= FGLA_BOOL; ++dtype) {
    names.insert(fgla_dtype_name(static_cast<fgla_dtype>(dtype)));
    EXPECT_GT(fgla_dtype_size(static_cast<fgla_dtype>(dtype)), 0u);
  }
  EXPECT_EQ(names.size(), 10u);
  EXPECT_EQ(fgla_dtype_name(static_cast<fgla_dtype>(10)), nullptr);
  EXPECT_EQ(fgla_dtype_size(static_cast<fgla_dtype>(-1)), 0u);
}

TEST(CApi, Devices) {
  int32_t count = -1;
  EXPECT_EQ(fgla_device_count(FGLA_DEVICE_CPU, &count), FGLA_OK);
  EXPECT_EQ(count, 1);
  // With or without a driver.
  if (fgla_status status = fgla_device_count(FGLA_DEVICE_CUDA, &count); status == FGLA_OK) {
    EXPECT_GE(count, 0);
  } else {
    EXPECT_EQ(status, FGLA_UNSUPPORTED);
    EXPECT_NE(std::string(fgla_error_message()).find("CUDA driver"), std::string::npos) << fgla_error_message();
  }
  expectError(fgla_device_count(static_cast<fgla_device_kind>(9), &count), FGLA_INVALID_ARGUMENT,
              "unknown device kind 9");
  expectError(fgla_device_count(FGLA_DEVICE_CPU, nullptr), FGLA_INVALID_ARGUMENT, "count must not be null");
}

TEST(CApi, ErrorTextBelongsToTheThread) {
  (void)fgla_device_count(FGLA_DEVICE_CUDA, nullptr);
  std::thread([] {
    EXPECT_STREQ(fgla_error_message(), "");
    int32_t count;
    (void)fgla_device_count(static_cast<fgla_device_kind>(5), &count);
    EXPECT_STREQ(fgla_error_message(), "unknown device kind 5");
  }).join();
  EXPECT_STREQ(fgla_error_message(), "count must not be null");
}

// The shared library shows fgla_* and nothing else of what is in it.
TEST(CApi, SharedLibraryExportsOnlyTheCAbi) {
  FILE *pipe = popen(NM " -D --defined-only --format=just-symbols " RUNTIME_LIBRARY " 2>/dev/null || " NM
                        " -D --defined-only --format=posix " RUNTIME_LIBRARY,
                     "r");
  ASSERT_NE(pipe, nullptr);
  std::set<std::string> names;
  char line[512];
  while (fgets(line, sizeof(line), pipe))
    names.insert(std::string(line, strcspn(line, " \n@")));
  ASSERT_EQ(pclose(pipe), 0);
  EXPECT_EQ(names.size(), 22u);
  EXPECT_TRUE(names.count("fgla_call"));
  for (const std::string &name : names)
    EXPECT_EQ(name.substr(0, 5), "fgla_") << name;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static void expectLoadError(const std::string &path, fgla_status status, const std::string &message) {
  SCOPED_TRACE(path);
  fgla_module *module = nullptr;
  expectError(fgla_module_load(path.c_str(), &module), status, message);
  EXPECT_EQ(module, nullptr);
}

TEST(Module, BadArtifacts) {
  const std::tuple<std::string, fgla_status, std::string> cases[] = {
      {"bad_no_manifest", FGLA_INVALID_ARTIFACT, "has no symbol 'fgla_manifest': it is no fgla artifact"},
      {"bad_function_manifest", FGLA_INVALID_ARTIFACT, "has a manifest that does not end in zero"},
      {"bad_unterminated", FGLA_INVALID_ARTIFACT, "has a manifest that does not end in zero"},
      {"bad_truncated_json", FGLA_INVALID_ARTIFACT, "manifest: is no valid document: malformed JSON at byte 25"},
      {"bad_other_abi", FGLA_ABI_MISMATCH, "artifact has ABI version 3, this runtime needs 2: compile it again"},
      {"bad_other_target", FGLA_UNSUPPORTED, "artifact was compiled for target 'tpu', this runtime runs: cpu, sm_*"},
      {"bad_missing_code", FGLA_INVALID_ARTIFACT, "has no code 'fgla_fn_nowhere' for function 'f'"},
      {"bad_data_as_code", FGLA_INVALID_ARTIFACT, "has no code 'fgla_manifest' for function 'f'"},
      // A function, but not the artifact's.
      {"bad_libc_as_code", FGLA_INVALID_ARTIFACT, "has no code 'abort' for function 'f'"},
      {"bad_unresolved", FGLA_INVALID_ARTIFACT,
       "cannot be loaded: " + artifact("bad_unresolved") + ": undefined symbol: symbol_that_nobody_has"},
      {"bad_no_seal", FGLA_INVALID_ARTIFACT,
       "has no seal of the compiler (an ELF note 'fgla'): it is no fgla artifact, is damaged, or comes from an older "
       "compiler"},
  };
  for (const auto &[name, status, message] : cases)
    expectLoadError(artifact(name), status, "artifact '" + artifact(name) + "': " + message);
}

TEST(Module, BadFiles) {
  TempDir dir;
  auto open = [](const std::string &path, const std::string &why) { return "cannot open '" + path + "': " + why; };
  std::string path = dir / "none.so";
  expectLoadError(path, FGLA_NOT_FOUND, open(path, "No such file or directory"));
  expectLoadError(dir.path(), FGLA_IO_ERROR, open(dir.path(), "not a regular file"));
  expectLoadError("/dev/null", FGLA_IO_ERROR, open("/dev/null", "not a regular file"));
  path = writeFile(dir / "short.so", "\x7f"
                                     "ELF");
  expectLoadError(path, FGLA_INVALID_ARTIFACT, "artifact '" + path + "': is not an ELF shared object (too short)");
  path = writeFile(dir / "text.so", std::string(1000, 'x'));
  expectLoadError(path, FGLA_INVALID_ARTIFACT, "artifact '" + path + "': is not a 64-bit ELF shared object");
  expectError(fgla_module_load(nullptr, nullptr), FGLA_INVALID_ARGUMENT, "path must not be null");
  expectError(fgla_module_load("x", nullptr), FGLA_INVALID_ARGUMENT, "module must not be null");
}

// A download that was cut off must not end in SIGBUS; also where there are no
// section headers at the end that would show it.
TEST(Module, TruncatedFile) {
  std::string whole = readFile(artifact("good_artifact"));
  std::string bare = whole;
  bare.replace(offsetof(Elf64_Ehdr, e_shoff), 8, 8, '\0');
  bare.replace(offsetof(Elf64_Ehdr, e_shnum), 2, 2, '\0');
  Elf64_Ehdr header;
  std::memcpy(&header, bare.data(), sizeof(header));
  size_t loaded = 0; // where the last loaded byte is
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, &bare[header.e_phoff + i * sizeof(segment)], sizeof(segment));
    if (segment.p_type == PT_LOAD)
      loaded = std::max(loaded, segment.p_offset + segment.p_filesz);
  }
  TempDir dir;
  std::string sectionless = writeFile(dir / "sectionless.so", bare);
  fgla_module *whether = nullptr;
  EXPECT_EQ(fgla_module_load(sectionless.c_str(), &whether), FGLA_OK);
  fgla_module_unload(whether);
  for (size_t length = sizeof(header); length < loaded; length += 199) {
    std::string path = writeFile(dir / "bare" + std::to_string(length) + ".so", bare.substr(0, length));
    expectLoadError(path, FGLA_INVALID_ARTIFACT, "artifact '" + path + "': is cut short");
  }
  for (size_t length = 0; length < whole.size(); length += 199) {
    // A new name each time: dlopen() remembers names.
    std::string path = writeFile(dir / std::to_string(length) + ".so", whole.substr(0, length));
    fgla_module *module = nullptr;
    EXPECT_EQ(fgla_module_load(path.c_str(), &module), FGLA_INVALID_ARTIFACT);
    EXPECT_EQ(module, nullptr);
  }
}

// What is sealed loads as it is, and with no bit changed, no byte more and no byte less.
TEST(Module, Seal) {
  TempDir dir;
  std::string bytes = readFile(artifact("good_artifact"));
  Result<File> file = File::openForRead(artifact("good_artifact"));
  ASSERT_TRUE(file.ok());
  Result<Seal> seal = readSeal(*file);
  ASSERT_TRUE(seal.ok()) << seal.message();
  EXPECT_EQ(seal->digits, std::string(64, '0'));
  bytes.replace(seal->offset, 64, seal->digest);
  std::string path = writeFile(dir / "sealed.so", bytes);
  fgla_module *module = nullptr;
  EXPECT_EQ(fgla_module_load(path.c_str(), &module), FGLA_OK) << fgla_error_message();
  fgla_module_unload(module);

  path = dir / "damaged.so";
  auto refused = [&](std::string damaged) {
    writeFile(path, damaged);
    fgla_module *none = nullptr;
    return fgla_module_load(path.c_str(), &none) == FGLA_INVALID_ARTIFACT && !none;
  };
  for (size_t bit = 0; bit < 8 * bytes.size(); bit += bit < 8 * 1024 ? 13 : 1009) {
    std::string damaged = bytes;
    damaged[bit / 8] ^= char(1 << bit % 8);
    EXPECT_TRUE(refused(damaged)) << "bit " << bit;
  }
  EXPECT_TRUE(refused(bytes + '\0'));
  EXPECT_TRUE(refused(bytes.substr(0, bytes.size() - 1)));
  bytes.back() ^= 1;
  writeFile(path, bytes);
  expectLoadError(path, FGLA_INVALID_ARTIFACT,
                  "artifact '" + path +
                      "': does not have the checksum it was sealed with: it is damaged, or was changed after it was "
                      "made (by strip, say)");
}

// Two at once, and one in the place of another: the loader knows files by their paths.
TEST(Module, Bytes) {
  std::string good = readFile(artifact("good_artifact")), bad = readFile(artifact("bad_no_manifest"));
  {
    Result<std::unique_ptr<Module>> one = Module::loadBytes(good), two = Module::loadBytes(good);
    ASSERT_TRUE(one.ok() && two.ok()) << one.message() << two.message();
    EXPECT_TRUE((*one)->find("mix").ok());
    EXPECT_TRUE((*two)->find("mix").ok());
    *one = nullptr;
    Result<std::unique_ptr<Module>> none = Module::loadBytes(bad);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.status().code(), FGLA_INVALID_ARTIFACT);
    EXPECT_NE(none.message().find("has no symbol 'fgla_manifest'"), std::string::npos) << none.message();
  }
  for (const std::string &damaged : {std::string(), good.substr(0, 100), good.substr(0, good.size() / 2)})
    EXPECT_FALSE(Module::loadBytes(damaged).ok()) << damaged.size();
}

TEST(Module, PathWithoutSlashIsAFile) {
  char before[4096];
  ASSERT_NE(getcwd(before, sizeof(before)), nullptr);
  ASSERT_EQ(chdir(ARTIFACT_DIR), 0);
  fgla_module *module = nullptr;
  EXPECT_EQ(fgla_module_load("good_artifact.so", &module), FGLA_OK);
  fgla_module_unload(module);
  ASSERT_EQ(chdir(before), 0);
}

TEST(Module, UnloadNull) { fgla_module_unload(nullptr); }

// Code in memory, as a JIT has it.
TEST(Module, CreateFromMemory) {
  static bool called;
  called = false;
  auto entry = +[](void **) -> int32_t {
    called = true;
    return 0;
  };
  auto shape = +[](void **, int64_t *) {};
  auto lookup = [&](const std::string &name, Module::SymbolKind) -> void * {
    return name == "e" ? reinterpret_cast<void *>(entry) : name == "s" ? reinterpret_cast<void *>(shape) : nullptr;
  };
  const char *manifest = R"({"abi": 2, "target": "cpu", "functions": [
    {"name": "f", "entry": "e", "shape": "s", "args": [], "results": []}]})";
  Result<std::unique_ptr<Module>> module = Module::create(manifest, lookup);
  ASSERT_TRUE(module.ok()) << module.message();
  Result<const Function *> f = (*module)->find("f");
  ASSERT_TRUE(f.ok());
  EXPECT_TRUE((*f)->call({}, {}).ok());
  EXPECT_TRUE(called);
  EXPECT_FAILS(Module::create(manifest, [](const std::string &, Module::SymbolKind) { return nullptr; }),
               FGLA_INVALID_ARTIFACT, "has no code 'e' for function 'f'");
  EXPECT_FAILS(Module::create(R"({"abi": 2, "target": "cpu", "requires": ["avx4096"], "functions": []})", lookup),
               FGLA_UNSUPPORTED,
               "artifact was compiled for a processor with 'avx4096', which this one has not: compile it here");
  Result<std::unique_ptr<Module>> empty = Module::create(R"({"abi": 2, "target": "cpu", "functions": []})", lookup);
  ASSERT_TRUE(empty.ok());
  EXPECT_FAILS((*empty)->find("f"), FGLA_NOT_FOUND, "no function 'f' in the artifact (it has: none)");
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

namespace {
class Loaded : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(fgla_module_load(artifact("good_artifact").c_str(), &module), FGLA_OK) << fgla_error_message();
    mix = function("mix");
    transpose = function("transpose");
    lying = function("lying");
  }
  void TearDown() override { fgla_module_unload(module); }

  const fgla_function *function(const char *name) {
    const fgla_function *result = nullptr;
    EXPECT_EQ(fgla_module_function(module, name, &result), FGLA_OK);
    return result;
  }

  fgla_module *module = nullptr;
  const fgla_function *mix, *transpose, *lying;
};

/// Arguments and results of `mix` for B = 2, T = 3; a test breaks one of them.
struct MixCall {
  float x[24], y[24], bias = 0.25f, out[24];
  int64_t xShape[3] = {2, 3, 4}, yShape[3] = {2, 3, 4}, outShape[3] = {2, 3, 4};
  fgla_tensor args[3] = {{x, FGLA_F32, 3, xShape, nullptr, cpu},
                         {y, FGLA_F32, 3, yShape, nullptr, cpu},
                         {&bias, FGLA_F32, 0, nullptr, nullptr, cpu}};
  fgla_tensor result = {out, FGLA_F32, 3, outShape, nullptr, cpu};

  MixCall() {
    std::iota(x, x + 24, 0.f);
    std::iota(y, y + 24, 100.f);
    std::fill(out, out + 24, -1.f);
  }
  fgla_status operator()(const fgla_function *mix) { return fgla_call(mix, args, 3, &result, 1); }
};
} // namespace

using ModuleTest = Loaded;
using CallTest = Loaded;

TEST_F(ModuleTest, Signature) {
  EXPECT_STREQ(fgla_module_target(module), "cpu");
  EXPECT_STREQ(fgla_module_compiler(module), "by hand");
  ASSERT_EQ(fgla_module_num_functions(module), 3);
  const fgla_function *second = nullptr;
  EXPECT_EQ(fgla_module_function_at(module, 1, &second), FGLA_OK);
  EXPECT_EQ(second, transpose);
  EXPECT_STREQ(fgla_function_name(second), "transpose");
  EXPECT_EQ(fgla_function_num_args(second), 1);
  EXPECT_EQ(fgla_function_num_results(second), 2);
  EXPECT_EQ(fgla_function_num_result_dims(second), 2);

  fgla_value_info info;
  ASSERT_EQ(fgla_function_arg(mix, 1, &info), FGLA_OK);
  EXPECT_STREQ(info.name, "y");
  EXPECT_EQ(info.dtype, FGLA_F32);
  ASSERT_EQ(info.rank, 3);
  EXPECT_EQ(info.dims[0].size, -1);
  EXPECT_STREQ(info.dims[0].symbol, "B");
  EXPECT_STREQ(info.dims[1].symbol, "T");
  EXPECT_EQ(info.dims[2].size, 4);
  EXPECT_EQ(info.dims[2].symbol, nullptr);
  ASSERT_EQ(fgla_function_result(transpose, 0, &info), FGLA_OK);
  EXPECT_STREQ(info.name, "b");
  EXPECT_EQ(info.dims[0].size, -1);
  EXPECT_EQ(info.dims[0].symbol, nullptr); // "?"
  ASSERT_EQ(fgla_function_result(transpose, 1, &info), FGLA_OK);
  EXPECT_EQ(info.rank, 0);
}

TEST_F(ModuleTest, LookupErrors) {
  const fgla_function *f = nullptr;
  expectError(fgla_module_function(module, "no\npe", &f), FGLA_NOT_FOUND,
              "no function 'no\\x0ape' in the artifact (it has: 'mix', "
              "'transpose', 'lying')");
  expectError(fgla_module_function(module, nullptr, &f), FGLA_INVALID_ARGUMENT, "name must not be null");
  expectError(fgla_module_function(nullptr, "mix", &f), FGLA_INVALID_ARGUMENT, "module must not be null");
  expectError(fgla_module_function(module, "mix", nullptr), FGLA_INVALID_ARGUMENT, "function must not be null");
  expectError(fgla_module_function_at(module, 3, &f), FGLA_INVALID_ARGUMENT, "function index must be in [0, 3), got 3");
  expectError(fgla_module_function_at(module, -1, &f), FGLA_INVALID_ARGUMENT,
              "function index must be in [0, 3), got -1");
  expectError(fgla_module_function_at(nullptr, 0, &f), FGLA_INVALID_ARGUMENT, "module must not be null");
  EXPECT_EQ(f, nullptr);

  fgla_value_info info;
  expectError(fgla_function_arg(mix, 3, &info), FGLA_INVALID_ARGUMENT, "argument index must be in [0, 3), got 3");
  expectError(fgla_function_result(mix, -1, &info), FGLA_INVALID_ARGUMENT, "result index must be in [0, 1), got -1");
  expectError(fgla_function_arg(mix, 0, nullptr), FGLA_INVALID_ARGUMENT, "info must not be null");
  expectError(fgla_function_arg(nullptr, 0, &info), FGLA_INVALID_ARGUMENT, "function must not be null");
  expectError(fgla_function_result(nullptr, 0, &info), FGLA_INVALID_ARGUMENT, "function must not be null");
}

TEST_F(ModuleTest, ResultShapes) {
  int64_t shape[2] = {5, 7}, dims[2];
  // No data: only the shape counts.
  fgla_tensor a = {nullptr, FGLA_I16, 2, shape, nullptr, cpu};
  EXPECT_EQ(fgla_function_result_shapes(transpose, &a, 1, dims, 2), FGLA_OK);
  EXPECT_EQ(dims[0], 7);
  EXPECT_EQ(dims[1], 5);

  expectError(fgla_function_result_shapes(transpose, &a, 1, dims, 3), FGLA_INVALID_ARGUMENT,
              "number of dims must be 2, got 3");
  expectError(fgla_function_result_shapes(transpose, &a, 1, nullptr, 2), FGLA_INVALID_ARGUMENT,
              "dims must not be null");
  expectError(fgla_function_result_shapes(transpose, &a, -1, dims, 2), FGLA_INVALID_ARGUMENT,
              "number of arguments must be >= 0, got -1");
  expectError(fgla_function_result_shapes(transpose, nullptr, 0, dims, 2), FGLA_INVALID_ARGUMENT,
              "needs 1 arguments, got 0 (function 'transpose')");
  expectError(fgla_function_result_shapes(nullptr, &a, 1, dims, 2), FGLA_INVALID_ARGUMENT, "function must not be null");
}

TEST_F(ModuleTest, ShapeFunctionThatBreaksTheManifest) {
  int64_t dims[2];
  auto query = [&](int64_t n) {
    fgla_tensor how = {nullptr, FGLA_U8, 1, &n, nullptr, cpu};
    return fgla_function_result_shapes(lying, &how, 1, dims, 2);
  };
  expectError(query(1), FGLA_INVALID_ARTIFACT,
              "shape function breaks the manifest: result 'out' dim 0 must be "
              "'N' = 1 as in argument 'how' dim 0, got 7 (function 'lying')");
  expectError(query(2), FGLA_INVALID_ARTIFACT,
              "shape function breaks the manifest: result 'out' dim 1 must be "
              "2 (shape [N, 2]), got 5 (function 'lying')");
  expectError(query(3), FGLA_INVALID_ARTIFACT,
              "shape function gave shape [3, -1] for result 'out' (function "
              "'lying')");
  EXPECT_EQ(query(4), FGLA_OK);
}

TEST_F(ModuleTest, StatusOfTheCode) {
  float out[12];
  uint8_t how[6];
  auto call = [&](int64_t n) {
    int64_t shape[2] = {n, 2};
    fgla_tensor arg = {how, FGLA_U8, 1, shape, nullptr, cpu}, result = {out, FGLA_F32, 2, shape, nullptr, cpu};
    return fgla_call(lying, &arg, 1, &result, 1);
  };
  EXPECT_EQ(call(0), FGLA_OK);
  expectError(call(4), FGLA_INVALID_ARTIFACT, "code returned status 4 (function 'lying')");
  expectError(call(6), FGLA_OUT_OF_MEMORY, "no memory for what is between arguments and results (function 'lying')");
}

//===----------------------------------------------------------------------===//
// Calls that work
//===----------------------------------------------------------------------===//

TEST_F(CallTest, Contiguous) {
  MixCall call;
  ASSERT_EQ(call(mix), FGLA_OK) << fgla_error_message();
  for (int i = 0; i < 24; ++i)
    EXPECT_EQ(call.out[i], call.x[i] + 2 * call.y[i] + 0.25f);
}

TEST_F(CallTest, OneFunctionForEveryShape) {
  for (int64_t b : {1, 3})
    for (int64_t t : {1, 2, 17}) {
      std::vector<float> x(b * t * 4, 1.f), y(b * t * 4, 2.f), out(b * t * 4);
      int64_t shape[3] = {b, t, 4};
      float bias = 0;
      fgla_tensor args[] = {{x.data(), FGLA_F32, 3, shape, nullptr, cpu},
                            {y.data(), FGLA_F32, 3, shape, nullptr, cpu},
                            {&bias, FGLA_F32, 0, nullptr, nullptr, cpu}};
      fgla_tensor result = {out.data(), FGLA_F32, 3, shape, nullptr, cpu};
      ASSERT_EQ(fgla_call(mix, args, 3, &result, 1), FGLA_OK);
      EXPECT_EQ(out, std::vector<float>(b * t * 4, 5.f));
    }
}

TEST_F(CallTest, Empty) {
  MixCall call;
  call.xShape[0] = call.yShape[0] = call.outShape[0] = 0;
  call.args[0].data = call.args[1].data = call.result.data = nullptr;
  EXPECT_EQ(call(mix), FGLA_OK) << fgla_error_message();
}

// x [2, 3, 4] out of [3, 2, 4] storage, y by broadcast of one row.
TEST_F(CallTest, StridedArgumentsArePacked) {
  MixCall call;
  const int64_t xStride[3] = {4, 8, 1}, yStride[3] = {0, 0, 1};
  call.args[0].stride = xStride;
  call.args[1].stride = yStride;
  ASSERT_EQ(call(mix), FGLA_OK) << fgla_error_message();
  for (int b = 0; b < 2; ++b)
    for (int t = 0; t < 3; ++t)
      for (int d = 0; d < 4; ++d)
        EXPECT_EQ(call.out[(b * 3 + t) * 4 + d], call.x[b * 4 + t * 8 + d] + 2 * call.y[d] + 0.25f);
}

TEST_F(CallTest, NegativeStrides) {
  MixCall call;
  const int64_t stride[3] = {-12, -4, -1};
  call.args[0].data = call.x + 23;
  call.args[0].stride = stride;
  ASSERT_EQ(call(mix), FGLA_OK) << fgla_error_message();
  for (int i = 0; i < 24; ++i)
    EXPECT_EQ(call.out[i], call.x[23 - i] + 2 * call.y[i] + 0.25f);
}

// Contiguous strides, given or not, and any stride of a dim of size 1, make no
// copy and no error, for results either.
TEST_F(CallTest, StridesThatDoNotMatter) {
  MixCall call;
  call.xShape[0] = call.yShape[0] = call.outShape[0] = 1;
  const int64_t stride[3] = {777, 4, 1};
  call.args[0].stride = call.result.stride = stride;
  ASSERT_EQ(call(mix), FGLA_OK) << fgla_error_message();
  EXPECT_EQ(call.out[11], call.x[11] + 2 * call.y[11] + 0.25f);
  EXPECT_EQ(call.out[12], -1.f);
}

TEST_F(CallTest, TwoResultsAndTransposedArgument) {
  int16_t storage[6] = {1, 2, 3, 4, 5, 6}, b[6];
  int64_t count = 0, aShape[2] = {3, 2}, aStride[2] = {1, 3}, bShape[2] = {2, 3};
  fgla_tensor a = {storage, FGLA_I16, 2, aShape, aStride, cpu};
  fgla_tensor results[2] = {{b, FGLA_I16, 2, bShape, nullptr, cpu}, {&count, FGLA_I64, 0, nullptr, nullptr, cpu}};
  ASSERT_EQ(fgla_call(transpose, &a, 1, results, 2), FGLA_OK) << fgla_error_message();
  // The transpose of a transposed view is the storage.
  EXPECT_EQ(std::memcmp(b, storage, sizeof(b)), 0);
  EXPECT_EQ(count, 6);
}

TEST_F(CallTest, FromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      MixCall call;
      call.bias = static_cast<float>(i);
      for (int repeat = 0; repeat < 200; ++repeat)
        if (call(mix) != FGLA_OK || call.out[23] != 23 + 2 * 123 + static_cast<float>(i))
          return;
      ++good;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 8);
}

//===----------------------------------------------------------------------===//
// Calls that are refused
//===----------------------------------------------------------------------===//

TEST_F(CallTest, Errors) {
  static const int64_t minusOne[3] = {2, 3, -1}, wide[3] = {13, 4, 1}, far[3] = {int64_t(1) << 61, 4, 1},
                       farther[3] = {INT64_MAX, 4, 1};
  using Break = void (*)(MixCall &);
  const std::pair<Break, const char *> cases[] = {
      // Kind
      {[](MixCall &c) { c.args[0].dtype = FGLA_F16; }, "argument 'x' must have dtype f32, got f16"},
      {[](MixCall &c) { c.args[0].dtype = static_cast<fgla_dtype>(42); },
       "argument 'x' must have dtype f32, got unknown dtype 42"},
      {[](MixCall &c) { c.args[1].rank = 2; }, "argument 'y' must have rank 3 (shape [B, T, 4]), got rank 2"},
      {[](MixCall &c) { c.args[1].rank = -1; }, "argument 'y' must have rank 3 (shape [B, T, 4]), got rank -1"},
      {[](MixCall &c) { c.args[1].shape = nullptr; }, "argument 'y' must have a shape, got a null pointer"},
      {[](MixCall &c) { c.args[0].shape = minusOne; }, "argument 'x' dim 2 must be >= 0, got -1"},
      {[](MixCall &c) { c.xShape[0] = c.xShape[1] = int64_t(1) << 40; },
       "argument 'x' must have a size that fits in 63 bits, got shape "
       "[1099511627776, 1099511627776, 4]"},
      {[](MixCall &c) { c.args[0].device.index = 1; }, "argument 'x': device index must be in [0, 1), got 1"},
      {[](MixCall &c) { c.args[0].device.kind = fgla_device_kind(7); }, "argument 'x': unknown device kind 7"},
      // Dims
      {[](MixCall &c) { c.xShape[2] = 5; }, "argument 'x' dim 2 must be 4 (shape [B, T, 4]), got 5"},
      {[](MixCall &c) { c.yShape[1] = 2; }, "argument 'y' dim 1 must be 'T' = 3 as in argument 'x' dim 1, got 2"},
      {[](MixCall &c) { c.outShape[0] = 1; }, "result 'out' dim 0 must be 2 (shape [B, T, 4] = [2, 3, 4]), got 1"},
      {[](MixCall &c) { c.result.dtype = FGLA_F64; }, "result 'out' must have dtype f32, got f64"},
      {[](MixCall &c) { c.result.rank = 0; }, "result 'out' must have rank 3 (shape [B, T, 4]), got rank 0"},
      // Memory
      {[](MixCall &c) { c.args[0].data = nullptr; }, "argument 'x' must have data, got a null pointer"},
      {[](MixCall &c) { c.result.data = nullptr; }, "result 'out' must have data, got a null pointer"},
      {[](MixCall &c) { c.args[0].data = reinterpret_cast<char *>(c.x) + 2; },
       "argument 'x' must have data aligned to 4 bytes"},
      {[](MixCall &c) { c.result.data = reinterpret_cast<char *>(c.out) + 1; },
       "result 'out' must have data aligned to 4 bytes"},
      {[](MixCall &c) { c.args[0].stride = far; },
       "argument 'x' has strides [2305843009213693952, 4, 1] that reach out of "
       "memory"},
      {[](MixCall &c) { c.args[0].stride = farther; },
       "argument 'x' has strides [9223372036854775807, 4, 1] that reach out of "
       "memory"},
      {[](MixCall &c) { c.args[0].data = reinterpret_cast<void *>(~uintptr_t(15)); },
       "argument 'x' with shape [2, 3, 4] reaches out of memory"},
      {[](MixCall &c) { c.result.stride = wide; }, "result 'out' must be contiguous, got strides [13, 4, 1] for shape "
                                                   "[2, 3, 4]"},
      {[](MixCall &c) { c.result.data = c.x; }, "result 'out' must not overlap argument 'x' in memory"},
      {[](MixCall &c) { c.args[2].data = c.out + 23; }, "result 'out' must not overlap argument 'bias' in memory"},
  };
  for (const auto &[breakIt, message] : cases) {
    SCOPED_TRACE(message);
    MixCall call;
    breakIt(call);
    expectError(call(mix), FGLA_INVALID_ARGUMENT, std::string(message) + " (function 'mix')");
    for (int i = 0; i < 24; ++i) // nothing has run
      EXPECT_EQ(call.out[i], -1.f);
  }
  MixCall call;
  call.args[0].device.kind = FGLA_DEVICE_CUDA;
  expectError(call(mix), FGLA_INVALID_ARGUMENT,
              "argument 'x' must be on the cpu, which the artifact was compiled for (function 'mix')");
}

TEST_F(CallTest, CountErrors) {
  MixCall call;
  expectError(fgla_call(mix, call.args, 2, &call.result, 1), FGLA_INVALID_ARGUMENT,
              "needs 3 arguments, got 2 (function 'mix')");
  expectError(fgla_call(mix, call.args, 3, nullptr, 0), FGLA_INVALID_ARGUMENT,
              "needs 1 results, got 0 (function 'mix')");
  expectError(fgla_call(mix, nullptr, 3, &call.result, 1), FGLA_INVALID_ARGUMENT, "arguments must not be null");
  expectError(fgla_call(mix, call.args, 3, nullptr, 1), FGLA_INVALID_ARGUMENT, "results must not be null");
  expectError(fgla_call(mix, call.args, -3, &call.result, 1), FGLA_INVALID_ARGUMENT,
              "number of arguments must be >= 0, got -3");
  expectError(fgla_call(mix, call.args, 3, &call.result, -1), FGLA_INVALID_ARGUMENT,
              "number of results must be >= 0, got -1");
  expectError(fgla_call(nullptr, call.args, 3, &call.result, 1), FGLA_INVALID_ARGUMENT, "function must not be null");
}

TEST_F(CallTest, ResultsMustNotOverlapEachOther) {
  int16_t storage[4] = {};
  alignas(8) int16_t memory[8] = {};
  int64_t shape[2] = {2, 2};
  fgla_tensor a = {storage, FGLA_I16, 2, shape, nullptr, cpu};
  fgla_tensor results[2] = {{memory, FGLA_I16, 2, shape, nullptr, cpu}, {memory, FGLA_I64, 0, nullptr, nullptr, cpu}};
  expectError(fgla_call(transpose, &a, 1, results, 2), FGLA_INVALID_ARGUMENT,
              "result 'count' must not overlap result 'b' in memory (function "
              "'transpose')");
  results[1].data = memory + 4; // side by side
  EXPECT_EQ(fgla_call(transpose, &a, 1, results, 2), FGLA_OK);
}

// A view that interleaves with the result: refused, as documented.
TEST_F(CallTest, OverlapGoesByRange) {
  float memory[48] = {};
  int64_t shape[3] = {1, 3, 4};
  const int64_t stride[3] = {0, 16, 1};
  float bias = 0;
  fgla_tensor args[3] = {{memory, FGLA_F32, 3, shape, stride, cpu},
                         {memory, FGLA_F32, 3, shape, stride, cpu},
                         {&bias, FGLA_F32, 0, nullptr, nullptr, cpu}};
  fgla_tensor result = {memory + 4, FGLA_F32, 3, shape, nullptr, cpu};
  expectError(fgla_call(mix, args, 3, &result, 1), FGLA_INVALID_ARGUMENT,
              "result 'out' must not overlap argument 'x' in memory (function "
              "'mix')");
  result.data = memory + 36; // right after the last element of the view
  EXPECT_EQ(fgla_call(mix, args, 3, &result, 1), FGLA_OK) << fgla_error_message();
}

// A broadcast that would need an absurd copy.
TEST_F(CallTest, NoMemoryForThePackedCopy) {
  int64_t n = int64_t(1) << 30;
  int64_t shape[2] = {n, n}, stride[2] = {0, 0}, resultShape[2] = {n, n};
  int16_t value = 1;
  int64_t count;
  fgla_tensor a = {&value, FGLA_I16, 2, shape, stride, cpu};
  // Never touched: the copy fails first.
  fgla_tensor results[2] = {{reinterpret_cast<void *>(uintptr_t(1) << 62), FGLA_I16, 2, resultShape, nullptr, cpu},
                            {&count, FGLA_I64, 0, nullptr, nullptr, cpu}};
  expectError(fgla_call(transpose, &a, 1, results, 2), FGLA_OUT_OF_MEMORY,
              "no memory for a contiguous copy of argument 'a' (function "
              "'transpose')");
}

// Each allocation of the library fails once: that call says so, and the next one works.
TEST_F(CallTest, WithoutMemoryACallFails) {
  auto failEach = [](auto &&call) {
    int failures = 0;
    for (fgla_status status = FGLA_OUT_OF_MEMORY; status == FGLA_OUT_OF_MEMORY; ++failures) {
      failingAllocation = failures + 1;
      status = call();
      failingAllocation = 0;
      if (status == FGLA_OUT_OF_MEMORY)
        EXPECT_STREQ(fgla_error_message(), "no memory");
      else
        EXPECT_EQ(status, FGLA_OK) << fgla_error_message();
    }
    return failures - 1;
  };
  fgla_module *module = nullptr;
  EXPECT_GT(failEach([&] { return fgla_module_load(ARTIFACT_DIR "/good_artifact.so", &module); }), 10);
  fgla_module_unload(module);
  MixCall call;
  int64_t dims[3];
  EXPECT_GT(failEach([&] { return fgla_function_result_shapes(mix, call.args, 3, dims, 3); }), 0);
  EXPECT_EQ(failEach([&] { return call(mix); }), 0); // a call that is right takes no memory
  call.args[0].rank = 1;
  failingAllocation = 1;
  EXPECT_EQ(call(mix), FGLA_OUT_OF_MEMORY);
  failingAllocation = 0;
}
