//===- Text.cpp - Bytes to train on ---------------------------------------===//

#include "Text.h"
#include <algorithm>
#include <fstream>

Text::Text(const std::filesystem::path &file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  TORCH_CHECK(stream, "cannot read '", file.string(), "'");
  bytes = torch::empty({static_cast<int64_t>(stream.tellg())}, torch::kUInt8);
  stream.seekg(0);
  stream.read(reinterpret_cast<char *>(bytes.data_ptr<uint8_t>()), bytes.numel());
  TORCH_CHECK(stream.gcount() == bytes.numel(), "cannot read all of '", file.string(), "'");
  numTraining = bytes.numel() - bytes.numel() / 20;
}

/// The next number of a sequence whose numbers have nothing to do with each other (splitmix64).
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

torch::Tensor Text::rows(const std::vector<int64_t> &starts, int64_t length) const {
  std::vector<torch::Tensor> rows;
  rows.reserve(starts.size());
  for (int64_t start : starts)
    rows.push_back(bytes.narrow(0, start, length + 1));
  return torch::stack(rows).to(torch::kInt64);
}

torch::Tensor Text::sample(uint64_t seed, int64_t step, int64_t part, int64_t batch, int64_t length) const {
  int64_t places = numTraining - length;
  TORCH_CHECK(places > 0, "the text's ", numTraining, " bytes for training are fewer than a row of ", length + 1);
  std::vector<int64_t> starts;
  for (int64_t row = 0; row < batch; ++row) {
    uint64_t number = mix(mix(mix(mix(seed) + step) + part) + row);
    starts.push_back(static_cast<int64_t>(number % places));
  }
  return rows(starts, length);
}

torch::Tensor Text::validation(int64_t most, int64_t length) const {
  int64_t count = std::min(most, (bytes.numel() - numTraining - 1) / length);
  TORCH_CHECK(count > 0, "the text's ", bytes.numel() - numTraining, " bytes for validation are fewer than a row of ",
              length + 1);
  std::vector<int64_t> starts;
  for (int64_t row = 0; row < count; ++row)
    starts.push_back(numTraining + row * length);
  return rows(starts, length);
}
