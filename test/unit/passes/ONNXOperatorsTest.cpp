//===- ONNXOperatorsTest.cpp - The list of operators that users read ------===//

#include "passes/onnx/ONNXLowering.h"

#include "gtest/gtest.h"

#include <fstream>
#include <map>
#include <regex>

/// The rows ``| `Name` | since | … |`` of docs/onnx-operators.md.
static std::map<std::string, int64_t> readPage() {
  std::ifstream file(OPERATORS_PAGE);
  std::map<std::string, int64_t> rows;
  std::regex row(R"(\| `(\w+)` \| (\d+) \|.*)");
  for (std::string line; std::getline(file, line);)
    if (std::smatch match; std::regex_match(line, match, row)) {
      EXPECT_TRUE(rows.emplace(match[1], std::stoll(match[2])).second) << match[1] << " is listed twice";
    }
  return rows;
}

TEST(ONNXOperators, ThePageListsWhatThereIs) {
  std::map<std::string, int64_t> known;
  for (const auto &entry : fgla::onnx::operators()) {
    EXPECT_NE(entry.second.convert, nullptr) << entry.getKey().str();
    known[entry.getKey().str()] = entry.second.version;
  }
  EXPECT_GT(known.size(), 50u);
  EXPECT_EQ(readPage(), known);
}
