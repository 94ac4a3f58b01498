//===- Attributes.cpp - Attributes that phases leave for each other -------===//

#include "dialect/fgla/Attributes.h"
#include "dialect/fgla/FGLA.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace fgla;

namespace {
/// An attribute of an op; `place` and `value` as messages say them.
struct AttributeRule {
  StringLiteral name, place;
  bool (*isPlace)(Operation *);
  StringLiteral value;
  bool (*isValue)(Attribute);
};
} // namespace

/// It stays where tensors have become memory.
static bool computesTensor(Operation *op) {
  return llvm::any_of(op->getResultTypes(), llvm::IsaPred<ShapedType>) ||
         llvm::any_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>);
}
static bool isModule(Operation *op) { return isa<ModuleOp>(op); }
static bool isRoot(Operation *op) { return isa<FGLADialect>(op->getDialect()); }
static bool isFunction(Operation *op) { return isa<FunctionOpInterface>(op); }
static bool isRootOrFunction(Operation *op) { return isRoot(op) || isFunction(op); }
static bool isLoop(Operation *op) { return isa<LoopLikeOpInterface>(op); }

static bool isSize(Attribute attr) {
  auto integer = dyn_cast<IntegerAttr>(attr);
  return integer && !integer.getValue().isNegative();
}
static bool isSizes(Attribute attr) {
  auto sizes = dyn_cast<DictionaryAttr>(attr);
  return sizes && llvm::all_of(sizes, [](NamedAttribute size) { return isSize(size.getValue()); });
}
static bool isStrings(Attribute attr) {
  auto array = dyn_cast<ArrayAttr>(attr);
  return array && llvm::all_of(array, llvm::IsaPred<StringAttr>);
}
template <typename... Attrs> static bool is(Attribute attr) { return isa<Attrs...>(attr); }

static constexpr AttributeRule rules[] = {
    {kTargetAttrName, "a module", isModule, "#fgla.target", is<TargetAttr>},
    {kShapeAttrName, "a module", isModule, "a dictionary of sizes", isSizes},
    {kManifestAttrName, "a module", isModule, "a string", is<StringAttr>},
    {kScheduleAttrName, "an op of the dialect 'fgla'", isRoot, "#fgla.schedule", is<ScheduleAttr>},
    {kPrecisionAttrName, "an op of the dialect 'fgla' or a function", isRootOrFunction,
     "#fgla.precision<f32> or #fgla.precision<tf32>", is<PrecisionAttr>},
    {kRetentionAttrName, "an op that computes a tensor", computesTensor,
     "#fgla.retention<saved> or #fgla.retention<recomputed>", is<RetentionAttr>},
    {kKernelAttrName, "a function", isFunction, "#fgla.schedule", is<ScheduleAttr>},
    {kShapeFunctionAttrName, "a function", isFunction, "unit", is<UnitAttr>},
    {kSharedBytesAttrName, "a function", isFunction, "a size", isSize},
    {kDependentAttrName, "a function", isFunction, "unit", is<UnitAttr>},
    {kPreciseAttrName, "a function", isFunction, "unit", is<UnitAttr>},
    {kReportAttrName, "a function", isFunction, "a dictionary", is<DictionaryAttr>},
    {kRemarksAttrName, "a function", isFunction, "an array of strings", isStrings},
    {kThreadsAttrName, "a loop", isLoop, "unit", is<UnitAttr>},
};

/// A schedule gives warps to roles of the op's own kernels.
static LogicalResult verifyRoles(KernelRootInterface root, ScheduleAttr schedule) {
  for (const RoleSize &size : schedule.getRoles())
    if (!llvm::is_contained(root.getRoles(), size.name))
      return root->emitOpError() << "attribute '" << kScheduleAttrName << "' must name roles of its kernels ("
                                 << llvm::join(root.getRoles(), ", ") << "), got '" << size.name.getValue() << "'";
  return success();
}

LogicalResult FGLADialect::verifyOperationAttribute(Operation *op, NamedAttribute attr) {
  StringRef name = attr.getName();
  auto rule = llvm::find_if(rules, [&](const AttributeRule &rule) { return rule.name == name; });
  if (rule == std::end(rules))
    return op->emitOpError() << "attribute '" << name << "' is none that the dialect 'fgla' has for ops";
  if (!rule->isPlace(op))
    return op->emitOpError() << "attribute '" << name << "' must stand on " << rule->place;
  if (!rule->isValue(attr.getValue()))
    return op->emitOpError() << "attribute '" << name << "' must be " << rule->value << ", got " << attr.getValue();
  auto root = dyn_cast<KernelRootInterface>(op);
  return root && name == kScheduleAttrName ? verifyRoles(root, cast<ScheduleAttr>(attr.getValue())) : success();
}

/// Checks an attribute of an argument or a result of the type `type`; `attrs` are all that it has.
static LogicalResult verifyValueAttribute(Operation *op, const Twine &kind, unsigned index, Type type,
                                          DictionaryAttr attrs, NamedAttribute attr) {
  auto name = attrs ? attrs.getAs<StringAttr>(kNameAttrName) : StringAttr();
  auto fail = [&]() -> InFlightDiagnostic {
    InFlightDiagnostic error = op->emitOpError() << kind << " '";
    if (name)
      return std::move(error << name.getValue() << "' ");
    return std::move(error << (kind.str() == "argument" ? "arg" : "result") << index << "' ");
  };
  if (attr.getName() == kNameAttrName) {
    if (!isa<StringAttr>(attr.getValue()))
      return fail() << "must have a string in 'fgla.name', got " << attr.getValue();
    return success();
  }
  if (attr.getName() != kDimsAttrName)
    return fail() << "has the attribute '" << attr.getName().getValue()
                  << "', which is none that the dialect 'fgla' has for values";
  if (!isStrings(attr.getValue()))
    return fail() << "must have an array of strings in 'fgla.dims', got " << attr.getValue();
  size_t count = cast<ArrayAttr>(attr.getValue()).size();
  if (auto shaped = dyn_cast<ShapedType>(type);
      shaped && shaped.hasRank() && static_cast<int64_t>(count) != shaped.getRank())
    return fail() << "must have one name in 'fgla.dims' for each dim of " << type << ", got " << count;
  return success();
}

LogicalResult FGLADialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitOpError() << "attribute '" << attr.getName().getValue()
                             << "' must stand on an argument of a function";
  return verifyValueAttribute(op, "argument", index, function.getArgumentTypes()[index], function.getArgAttrDict(index),
                              attr);
}

LogicalResult FGLADialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitOpError() << "attribute '" << attr.getName().getValue() << "' must stand on a result of a function";
  return verifyValueAttribute(op, "result", index, function.getResultTypes()[index], function.getResultAttrDict(index),
                              attr);
}
