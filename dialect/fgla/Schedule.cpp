//===- Schedule.cpp - The schedule of a kernel as an attribute ------------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fgla;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr int64_t kNoLimit = ScheduleMemberInfo::kNoLimit;

ArrayRef<ScheduleMemberInfo> fgla::getScheduleMembers() {
  static constexpr ScheduleMemberInfo table[] = {
#define FGLA_SCHEDULE_MEMBER(NAME, ...) {__VA_ARGS__},
#include "dialect/fgla/ScheduleMembers.def"
  };
  return table;
}

/// Warps of a role, and its instances: those of a block.
static constexpr ScheduleMemberInfo sizeOfRole = {"", 0, 1, 32, /*isPowerOfTwo=*/true, /*mayBeZero=*/true, "", ""};

std::optional<ScheduleMember> fgla::findScheduleMember(StringRef name) {
  for (auto [number, member] : llvm::enumerate(getScheduleMembers()))
    if (member.name == name)
      return static_cast<ScheduleMember>(number);
  return std::nullopt;
}

bool ScheduleMemberInfo::contains(int64_t value) const {
  if (value == 0)
    return mayBeZero;
  return value >= least && value <= most && (!isPowerOfTwo || llvm::isPowerOf2_64(value));
}

std::string ScheduleMemberInfo::describeRange() const {
  if (most == kNoLimit)
    return "not be negative";
  std::string range = isPowerOfTwo ? "a power of two up to " + std::to_string(most)
                                   : "between " + std::to_string(least) + " and " + std::to_string(most);
  return (mayBeZero ? "be 0 or " : "be ") + range;
}

std::string fgla::describeScheduleMembers() {
  std::string rows;
  llvm::raw_string_ostream os(rows);
  for (const ScheduleMemberInfo &member : getScheduleMembers()) {
    os << "| `" << member.name << "` | " << member.what;
    if (member.most != kNoLimit)
      os << "; " << StringRef(member.describeRange()).drop_front(3);
    os << " | " << member.open << " |\n";
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// The attribute
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> getInitialMembers() {
  return llvm::map_to_vector(getScheduleMembers(), [](const ScheduleMemberInfo &member) { return member.initial; });
}

ScheduleAttr ScheduleAttr::get(MLIRContext *context, int64_t tile, int64_t segments) {
  SmallVector<int64_t> members = getInitialMembers();
  members[static_cast<unsigned>(ScheduleMember::Tile)] = tile;
  members[static_cast<unsigned>(ScheduleMember::Segments)] = segments;
  return get(context, members, {});
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> members,
                                   ArrayRef<RoleSize> roles) {
  auto check = [&](StringRef name, const ScheduleMemberInfo &range, int64_t value) -> LogicalResult {
    if (range.contains(value))
      return success();
    return emitError() << "'" << name << "' must " << range.describeRange() << ", got " << value;
  };
  for (auto [member, value] : llvm::zip_equal(getScheduleMembers(), members))
    if (failed(check(member.name, member, value)))
      return failure();
  int64_t tile = members[static_cast<unsigned>(ScheduleMember::Tile)];
  int64_t cluster = members[static_cast<unsigned>(ScheduleMember::Cluster)];
  if (cluster > tile)
    return emitError() << "'cluster' must be 0 or a power of two up to " << tile << ", got " << cluster;
  for (auto [number, size] : llvm::enumerate(roles)) {
    if (failed(check(size.name, sizeOfRole, size.warps)) || failed(check(size.name, sizeOfRole, size.instances)))
      return failure();
    if (llvm::any_of(roles.take_front(number), [&](const RoleSize &other) { return other.name == size.name; }))
      return emitError() << "'" << size.name.getValue() << "' is given twice";
  }
  return success();
}

RoleSize ScheduleAttr::getRole(StringRef name) const {
  const auto *found = llvm::find_if(getRoles(), [&](const RoleSize &size) { return size.name == name; });
  return found == getRoles().end() ? RoleSize() : *found;
}

ScheduleAttr ScheduleAttr::with(ScheduleMember member, int64_t value) const {
  SmallVector<int64_t> members(getMembers());
  members[static_cast<unsigned>(member)] = value;
  return get(getContext(), members, getRoles());
}

/// Puts the warps of a role where it was, or after the others; without any, it is left out.
static void setRole(SmallVectorImpl<RoleSize> &roles, const RoleSize &size) {
  auto *found = llvm::find_if(roles, [&](const RoleSize &other) { return other.name == size.name; });
  if (found == roles.end())
    found = roles.insert(found, size);
  *found = size;
  if (size.warps == 0 && size.instances == 0)
    roles.erase(found);
}

ScheduleAttr ScheduleAttr::withRole(StringRef name, int64_t warps, int64_t instances) const {
  SmallVector<RoleSize> roles(getRoles());
  setRole(roles, {StringAttr::get(getContext(), name), warps, instances});
  return get(getContext(), getMembers(), roles);
}

ScheduleAttr ScheduleAttr::withoutRoles() const { return get(getContext(), getMembers(), {}); }

//===----------------------------------------------------------------------===//
// As text
//===----------------------------------------------------------------------===//

/// Calls `print` with each name and what it has. Members that have their initial value are left out if `isShort`.
static void printMembers(ScheduleAttr schedule, bool isShort,
                         function_ref<void(StringRef, const std::string &)> print) {
  for (auto [member, value] : llvm::zip_equal(getScheduleMembers(), schedule.getMembers()))
    if (!isShort || value != member.initial)
      print(member.name, std::to_string(value));
  for (const RoleSize &size : schedule.getRoles())
    print(size.name, std::to_string(size.warps) + (size.instances ? "x" + std::to_string(size.instances) : ""));
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  llvm::ListSeparator separator;
  printer << '<';
  printMembers(*this, /*isShort=*/true, [&](StringRef name, const std::string &value) {
    printer << StringRef(separator) << name << " = " << value;
  });
  printer << '>';
}

std::string ScheduleAttr::toText() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator separator(",");
  printMembers(*this, /*isShort=*/false,
               [&](StringRef name, const std::string &value) { os << separator << name << '=' << value; });
  return text;
}

/// What is no member is a role: which ones there are, the op knows that has the schedule.
Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> members = getInitialMembers();
  SmallVector<RoleSize> roles;
  auto parseMember = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    if (std::optional<ScheduleMember> member = findScheduleMember(name))
      return parser.parseInteger(members[static_cast<unsigned>(*member)]);
    SmallVector<int64_t, 2> size;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseDimensionList(size, /*allowDynamic=*/false, /*withTrailingX=*/false))
      return failure();
    if (size.empty() || size.size() > 2)
      return parser.emitError(loc) << "'" << name << "' must be warps, or warps x instances, as in 2x4";
    roles.push_back({StringAttr::get(parser.getContext(), name), size[0], size.size() > 1 ? size[1] : 0});
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseMember))
    return {};
  auto emitError = [&]() -> InFlightDiagnostic { return parser.emitError(loc); };
  return getChecked(function_ref<InFlightDiagnostic()>(emitError), parser.getContext(), ArrayRef(members),
                    ArrayRef(roles));
}

FailureOr<ScheduleAttr> ScheduleAttr::replace(StringRef text, ArrayRef<StringRef> roles,
                                              function_ref<InFlightDiagnostic()> emitError) const {
  SmallVector<int64_t> members(getMembers());
  SmallVector<RoleSize> sizes(getRoles());
  text = text.trim();
  if (text.consume_front("#fgla.schedule<"))
    text.consume_back(">");
  for (StringRef part : llvm::split(text, ',')) {
    StringRef name = part.split('=').first.trim(), value = part.split('=').second.trim();
    std::optional<ScheduleMember> member = findScheduleMember(name);
    if (!member && !llvm::is_contained(roles, name)) {
      SmallVector<StringRef> known = llvm::map_to_vector(
          getScheduleMembers(), [](const ScheduleMemberInfo &info) -> StringRef { return info.name; });
      llvm::append_range(known, roles);
      return emitError() << "schedule has no member '" << name << "' (known: " << llvm::join(known, ", ") << ")";
    }
    RoleSize size{StringAttr::get(getContext(), name)};
    auto [first, second] = value.split('x');
    bool hasInstances = !member && value.contains('x');
    if ((hasInstances ? first : value).getAsInteger(10, size.warps) ||
        (hasInstances && second.getAsInteger(10, size.instances)))
      return emitError() << "'" << name << "' must be a number" << (member ? "" : ", or two as in '2x4'") << ", got '"
                         << value << "'";
    if (member)
      members[static_cast<unsigned>(*member)] = size.warps;
    else
      setRole(sizes, size);
  }
  auto schedule = getChecked(emitError, getContext(), ArrayRef(members), ArrayRef(sizes));
  if (!schedule)
    return failure();
  return schedule;
}
