//===- Report.cpp - What became of a module's kernels ---------------------===//

#include "passes/binary/Report.h"
#include "dialect/fgla/Attributes.h"
#include "passes/kernel/KernelList.h"

#include <map>

using namespace mlir;
namespace json = llvm::json;
using fgla::binary::DeviceCode;

/// Attributes that have a form in JSON; others as they print.
static json::Value toJson(Attribute attribute) {
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    json::Object object;
    for (NamedAttribute member : dictionary)
      object[json::fixUTF8(member.getName())] = toJson(member.getValue());
    return object;
  }
  if (auto array = dyn_cast<ArrayAttr>(attribute))
    return json::Array(llvm::map_range(array, toJson));
  if (auto text = dyn_cast<StringAttr>(attribute))
    return json::fixUTF8(text);
  if (auto boolean = dyn_cast<BoolAttr>(attribute))
    return boolean.getValue();
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return json::fixUTF8(text);
}

static json::Object describe(LLVM::LLVMFuncOp kernel, const DeviceCode &code) {
  json::Object object{{"kernel", json::fixUTF8(kernel.getName())}, {"module", json::fixUTF8(code.module)}};
  if (auto block = fgla::kernel::getBlock(kernel); succeeded(block))
    object["threads"] = (*block)[0] * (*block)[1] * (*block)[2];
  object["shared_bytes"] = fgla::kernel::getSharedBytes(kernel);
  if (const fgla::binary::KernelUse *use = code.log.find(kernel.getName())) {
    object["registers"] = use->registers;
    object["spill_bytes"] = use->spillStores + use->spillLoads;
    object["stack_bytes"] = use->stackBytes;
    object["static_shared_bytes"] = use->staticSharedBytes;
    object["barriers"] = use->barriers;
  }
  if (!code.log.warnings.empty())
    object["assembler_warnings"] = json::Array(code.log.warnings);
  json::Array remarks;
  if (const fgla::binary::KernelUse *use = code.log.find(kernel.getName()); use && use->spillStores + use->spillLoads)
    remarks.push_back("registers are spilled: a thread stores " + std::to_string(use->spillStores) + " and loads " +
                      std::to_string(use->spillLoads) + " bytes of local memory");
  if (auto known = kernel->getAttrOfType<ArrayAttr>(fgla::kRemarksAttrName))
    for (auto remark : known.getAsRange<StringAttr>())
      remarks.push_back(json::fixUTF8(remark));
  if (!remarks.empty())
    object["remarks"] = std::move(remarks);
  if (auto schedule = kernel->getAttrOfType<DictionaryAttr>(fgla::kReportAttrName))
    object["schedule"] = toJson(schedule);
  return object;
}

json::Array fgla::binary::makeReport(ModuleOp module, ArrayRef<DeviceCode> codes) {
  json::Array report;
  for (LLVM::LLVMFuncOp kernel : fgla::kernel::getKernels(module)) {
    StringRef name = kernel->getParentOfType<gpu::GPUModuleOp>().getName();
    report.push_back(describe(kernel, *llvm::find_if(codes, [&](const DeviceCode &c) { return c.module == name; })));
  }
  return report;
}

/// "key: value" lines; what is nested is indented.
static void formatMember(llvm::raw_ostream &stream, StringRef key, const json::Value &value, unsigned indent) {
  stream.indent(indent) << "- " << key << ": ";
  const json::Object *object = value.getAsObject();
  const json::Array *array = value.getAsArray();
  if (object) {
    stream << "\n";
    // In the order of JSON's printer: what a hash table gives is another each time.
    std::map<StringRef, const json::Value *> members;
    for (const auto &[name, member] : *object)
      members[name] = &member;
    for (auto [name, member] : members)
      formatMember(stream, name, *member, indent + 2);
    return;
  }
  auto print = [&](const json::Value &scalar) {
    if (std::optional<StringRef> text = scalar.getAsString())
      stream << *text;
    else
      stream << scalar;
  };
  if (key == "remarks" && array) { // sentences, a line each
    stream << "\n";
    for (const json::Value &remark : *array) {
      stream.indent(indent + 2) << "- ";
      print(remark);
      stream << "\n";
    }
    return;
  }
  if (!array)
    print(value);
  else
    llvm::interleave(*array, print, [&] { stream << ", "; });
  stream << "\n";
}

std::string fgla::binary::formatReport(const json::Array &report) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (const json::Value &value : report) {
    const json::Object &kernel = *value.getAsObject();
    stream << "## " << *kernel.getString("kernel") << " (" << *kernel.getString("module") << ")\n";
    for (StringRef key : {"threads", "shared_bytes", "static_shared_bytes", "registers", "spill_bytes", "stack_bytes",
                          "barriers", "assembler_warnings", "schedule", "remarks"})
      if (const json::Value *member = kernel.get(key))
        formatMember(stream, key, *member, 0);
  }
  if (report.empty())
    stream << "no kernels\n";
  return text;
}
