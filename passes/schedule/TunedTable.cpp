//===- TunedTable.cpp - Schedules that were timed -------------------------===//

#include "passes/schedule/TunedTable.h"
#include "runtime/File.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"

using namespace llvm;
using fgla::TunedKey;
using fgla::TunedRow;
using fgla::TunedTable;
using fgla::runtime::Result;
using fgla::runtime::Status;

static constexpr StringRef kHead =
    "# Schedules that won when they were timed on a GPU, one kernel a line (docs/schedules.md); written by "
    "fgla-compile --tune.\n"
    "# target keys values element axis shape | members of the schedule | what was measured | device\n";

/// The files of tuned/, one after the other.
static constexpr char shippedText[] =
#include "passes/schedule/TunedTables.inc"
    ;

const char *fgla::classifyShape(int64_t programs, int64_t multiprocessors) {
  return 2 * programs <= multiprocessors ? TunedKey::kLongShape : TunedKey::kWideShape;
}

/// What is wrong with a word that must be one of some.
static std::string mustBe(StringRef what, ArrayRef<StringRef> known, StringRef found) {
  return is_contained(known, found)
             ? ""
             : ("the " + what + " must be one of " + join(known, ", ") + ", got '" + found + "'").str();
}

static std::string parseKey(StringRef text, TunedKey &key) {
  SmallVector<StringRef> words;
  SplitString(text, words);
  if (words.size() != 6)
    return "a kernel is 'target keys values element axis shape', got '" + text.trim().str() + "'";
  for (auto [what, word, value] : {std::tuple("keys", words[1], &key.keys), {"values", words[2], &key.values}})
    if (word.getAsInteger(10, *value) || *value <= 0)
      return (Twine(what) + " must be a number above 0, got '" + word + "'").str();
  key.target = words[0];
  key.element = words[3];
  key.axis = words[4];
  key.shape = words[5];
  for (const std::string &error :
       {mustBe("element", {"bf16", "f16", "f32"}, key.element),
        mustBe("axis", {"key", "value", "head", "constant", "none"}, key.axis),
        mustBe("shape", {TunedKey::kAnyShape, TunedKey::kWideShape, TunedKey::kLongShape}, key.shape)})
    if (!error.empty())
      return error;
  return {};
}

/// What is wrong with a line, or nothing.
static std::string parseRow(StringRef line, TunedRow &row) {
  SmallVector<StringRef> columns;
  line.split(columns, '|');
  if (columns.size() != 4)
    return "a line has 4 columns with '|' between, got " + std::to_string(columns.size());
  row.schedule = columns[1].trim();
  row.measured = columns[2].trim();
  row.device = columns[3].trim();
  if (row.schedule.empty())
    return "the schedule is empty";
  return parseKey(columns[0], row.key);
}

Result<TunedTable> TunedTable::parse(std::string_view text, std::string name) {
  TunedTable table;
  table.name = std::move(name);
  unsigned number = 0;
  for (StringRef line : split(StringRef(text), '\n')) {
    ++number;
    line = line.split('#').first.trim();
    if (line.empty())
      continue;
    TunedRow row;
    row.line = number;
    std::string error = parseRow(line, row);
    if (const TunedRow *other = error.empty() ? table.find(row.key) : nullptr)
      error = "the kernel stands in line " + std::to_string(other->line) + " already";
    if (!error.empty())
      return Status(FGLA_INVALID_ARGUMENT, table.name + ":" + std::to_string(number) + ": " + error);
    table.rows.push_back(std::move(row));
  }
  return table;
}

const TunedTable &TunedTable::shipped() {
  static const TunedTable table = [] {
    Result<TunedTable> parsed = parse(shippedText, "passes/schedule/tuned");
    if (!parsed.ok()) // TunedTableTest reads the same text
      report_fatal_error(Twine(parsed.message()));
    return *parsed;
  }();
  return table;
}

const TunedRow *TunedTable::find(const TunedKey &key) const {
  auto found = find_if(rows, [&](const TunedRow &row) { return row.key == key; });
  return found == rows.end() ? nullptr : &*found;
}

void TunedTable::set(TunedRow row) {
  for (TunedRow &old : rows)
    if (old.key == row.key) {
      old = std::move(row);
      return;
    }
  rows.push_back(std::move(row));
}

void TunedTable::erase(const TunedKey &key) {
  erase_if(rows, [&](const TunedRow &row) { return row.key == key; });
}

std::string TunedTable::print() const {
  std::string text = kHead.str();
  for (const TunedRow &row : rows) {
    const TunedKey &key = row.key;
    text += key.target + " " + std::to_string(key.keys) + " " + std::to_string(key.values) + " " + key.element + " " +
            key.axis + " " + key.shape + " | " + row.schedule + " | " + row.measured + " | " + row.device + "\n";
  }
  return text;
}

Result<TunedTable> fgla::readTunedTable(const std::string &path) {
  Result<runtime::File> file = runtime::File::openForRead(path);
  if (!file.ok())
    return file.status();
  std::string text(file->size(), '\0');
  if (Status status = file->readAt(0, text.data(), text.size()); !status.ok())
    return status;
  return TunedTable::parse(text, path);
}
