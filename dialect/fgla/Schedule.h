//===- Schedule.h - What a schedule is made of ----------------------------===//
//
// The table of ScheduleMembers.def as data, and the warps of a role.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_SCHEDULE_H
#define FGLA_DIALECT_FGLA_SCHEDULE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/Hashing.h"
#include <limits>
#include <optional>

namespace fgla {
/// The numbers of a schedule.
enum class ScheduleMember : unsigned {
#define FGLA_SCHEDULE_MEMBER(NAME, ...) NAME,
#include "dialect/fgla/ScheduleMembers.def"
};

/// A line of the table.
struct ScheduleMemberInfo {
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  llvm::StringLiteral name;
  int64_t initial, least, most;
  bool isPowerOfTwo, mayBeZero;
  llvm::StringLiteral what, open;

  bool contains(int64_t value) const;
  /// The values that it may have, as in "must …".
  std::string describeRange() const;
};
llvm::ArrayRef<ScheduleMemberInfo> getScheduleMembers();
std::optional<ScheduleMember> findScheduleMember(llvm::StringRef name);

/// The warps of a role, `2x4`: 4 instances of 2 take turns. What is 0 is left to the compiler.
struct RoleSize {
  mlir::StringAttr name;
  int64_t warps = 0, instances = 0;

  bool operator==(const RoleSize &other) const {
    return name == other.name && warps == other.warps && instances == other.instances;
  }
};
inline llvm::hash_code hash_value(const RoleSize &size) {
  return llvm::hash_combine(size.name.getAsOpaquePointer(), size.warps, size.instances);
}

/// The rows of the table in docs/schedules.md.
std::string describeScheduleMembers();

/// Roles of attention's kernels. Others have no warps that a schedule gives.
namespace role {
inline constexpr llvm::StringLiteral kLoad = "load", kElementwise = "elementwise", kMatrix = "matrix",
                                     kEpilogue = "epilogue";
} // namespace role
} // namespace fgla

#endif // FGLA_DIALECT_FGLA_SCHEDULE_H
