//===- CompilerTest.cpp - From a source to calls ---------------------------===//

#include "compiler/Compiler.h"
#include "passes/Targets.h"
#include "support/Tensor.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <thread>
#include <unistd.h>

using namespace fgla;

static Source makeSource(std::string text) {
  Source source;
  source.path = "test.mlir";
  source.bytes = std::move(text);
  return source;
}

static const char *const scale = R"(
func.func @scale(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = arith.addf %x, %x : tensor<?xf32>
  return %y : tensor<?xf32>
})";

namespace {
/// Each test has a cache of its own.
class CompilerTest : public testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("fgla-compiler-test-" + std::to_string(getpid()));
    setenv("FGLA_CACHE_DIR", folder.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("FGLA_CACHE_DIR");
    std::filesystem::remove_all(folder);
  }

  size_t countArtifacts() const {
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator(folder))
      count += entry.path().filename().string().starts_with("llvmcache-");
    return count;
  }

  std::filesystem::path folder;
};
} // namespace

TEST(Phases, NamesComeBack) {
  for (Lowering lowering : {Lowering::Tiled, Lowering::Reference, Lowering::Roles}) {
    EXPECT_EQ(symbolizeLowering(stringifyLowering(lowering)), lowering);
    for (Phase phase : getPhases(lowering))
      EXPECT_EQ(symbolizePhase(stringifyPhase(phase)), phase);
    EXPECT_TRUE(llvm::is_sorted(getPhases(lowering)));
    EXPECT_EQ(getPhases(lowering).front(), Phase::Import);
    EXPECT_EQ(getPhases(lowering).back(), Phase::Binary);
  }
  EXPECT_EQ(symbolizePhase("no such phase"), std::nullopt);
}

TEST(Targets, KnownAndUnknown) {
  mlir::MLIRContext context;
  runtime::Result<TargetAttr> cpu = getTarget(context, "cpu");
  ASSERT_TRUE(cpu.ok());
  EXPECT_GE(cpu->getVectorBits(), 128u);
  for (const GPUTarget &gpu : getGPUTargets()) {
    runtime::Result<TargetAttr> target = getTarget(context, gpu.name);
    ASSERT_TRUE(target.ok());
    EXPECT_EQ(target->getName(), gpu.name);
    EXPECT_EQ(findGPUTarget(target->getName()), &gpu);
  }
  EXPECT_EQ(findGPUTarget("cpu"), nullptr);
  EXPECT_EQ(findGPUTarget("sm_90b"), nullptr);
  // Newer than the table: what every later GPU runs.
  ASSERT_NE(findGPUTarget("sm_130a"), nullptr);
  EXPECT_EQ(findGPUTarget("sm_130a")->name, "sm_120");
  EXPECT_TRUE(getTarget(context, "sm_130").ok());
  EXPECT_EQ(findGPUTarget("sm_0130"), nullptr);
  EXPECT_NE(getTarget(context, "sm_1").message().find("known: cpu, sm_80"), std::string::npos);
}

TEST_F(CompilerTest, NamesFromTheText) {
  auto context = makeContext();
  auto module = importSource(makeSource(scale), *context);
  ASSERT_TRUE(module.ok());
  auto compiled = compileAndLoad(makeSource(scale), {});
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  const runtime::FunctionSpec &spec = (*compiled)->functions().front().spec();
  EXPECT_EQ(spec.args.front().name, "x");
  EXPECT_EQ(spec.results.front().name, "y");
  EXPECT_EQ(spec.args.front().dims.front().symbol, spec.results.front().dims.front().symbol);
}

TEST_F(CompilerTest, ManyThreadsBuildOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (size_t i = 0; i < errors.size(); ++i)
    threads.emplace_back([&errors, i] {
      auto module = compileAndLoad(makeSource(scale), {});
      if (!module.ok()) {
        errors[i] = module.message();
        return;
      }
      float in[3] = {1, 2, 3}, out[3] = {};
      int64_t shape[1] = {3};
      fgla_tensor arg = {in, FGLA_F32, 1, shape, nullptr, {FGLA_DEVICE_CPU, 0}};
      fgla_tensor result = {out, FGLA_F32, 1, shape, nullptr, {FGLA_DEVICE_CPU, 0}};
      runtime::Status status = (*module)->functions().front().call({&arg, 1}, {&result, 1});
      errors[i] = !status.ok() ? status.message() : out[2] == 6 ? "" : "wrong number";
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &error : errors)
    EXPECT_EQ(error, "");
  EXPECT_EQ(countArtifacts(), 1u);
}

TEST_F(CompilerTest, OptionsAreInTheKey) {
  CompileOptions reference;
  reference.phases.lowering = Lowering::Reference;
  CompileOptions wide = reference;
  wide.phases.widenToF64 = true;
  for (const CompileOptions &options : {CompileOptions(), reference, wide, CompileOptions()})
    ASSERT_TRUE(compileAndLoad(makeSource(scale), options).ok());
  EXPECT_EQ(countArtifacts(), 3u);
  auto module = compileAndLoad(makeSource(scale), wide);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ((*module)->functions().front().spec().args.front().dtype, FGLA_F64);
}

TEST_F(CompilerTest, ErrorsAreOneLineAndLeaveNothing) {
  auto module = compileAndLoad(makeSource("func.func @f(%x: tensor<4xf32>) { return %x : tensor<4xf32> }"), {});
  ASSERT_FALSE(module.ok());
  EXPECT_EQ(module.message().find('\n'), std::string::npos);
  EXPECT_EQ(module.message().rfind("test.mlir:1:", 0), 0u) << module.message();
  EXPECT_EQ(countArtifacts(), 0u);
}

/// What `function` makes of 3.
static float callWithThree(const runtime::Module &module) {
  float in = 3, out = 0;
  int64_t shape[1] = {1};
  fgla_tensor arg = {&in, FGLA_F32, 1, shape, nullptr, {FGLA_DEVICE_CPU, 0}};
  fgla_tensor result = {&out, FGLA_F32, 1, shape, nullptr, {FGLA_DEVICE_CPU, 0}};
  runtime::Status status = module.functions().front().call({&arg, 1}, {&result, 1});
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

// Each gets its own code, though both are loaded from memory at once, and however their files were exchanged or
// damaged.
TEST_F(CompilerTest, DamagedAndExchangedEntries) {
  std::string square = scale;
  square.replace(square.find("addf"), 4, "mulf");
  auto check = [&] {
    auto twice = compileAndLoad(makeSource(scale), {}), squared = compileAndLoad(makeSource(square), {});
    ASSERT_TRUE(twice.ok() && squared.ok()) << twice.message() << squared.message();
    EXPECT_EQ(callWithThree(**twice), 6);
    EXPECT_EQ(callWithThree(**squared), 9);
  };
  check();
  std::vector<std::filesystem::path> entries;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("llvmcache-"))
      entries.push_back(entry.path());
  ASSERT_EQ(entries.size(), 2u);
  std::filesystem::rename(entries[0], folder / "other");
  std::filesystem::rename(entries[1], entries[0]);
  std::filesystem::rename(folder / "other", entries[1]);
  check();
  for (uintmax_t at : {uintmax_t(0), uintmax_t(2000), std::filesystem::file_size(entries[0]) / 2}) {
    std::fstream file(entries[0], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put('\x55');
    file.close();
    check();
  }
}

static std::set<std::string> listSymbols(const std::string &which) {
  FILE *pipe = popen((std::string(NM) + " -D --format=posix --" + which + " " + COMPILER_LIBRARY).c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::set<std::string> names;
  char line[1024];
  while (fgets(line, sizeof(line), pipe))
    names.insert(std::string(line, strcspn(line, " \n@")));
  EXPECT_EQ(pclose(pipe), 0);
  return names;
}

// The library can live beside any LLVM: it shows three functions, and needs nothing of one.
TEST(CApi, LibraryIsAClient) {
  std::set<std::string> shown = listSymbols("defined-only");
  shown.erase("FGLA_COMPILER_1");
  EXPECT_EQ(shown, (std::set<std::string>{"fgla_compile", "fgla_compile_result_free", "fgla_compiler_abi_version"}));
  for (const std::string &name : listSymbols("undefined-only"))
    EXPECT_TRUE(name.find("llvm") == std::string::npos && name.find("mlir") == std::string::npos) << name;
}
