//===- TunedTable.h - Schedules that were timed ---------------------------===//
//
// A text file, a kernel a line; what follows # is a comment:
//
//   sm_90a 128 128 bf16 key any | load=1,elementwise=2x4 | B=8,T=2048 158.1 us (chosen 165.0) | NVIDIA H100
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_SCHEDULE_TUNEDTABLE_H
#define FGLA_PASSES_SCHEDULE_TUNEDTABLE_H

#include "runtime/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace fgla {

/// Which kernels have one schedule.
struct TunedKey {
  std::string target;            ///< "sm_90a"
  int64_t keys = 0, values = 0;  ///< channels of a head
  std::string element;           ///< of queries: "bf16", "f16" or "f32"
  std::string axis;              ///< of the decay: "key", "value", "head" or "constant"; "none" without one
  std::string shape = kAnyShape; ///< of the batch: one of the three below

  static constexpr const char *kAnyShape = "any";   ///< not known when the kernel is compiled
  static constexpr const char *kWideShape = "wide"; ///< sequences alone keep the multiprocessors busy
  static constexpr const char *kLongShape = "long"; ///< a multiprocessor or more for each half of a sequence

  bool operator==(const TunedKey &) const = default;
};

/// The class of a shape with so many programs (sequences, heads, slices).
const char *classifyShape(int64_t programs, int64_t multiprocessors);

struct TunedRow {
  TunedKey key;
  std::string schedule; ///< members, as `--schedule` takes them
  std::string measured, device;
  unsigned line = 0; ///< of the file that it comes from
};

class TunedTable {
public:
  /// `name` is what errors call it.
  static runtime::Result<TunedTable> parse(std::string_view text, std::string name);
  /// The one that the compiler was built with.
  static const TunedTable &shipped();

  const std::string &getName() const { return name; }
  const std::vector<TunedRow> &getRows() const { return rows; }
  /// Null if there is none.
  const TunedRow *find(const TunedKey &key) const;
  /// In place of one with the same key, or after all others.
  void set(TunedRow row);
  void erase(const TunedKey &key);
  /// As parse() reads it. Comments are gone but for the head.
  std::string print() const;

private:
  std::string name;
  std::vector<TunedRow> rows;
};

/// A table in a file.
runtime::Result<TunedTable> readTunedTable(const std::string &path);

} // namespace fgla

#endif // FGLA_PASSES_SCHEDULE_TUNEDTABLE_H
