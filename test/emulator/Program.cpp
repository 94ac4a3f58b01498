//===- Program.cpp - PTX, read --------------------------------------------===//
#include "Actions.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

using namespace fgla::emulator;

bool Instruction::has(const char *part) const { return std::find(name.begin(), name.end(), part) != name.end(); }

namespace {
class Parser {
public:
  explicit Parser(const std::string &text) : text(text) {}
  std::map<std::string, std::unique_ptr<Kernel>> run();

private:
  // Text
  [[noreturn]] void fail(const std::string &what) const;
  void skipSpace();
  void skipLine() { at = std::min(text.find('\n', at), text.size()); }
  bool consume(char c);
  bool consumeWord(const char *word);
  void expect(char c);
  std::string readWord();
  std::string readUntil(const char *ends);

  // Meaning
  void parseModuleStatement();
  void parseVariable(bool isExtern);
  void parseEntry();
  void parseParameter(uint32_t &offset);
  void parseLimits();
  void parseBody();
  void parseDirective();
  void parseTargets(const std::string &name);
  void parseInstruction(Operand guard);
  Operand parseOperand();
  Operand parseNumber();
  Operand parseNamed(const std::string &word);
  Operand constant(Constant value);
  void resolveBranches();

  const std::string &text;
  size_t at = 0;
  Kernel *kernel = nullptr;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  std::map<std::string, Constant> variables;                        // of the module, and parameters
  std::vector<std::map<std::string, int32_t>> registers;            // by scope
  std::map<std::pair<Constant::Kind, uint64_t>, int32_t> constants; // their registers
  std::map<std::string, int32_t> labels;
  std::map<std::string, std::vector<std::string>> tables; // of labels
  std::vector<std::pair<size_t, std::string>> branches;   // instruction, label
  uint32_t sharedBytes = 0;
  bool hasDynamic = false; // shared memory of the launch
};
} // namespace

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

void Parser::fail(const std::string &what) const {
  size_t line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(std::min(at, text.size())), '\n');
  throw Failure("line " + std::to_string(line) + ": " + what);
}

void Parser::skipSpace() {
  while (at < text.size()) {
    if (std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
    else if (text.compare(at, 2, "//") == 0)
      skipLine();
    else if (text.compare(at, 2, "/*") == 0)
      at = std::min(text.find("*/", at), text.size() - 2) + 2;
    else
      break;
  }
}

bool Parser::consume(char c) {
  skipSpace();
  bool isThere = at < text.size() && text[at] == c;
  at += isThere;
  return isThere;
}

bool Parser::consumeWord(const char *word) {
  skipSpace();
  size_t begin = at;
  if (readWord() == word)
    return true;
  at = begin;
  return false;
}

void Parser::expect(char c) {
  if (!consume(c))
    fail(std::string("expected '") + c + "'");
}

/// Letters, digits and what names, directives and numbers hold beside.
std::string Parser::readWord() {
  skipSpace();
  size_t begin = at;
  while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || std::strchr("_$%.", text[at])))
    ++at;
  return text.substr(begin, at - begin);
}

std::string Parser::readUntil(const char *ends) {
  skipSpace();
  size_t begin = at;
  at = std::min(text.find_first_of(ends, at), text.size());
  return text.substr(begin, at - begin);
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

std::map<std::string, std::unique_ptr<Kernel>> Parser::run() {
  for (skipSpace(); at < text.size() && text[at] != '\0'; skipSpace())
    parseModuleStatement();
  return std::move(kernels);
}

void Parser::parseModuleStatement() {
  std::string word = readWord();
  if (word == ".version" || word == ".target" || word == ".address_size" || word == ".file")
    return skipLine();
  if (word == ".visible" || word == ".weak")
    word = readWord();
  if (word == ".entry")
    return parseEntry();
  bool isExtern = word == ".extern";
  if (isExtern)
    word = readWord();
  if (word != ".shared")
    fail("'" + word + "' is not emulated");
  parseVariable(isExtern);
}

/// .shared .align 16 .b8 name[size];
void Parser::parseVariable(bool isExtern) {
  std::string word = readWord();
  uint32_t alignment = 16, elementBytes = 1;
  for (; word[0] == '.'; word = readWord()) {
    if (word == ".align")
      alignment = std::stoul(readWord());
    else
      elementBytes = std::stoul(word.substr(2)) / 8;
  }
  if (alignment == 0)
    fail("an alignment of zero");
  uint32_t count = 1;
  if (consume('['))
    count = std::strtoul(readUntil("]").c_str(), nullptr, 10), expect(']');
  expect(';');
  sharedBytes = (sharedBytes + alignment - 1) / alignment * alignment;
  variables[word] = {Constant::SharedAddress, isExtern ? 0 : sharedBytes};
  hasDynamic |= isExtern;
  if (!isExtern)
    sharedBytes += count * elementBytes;
  if (hasDynamic && sharedBytes)
    fail("shared memory of a fixed size beside that of the launch is not emulated");
}

/// .param .u64 .ptr .global .align 16 name, or .param .align 64 .b8 name[128]
void Parser::parseParameter(uint32_t &offset) {
  std::string word = readWord();
  uint32_t bytes = 0, alignment = 0;
  for (; word[0] == '.'; word = readWord()) {
    if (word == ".align") {
      uint32_t value = std::stoul(readWord());
      if (bytes == 0) // of the parameter, not of what it points to
        alignment = value;
    } else if (word != ".param" && std::isdigit(static_cast<unsigned char>(word.back()))) {
      bytes = std::stoul(word.substr(2)) / 8;
    }
  }
  alignment = std::max(alignment, bytes);
  if (alignment == 0)
    fail("a parameter has no type");
  if (consume('['))
    bytes *= std::strtoul(readUntil("]").c_str(), nullptr, 10), expect(']');
  offset = (offset + alignment - 1) / alignment * alignment;
  variables[word] = {Constant::Parameter, offset};
  kernel->parameterOffsets.push_back(offset);
  kernel->parameterSizes.push_back(bytes);
  offset += bytes;
}

/// .maxntid 128 .explicitcluster .reqnctapercluster 2, 1, 1: of these, the last alone counts.
void Parser::parseLimits() {
  while (skipSpace(), at < text.size() && text[at] != '{') {
    std::string word = readWord();
    if (word.empty())
      ++at; // between numbers
    if (word != ".reqnctapercluster")
      continue;
    kernel->clusterSize = std::strtoul(readWord().c_str(), nullptr, 10);
    while (consume(','))
      if (readWord() != "1")
        fail("a cluster of blocks that are not beside each other in x is not emulated");
    if (kernel->clusterSize == 0 || kernel->clusterSize > kLargestCluster)
      fail("a cluster of " + std::to_string(kernel->clusterSize) + " blocks");
  }
}

void Parser::parseEntry() {
  auto owned = std::make_unique<Kernel>();
  kernel = owned.get();
  kernel->name = readWord();
  if (consume('('))
    while (!consume(')')) {
      parseParameter(kernel->parameterBytes);
      consume(',');
    }
  parseLimits();
  parseBody();
  kernel->sharedBytes = sharedBytes;
  kernels[kernel->name] = std::move(owned);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void Parser::parseBody() {
  registers.clear();
  constants.clear();
  labels.clear();
  tables.clear();
  branches.clear();
  expect('{');
  registers.emplace_back();
  while (!registers.empty()) {
    skipSpace();
    if (at == text.size())
      fail("a kernel does not end");
    if (consume('{')) {
      registers.emplace_back();
    } else if (consume('}')) {
      registers.pop_back();
    } else if (text[at] == '.') {
      parseDirective();
    } else if (consume('@')) {
      bool isNegated = consume('!');
      Operand guard = parseNamed(readWord());
      guard.isNegated = isNegated;
      parseInstruction(guard);
    } else {
      size_t begin = at;
      std::string word = readWord();
      if (text.compare(at, 2, "::") == 0 || !consume(':'))
        at = begin, parseInstruction({});
      else if (consumeWord(".branchtargets"))
        parseTargets(word);
      else
        labels[word] = static_cast<int32_t>(kernel->code.size());
    }
  }
  resolveBranches();
}

void Parser::parseDirective() {
  std::string word = readWord();
  if (word == ".loc")
    return skipLine();
  if (word == ".shared")
    return parseVariable(/*isExtern=*/false);
  if (word == ".pragma") {
    readUntil(";");
    return expect(';');
  }
  if (word != ".reg")
    fail("'" + word + "' is not emulated");
  readWord(); // the type
  do {
    std::string name = readWord();
    if (!consume('<')) {
      registers.back()[name] = kernel->numRegisters++;
      continue;
    }
    int count = std::stoi(readUntil(">"));
    expect('>');
    for (int number = 0; number < count; ++number)
      registers.back()[name + std::to_string(number)] = kernel->numRegisters++;
  } while (consume(','));
  expect(';');
}

/// name: .branchtargets label, label;
void Parser::parseTargets(const std::string &name) {
  do
    tables[name].push_back(readWord());
  while (consume(','));
  expect(';');
}

void Parser::parseInstruction(Operand guard) {
  Instruction instruction;
  instruction.guard = std::move(guard);
  skipSpace();
  size_t begin = at;
  std::string word = readWord();
  // mbarrier's `::` belongs to the name.
  while (text.compare(at, 2, "::") == 0)
    at += 2, word += "::" + readWord();
  for (size_t dot = 0; dot <= word.size();) {
    size_t next = std::min(word.find('.', dot), word.size());
    instruction.name.push_back(word.substr(dot, next - dot));
    dot = next + 1;
  }
  instruction.isBranch = instruction.name[0] == "bra" || instruction.name[0] == "brx";
  instruction.isExit = word == "ret" || word == "exit";
  instruction.isWarpWide = instruction.has("sync") || instruction.has("wait_all") || instruction.name[0] == "bar" ||
                           word.starts_with("barrier.cluster");
  while (!consume(';')) {
    if (instruction.isBranch && (skipSpace(), text[at] != '%')) {
      branches.emplace_back(kernel->code.size(), readWord());
      if (branches.back().second.empty())
        fail("a branch goes nowhere");
    } else {
      instruction.operands.push_back(parseOperand());
    }
    if (!consume(',') && consume('|')) // two results
      instruction.operands.push_back(parseOperand()), consume(',');
  }
  instruction.text = text.substr(begin, at - begin);
  if (!instruction.isBranch && !instruction.isExit)
    instruction.action = findAction(instruction);
  kernel->code.push_back(std::move(instruction));
}

Operand Parser::parseOperand() {
  skipSpace();
  Operand operand;
  if (consume('{') || text[at] == '[') {
    // An address, one of a tensor copy [map, {x, y}], or a list.
    bool isAddress = consume('[');
    char end = isAddress ? ']' : '}';
    while (!consume(end)) {
      Operand element = parseOperand();
      if (consume('+')) {
        int64_t sign = consume('-') ? -1 : 1;
        element.offset = sign * std::strtoll(readWord().c_str(), nullptr, 0);
      }
      operand.list.push_back(std::move(element));
      consume(',');
    }
    if (isAddress && operand.list.size() == 1)
      return operand.list.front();
    return operand;
  }
  if (consume('!')) {
    operand = parseNamed(readWord());
    operand.isNegated = true;
    return operand;
  }
  if (text[at] == '-' || std::isdigit(static_cast<unsigned char>(text[at])))
    return parseNumber();
  return parseNamed(readWord());
}

Operand Parser::parseNumber() {
  bool isNegative = consume('-');
  std::string word = readWord();
  uint64_t bits = 0;
  if (word.compare(0, 2, "0f") == 0 || word.compare(0, 2, "0d") == 0)
    bits = std::strtoull(word.c_str() + 2, nullptr, 16);
  else
    bits = std::strtoull(word.c_str(), nullptr, 0);
  return constant({Constant::Bits, isNegative ? -bits : bits});
}

Operand Parser::constant(Constant value) {
  Operand operand;
  auto [known, isNew] = constants.try_emplace({value.kind, value.bits}, kernel->numRegisters);
  if (isNew)
    kernel->constants[kernel->numRegisters++] = value;
  operand.number = known->second;
  return operand;
}

Operand Parser::parseNamed(const std::string &word) {
  Operand operand;
  if (word == "_")
    return operand;
  for (auto scope = registers.rbegin(); scope != registers.rend(); ++scope)
    if (auto found = scope->find(word); found != scope->end()) {
      operand.number = found->second;
      return operand;
    }
  static const std::map<std::string, Constant::Kind> special = {{"%tid.x", Constant::ThreadX},
                                                                {"%tid.y", Constant::ThreadY},
                                                                {"%tid.z", Constant::ThreadZ},
                                                                {"%ctaid.x", Constant::BlockX},
                                                                {"%ctaid.y", Constant::BlockY},
                                                                {"%ctaid.z", Constant::BlockZ},
                                                                {"%ntid.x", Constant::SizeX},
                                                                {"%ntid.y", Constant::SizeY},
                                                                {"%ntid.z", Constant::SizeZ},
                                                                {"%nctaid.x", Constant::GridX},
                                                                {"%nctaid.y", Constant::GridY},
                                                                {"%nctaid.z", Constant::GridZ},
                                                                {"%laneid", Constant::Lane},
                                                                {"%warpid", Constant::WarpNumber},
                                                                {"%cluster_ctarank", Constant::ClusterRank},
                                                                {"%cluster_nctarank", Constant::ClusterSize}};
  if (auto found = special.find(word); found != special.end())
    return constant({found->second, 0});
  if (auto found = variables.find(word); found != variables.end())
    return constant(found->second);
  if (word.empty())
    fail("expected an operand");
  fail("'" + word + "' is not known");
}

void Parser::resolveBranches() {
  for (const auto &[index, label] : branches) {
    auto table = tables.find(label);
    for (const std::string &target : table != tables.end() ? table->second : std::vector{label}) {
      auto found = labels.find(target);
      if (found == labels.end())
        fail("no label '" + target + "'");
      kernel->code[index].targets.push_back(found->second);
    }
  }
}

std::map<std::string, std::unique_ptr<Kernel>> fgla::emulator::parsePTX(const std::string &text) {
  return Parser(text).run();
}

Action fgla::emulator::findAction(const Instruction &instruction) {
  for (auto find : {findArithmetic, findMatrix, findMemory, findSynchronization})
    if (Action action = find(instruction))
      return action;
  throw Failure("'" + instruction.text + "' is not emulated");
}
