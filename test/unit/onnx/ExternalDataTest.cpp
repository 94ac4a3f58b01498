//===- ExternalDataTest.cpp - Files beneath a model's folder --------------===//
#include "dialect/onnx/ExternalData.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace fgla::onnx;
namespace fs = std::filesystem;

namespace {

TEST(ExternalData, PathsByTheirText) {
  std::string reason;
  for (const char *good : {"w.bin", "a/b/w.bin", "./w.bin", "..w", "a..b/w"})
    EXPECT_TRUE(isInsideFolder(good, reason)) << good;
  for (const char *bad : {"", "/w.bin", "..", "../w", "a/../w", "a/..", ".", "./", "a\\w", "a\nb"})
    EXPECT_FALSE(isInsideFolder(bad, reason)) << bad;
  EXPECT_FALSE(isInsideFolder(std::string("w\0.bin", 6), reason));
  EXPECT_FALSE(isInsideFolder(std::string(5000, 'a'), reason));
}

class ExternalFileTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/fgla-external-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    fs::create_directory(folder / "model");
    std::ofstream(folder / "secret") << "outside";
    std::ofstream(folder / "model" / "w.bin") << "01234567";
    fs::create_symlink("../secret", folder / "model" / "link");
    fs::create_symlink("..", folder / "model" / "up");
    fs::create_symlink("w.bin", folder / "model" / "inner");
  }
  void TearDown() override { fs::remove_all(folder); }
  bool open(ExternalFile &file, const std::string &location) {
    return file.open((folder / "model").string(), location, error);
  }

  fs::path folder;
  std::string error;
};

TEST_F(ExternalFileTest, Reads) {
  ExternalFile file;
  ASSERT_TRUE(open(file, "./w.bin")) << error;
  EXPECT_EQ(file.size(), 8);
  std::string bytes(4, ' ');
  ASSERT_TRUE(file.read(2, 4, bytes.data(), error)) << error;
  EXPECT_EQ(bytes, "2345");
}

TEST_F(ExternalFileTest, NothingOutside) {
  for (const char *location : {"link", "inner", "up/secret", "up/model/w.bin", "../secret", ".", "nowhere"}) {
    ExternalFile file;
    EXPECT_FALSE(open(file, location)) << location;
    EXPECT_FALSE(error.empty());
  }
}

TEST_F(ExternalFileTest, PointerOfGitLFS) {
  std::ofstream(folder / "model" / "lfs.bin") << "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  ExternalFile file;
  EXPECT_FALSE(open(file, "lfs.bin"));
  EXPECT_EQ(error, "'lfs.bin' is a pointer of git-lfs, not the file: run 'git lfs pull'");
}

TEST_F(ExternalFileTest, Bounds) {
  ExternalFile file;
  ASSERT_TRUE(open(file, "w.bin"));
  EXPECT_TRUE(file.contains(0, 8, error));
  EXPECT_TRUE(file.contains(8, 0, error));
  EXPECT_FALSE(file.contains(1, 8, error));
  EXPECT_FALSE(file.contains(-1, 4, error));
  EXPECT_FALSE(file.contains(0, -1, error));
  EXPECT_FALSE(file.contains(INT64_MAX, INT64_MAX, error));
  EXPECT_EQ(error, "'w.bin' has 8 bytes, offset 9223372036854775807 and length 9223372036854775807 do not lie inside");
}

TEST_F(ExternalFileTest, ShrinksMeanwhile) {
  ExternalFile file;
  ASSERT_TRUE(open(file, "w.bin"));
  fs::resize_file(folder / "model" / "w.bin", 3);
  std::string bytes(8, ' ');
  EXPECT_FALSE(file.read(0, 8, bytes.data(), error));
  EXPECT_EQ(error, "'w.bin' cannot be read: it became shorter");
}

} // namespace
