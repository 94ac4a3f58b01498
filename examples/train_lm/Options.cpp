//===- Options.cpp - The command line -------------------------------------===//

#include "Options.h"
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>

const char *const kUsage = R"(usage: train_lm --text=FILE [--out=DIR] [OPTION=VALUE...]

Trains a language model on the bytes of FILE. DIR gets checkpoint.pt, loss.csv and loss.png, and at the end model.pt and
sample.txt; a run that was stopped is continued from its checkpoint.

  --mixers=fgla,fgla      the mixer of each block: fgla, gla, scalar, retnet, relu, elu1, hedgehog, softmax
  --channels=128 --heads=2 --short-convolution=1
  --batch=8 --length=256 --accumulate=1 --steps=1000 --seed=1
  --learning-rate=2e-3 --warmup=100 --weight-decay=0.1 --clip=1
  --bf16=0                autocast
  --device=cpu
  --evaluate-every=100 --checkpoint-every=100
  --sample=400 --temperature=0.8 --prompt="In the beginning "
)";

template <typename Number> static void parse(const std::string &name, const std::string &text, Number &number) {
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 0)
    throw std::invalid_argument(name + " takes a number that is not negative, got '" + text + "'");
}

static void parse(const std::string &name, const std::string &text, bool &flag) {
  if (text != "0" && text != "1")
    throw std::invalid_argument(name + " takes 0 or 1, got '" + text + "'");
  flag = text == "1";
}

static void parse(const std::string &, const std::string &text, std::string &value) { value = text; }
static void parse(const std::string &, const std::string &text, std::filesystem::path &value) { value = text; }

static void parse(const std::string &, const std::string &text, std::vector<std::string> &list) {
  list.clear();
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');)
    list.push_back(word);
}

Options parseOptions(int argc, char **argv) {
  Options options;
  using Parser = std::function<void(const std::string &, const std::string &)>;
  auto into = [](auto &member) -> Parser {
    return [&member](const std::string &name, const std::string &text) { parse(name, text, member); };
  };
  const std::map<std::string, Parser> known = {
      {"--text", into(options.text)},
      {"--out", into(options.out)},
      {"--mixers", into(options.mixers)},
      {"--channels", into(options.channels)},
      {"--heads", into(options.heads)},
      {"--short-convolution", into(options.shortConvolution)},
      {"--batch", into(options.batch)},
      {"--length", into(options.length)},
      {"--accumulate", into(options.accumulate)},
      {"--steps", into(options.steps)},
      {"--seed", into(options.seed)},
      {"--learning-rate", into(options.learningRate)},
      {"--warmup", into(options.warmup)},
      {"--weight-decay", into(options.weightDecay)},
      {"--clip", into(options.clip)},
      {"--bf16", into(options.bf16)},
      {"--device", into(options.device)},
      {"--evaluate-every", into(options.evaluateEvery)},
      {"--checkpoint-every", into(options.checkpointEvery)},
      {"--sample", into(options.sample)},
      {"--temperature", into(options.temperature)},
      {"--prompt", into(options.prompt)},
  };
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    size_t equals = word.find('=');
    auto found = known.find(word.substr(0, equals));
    if (found == known.end() || equals == std::string::npos)
      throw std::invalid_argument("'" + word + "' is not an option with a value");
    found->second(found->first, word.substr(equals + 1));
  }
  if (options.text.empty())
    throw std::invalid_argument("--text is missing");
  for (auto [name, number] : {std::pair("--batch", options.batch),
                              {"--length", options.length},
                              {"--accumulate", options.accumulate},
                              {"--channels", options.channels},
                              {"--heads", options.heads},
                              {"--evaluate-every", options.evaluateEvery},
                              {"--checkpoint-every", options.checkpointEvery}})
    if (number < 1)
      throw std::invalid_argument(std::string(name) + " must be at least 1");
  if (options.mixers.empty())
    throw std::invalid_argument("--mixers names no mixer");
  if (options.prompt.empty())
    throw std::invalid_argument("--prompt is empty");
  return options;
}

std::string Options::describe() const {
  std::ostringstream line;
  for (const std::string &mixer : mixers)
    line << mixer << ' ';
  line << channels << ' ' << heads << ' ' << shortConvolution << ' ' << batch << ' ' << length << ' ' << accumulate
       << ' ' << steps << ' ' << seed << ' ' << learningRate << ' ' << warmup << ' ' << weightDecay << ' ' << clip
       << ' ' << bf16 << ' ' << evaluateEvery;
  return line.str();
}
