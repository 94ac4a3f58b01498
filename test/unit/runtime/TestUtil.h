//===- TestUtil.h - Shared by the runtime's tests ---------------*- C++ -*-===//
#ifndef FGLA_TEST_UNIT_RUNTIME_TESTUTIL_H
#define FGLA_TEST_UNIT_RUNTIME_TESTUTIL_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>

/// A directory that is gone at the end of the test.
class TempDir {
public:
  TempDir() {
    std::string pattern = ::testing::TempDir() + "fgla-test-XXXXXX";
    root = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(root); }

  std::string operator/(const std::string &name) const { return root + "/" + name; }
  const std::string &path() const { return root; }
  size_t numFiles() const {
    return std::distance(std::filesystem::directory_iterator(root), std::filesystem::directory_iterator());
  }

private:
  std::string root;
};

inline std::string writeFile(const std::string &path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

inline std::string readFile(const std::string &path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// The result must have failed with exactly this status and message.
#define EXPECT_FAILS(result, expectedCode, expectedMessage)                                                            \
  do {                                                                                                                 \
    const auto &checked = (result);                                                                                    \
    ASSERT_FALSE(checked.ok());                                                                                        \
    EXPECT_EQ(statusOf(checked).code(), expectedCode);                                                                 \
    EXPECT_EQ(checked.message(), expectedMessage);                                                                     \
  } while (0)

template <typename T> const auto &statusOf(const T &result) {
  if constexpr (requires { result.status(); })
    return result.status();
  else
    return result;
}

#endif // FGLA_TEST_UNIT_RUNTIME_TESTUTIL_H
