//===- Manifest.cpp - What an artifact says about itself ------------------===//

#include "runtime/Manifest.h"

#include "runtime/Json.h"

#include <unordered_set>

using namespace fgla::runtime;

std::string ValueSpec::shapeText() const {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + (dims[i].isStatic() ? std::to_string(dims[i].size) : dims[i].symbol);
  return text + "]";
}

size_t FunctionSpec::numResultDims() const {
  size_t count = 0;
  for (const ValueSpec &result : results)
    count += result.rank();
  return count;
}

static Status bad(const std::string &where, const std::string &what) {
  return Status(FGLA_INVALID_ARTIFACT, "manifest: " + where + " " + what);
}

/// Reads the string member `key` of `object`, which stands at `where`.
static Status readString(const Json &object, const char *key, const std::string &where, std::string &out) {
  const Json *member = jsonMember(object, key);
  if (!member)
    return bad(where, "has no '" + std::string(key) + "'");
  if (!member->is_string() || member->get_ref<const std::string &>().empty())
    return bad(where, "must have a non-empty string as '" + std::string(key) + "', got " + member->type_name());
  out = member->get_ref<const std::string &>();
  // A zero would cut the name in the C ABI and in dlsym.
  if (out.find('\0') != std::string::npos)
    return bad(where, "has a zero character in '" + std::string(key) + "'");
  return {};
}

static Status readDim(const Json &json, const std::string &where, DimSpec &dim) {
  if (std::optional<int64_t> size = jsonIndex(json)) {
    dim.size = *size;
    return {};
  }
  if (!json.is_string())
    return bad(where,
               "must be an integer >= 0 or a symbol, got " + json.dump(-1, ' ', false, Json::error_handler_t::replace));
  dim.symbol = json.get_ref<const std::string &>();
  if (dim.symbol.empty() || dim.symbol.find('\0') != std::string::npos)
    return bad(where, "must be a symbol of one character or more, without "
                      "zeros, got " +
                          quote(dim.symbol));
  return {};
}

static Status readValue(const Json &json, const std::string &where, ValueSpec &value) {
  if (!json.is_object())
    return bad(where, std::string("must be an object, got ") + json.type_name());
  if (Status s = readString(json, "name", where, value.name); !s.ok())
    return s;
  std::string dtype;
  if (Status s = readString(json, "dtype", where, dtype); !s.ok())
    return s;
  std::optional<DType> known = dtypeFromName(dtype);
  if (!known)
    return bad(where, "has unknown dtype " + quote(dtype));
  value.dtype = *known;

  const Json *shape = jsonMember(json, "shape");
  if (!shape || !shape->is_array())
    return bad(where, "must have an array as 'shape'");
  if (shape->size() > FGLA_MAX_RANK)
    return bad(where, "must have rank <= " + std::to_string(FGLA_MAX_RANK) + ", got " + std::to_string(shape->size()));
  std::vector<int64_t> staticDims;
  for (size_t i = 0; i < shape->size(); ++i) {
    DimSpec dim;
    if (Status s = readDim((*shape)[i], where + ".shape[" + std::to_string(i) + "]", dim); !s.ok())
      return s;
    if (dim.isStatic())
      staticDims.push_back(dim.size);
    value.dims.push_back(std::move(dim));
  }
  if (!byteSize(value.dtype, staticDims))
    return bad(where, "has a size that does not fit in 63 bits");
  return {};
}

static Status readValues(const Json &function, const char *key, const std::string &where,
                         std::vector<ValueSpec> &values) {
  const Json *list = jsonMember(function, key);
  if (!list || !list->is_array())
    return bad(where, "must have an array as '" + std::string(key) + "'");
  std::unordered_set<std::string> names;
  for (size_t i = 0; i < list->size(); ++i) {
    ValueSpec value;
    std::string element = where + "." + key + "[" + std::to_string(i) + "]";
    if (Status s = readValue((*list)[i], element, value); !s.ok())
      return s;
    if (!names.insert(value.name).second)
      return bad(element, "repeats the name " + quote(value.name));
    values.push_back(std::move(value));
  }
  return {};
}

static Status readFunction(const Json &json, const std::string &where, FunctionSpec &function) {
  if (!json.is_object())
    return bad(where, std::string("must be an object, got ") + json.type_name());
  for (auto [key, field] : {std::pair{"name", &function.name}, std::pair{"entry", &function.entry},
                            std::pair{"shape", &function.shapeEntry}})
    if (Status s = readString(json, key, where, *field); !s.ok())
      return s;
  if (Status s = readValues(json, "args", where, function.args); !s.ok())
    return s;
  return readValues(json, "results", where, function.results);
}

static Status readRequirements(const Json &json, std::vector<std::string> &requirements) {
  const Json *list = jsonMember(json, "requires");
  if (!list)
    return {};
  bool isTexts = list->is_array();
  for (size_t i = 0; isTexts && i < list->size(); ++i)
    isTexts = (*list)[i].is_string();
  if (!isTexts)
    return bad("top level", "must have an array of strings as 'requires'");
  for (const Json &name : *list)
    requirements.push_back(name.get_ref<const std::string &>());
  return {};
}

static Status readSize(const Json &json, const std::string &where, uint32_t &size) {
  std::optional<int64_t> value = jsonIndex(json);
  if (!value || *value > INT32_MAX)
    return bad(where,
               "must be an integer in [0, 2^31), got " + json.dump(-1, ' ', false, Json::error_handler_t::replace));
  size = static_cast<uint32_t>(*value);
  return {};
}

static Status readKernel(const Json &json, const std::string &where, KernelSpec &kernel) {
  if (!json.is_object())
    return bad(where, std::string("must be an object, got ") + json.type_name());
  for (auto [key, field] : {std::pair{"name", &kernel.name}, std::pair{"image", &kernel.image}})
    if (Status s = readString(json, key, where, *field); !s.ok())
      return s;
  const Json *block = jsonMember(json, "block"), *shared = jsonMember(json, "shared");
  if (!block || !block->is_array() || block->size() != kernel.block.size())
    return bad(where, "must have an array of 3 sizes as 'block'");
  for (size_t i = 0; i < kernel.block.size(); ++i)
    if (Status s = readSize((*block)[i], where + ".block", kernel.block[i]); !s.ok())
      return s;
  if (shared)
    if (Status s = readSize(*shared, where + ".shared", kernel.sharedBytes); !s.ok())
      return s;
  if (const Json *dependent = jsonMember(json, "dependent")) {
    if (!dependent->is_boolean())
      return bad(where, "must have true or false as 'dependent'");
    kernel.isDependent = dependent->get<bool>();
  }
  return {};
}

static Status readKernels(const Json &json, std::vector<KernelSpec> &kernels) {
  const Json *list = jsonMember(json, "kernels");
  if (!list)
    return {};
  if (!list->is_array())
    return bad("top level", "must have an array as 'kernels'");
  for (size_t i = 0; i < list->size(); ++i)
    if (Status s = readKernel((*list)[i], "kernels[" + std::to_string(i) + "]", kernels.emplace_back()); !s.ok())
      return s;
  return {};
}

Result<Manifest> Manifest::parse(std::string_view text) {
  Result<JsonDocument> json = parseJson(text);
  if (!json.ok())
    return bad("is no valid document:", json.message());
  if (!json->is_object())
    return bad("top level", std::string("must be an object, got ") + json->type_name());

  // First of all, because another version may mean anything by the rest.
  const Json *abi = jsonMember(*json, "abi");
  std::optional<int64_t> version = abi ? jsonIndex(*abi) : std::nullopt;
  if (!version)
    return bad("top level", "must have an integer as 'abi'");
  if (*version != FGLA_ABI_VERSION)
    return Status(FGLA_ABI_MISMATCH, "artifact has ABI version " + std::to_string(*version) + ", this runtime needs " +
                                         std::to_string(FGLA_ABI_VERSION) + ": compile it again");

  Manifest manifest;
  if (Status s = readString(*json, "target", "top level", manifest.target); !s.ok())
    return s;
  if (json->contains("compiler"))
    if (Status s = readString(*json, "compiler", "top level", manifest.compiler); !s.ok())
      return s;
  if (Status s = readRequirements(*json, manifest.requirements); !s.ok())
    return s;
  if (Status s = readKernels(*json, manifest.kernels); !s.ok())
    return s;
  const Json *functions = jsonMember(*json, "functions");
  if (!functions || !functions->is_array())
    return bad("top level", "must have an array as 'functions'");
  std::unordered_set<std::string> names;
  for (size_t i = 0; i < functions->size(); ++i) {
    std::string where = "functions[" + std::to_string(i) + "]";
    FunctionSpec function;
    if (Status s = readFunction((*functions)[i], where, function); !s.ok())
      return s;
    if (!names.insert(function.name).second)
      return bad(where, "repeats the name " + quote(function.name));
    manifest.functions.push_back(std::move(function));
  }
  return manifest;
}
