//===- layer.cpp - The layer of C++, for layer.py to compare with ---------===//
//
// usage: torch-layer FOLDER MIXER [OPTION=VALUE...]
//
// Reads x.pt (a dict with "x") and state.pt, if there is one, and writes names and initial values of the parameters to
// initial.pt, and y.pt: the output, and that of the tokens in parts.
//
//===----------------------------------------------------------------------===//

#include "frontends/torch/nn/FGLA.h"
#include "frontends/torch/nn/StateDict.h"
#include <fstream>
#include <iostream>
#include <torch/serialize.h>

static fgla::FGLAOptions readOptions(int argc, char **argv, int64_t hidden) {
  auto options = fgla::FGLAOptions(hidden).mixer(argv[2]);
  for (int i = 3; i < argc; ++i) {
    std::string word = argv[i], name = word.substr(0, word.find('=')), value = word.substr(name.size() + 1);
    if (name == "num_kv_heads")
      options.num_kv_heads(std::stoll(value));
    else if (name == "expand_k")
      options.expand_k(std::stod(value));
    else if (name == "expand_v")
      options.expand_v(std::stod(value));
    else if (name == "feature_map")
      options.feature_map(value);
    else if (name == "gate")
      options.gate(value);
    else if (name == "log_gate")
      options.log_gate(value == "True");
    else if (name == "axis")
      options.axis(value);
    else if (name == "norm")
      options.norm(value);
    else if (name == "norm_eps")
      options.norm_eps(std::stod(value));
    else if (name == "use_output_gate")
      options.use_output_gate(value == "True");
    else if (name == "use_short_conv")
      options.use_short_conv(value == "True");
    else if (name == "conv_size")
      options.conv_size(std::stoll(value));
    else if (name == "conv_bias")
      options.conv_bias(value == "True");
    else if (name == "gate_low_rank_dim")
      options.gate_low_rank_dim(std::stoll(value));
    else
      TORCH_CHECK_VALUE(false, "no option '", name, "'");
  }
  return options;
}

static torch::Tensor readTensor(const std::filesystem::path &file, const char *name) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return torch::pickle_load(bytes).toGenericDict().at(name).toTensor();
}

int main(int argc, char **argv) try {
  std::filesystem::path folder = argv[1];
  torch::Tensor x = readTensor(folder / "x.pt", "x");
  torch::manual_seed(0);
  fgla::FGLA layer(readOptions(argc, argv, x.size(2)));
  fgla::saveStateDict(*layer, folder / "initial.pt");
  if (std::filesystem::exists(folder / "state.pt"))
    fgla::loadStateDict(*layer, folder / "state.pt");
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> rows;
  fgla::State state;
  for (const torch::Tensor &part : x.split_with_sizes({5, x.size(1) - 6, 1}, 1)) {
    auto [row, next] = layer->extend(part, state);
    rows.push_back(row);
    state = next;
  }
  c10::Dict<std::string, torch::Tensor> outputs;
  outputs.insert("whole", layer->forward(x));
  outputs.insert("parts", torch::cat(rows, 1));
  std::vector<char> bytes = torch::pickle_save(outputs);
  std::ofstream(folder / "y.pt", std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return 0;
} catch (const c10::Error &error) {
  std::cerr << "error: " << error.what_without_backtrace() << '\n';
  return 1;
}
