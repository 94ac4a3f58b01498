//===- Safetensors.cpp - The safetensors format ---------------------------===//

#include "support/Safetensors.h"

#include "runtime/File.h"
#include "runtime/Json.h"
#include "support/WriteFile.h"

#include <algorithm>
#include <bit>
#include <tuple>

using namespace fgla::runtime;

static_assert(std::endian::native == std::endian::little, "tensor bytes are read and written as they lie in memory");

static constexpr char metadataKey[] = "__metadata__";
// As in the format's own library: a longer header is an attack, not a model.
static constexpr uint64_t maxHeader = 100'000'000;

namespace {
/// One entry of the header.
struct Entry {
  std::string name;
  bool isWanted;
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end; // in the bytes after the header
};
} // namespace

const Tensor *Safetensors::find(std::string_view name) const {
  for (const NamedTensor &named : tensors)
    if (named.name == name)
      return &named.tensor;
  return nullptr;
}

static Status bad(const std::string &what) { return Status(FGLA_INVALID_ARGUMENT, what); }

static Result<Entry> readEntry(const std::string &name, const Json &json, uint64_t dataBytes, bool isWanted) {
  std::string who = "tensor " + quote(name);
  if (!json.is_object())
    return bad(who + " must be an object, got " + json.type_name());
  Entry entry{name, isWanted, FGLA_F32, {}, 0, 0};

  const Json *dtype = jsonMember(json, "dtype");
  if (!dtype || !dtype->is_string())
    return bad(who + " must have a string as 'dtype'");
  const auto &dtypeText = dtype->get_ref<const std::string &>();
  std::span<const DTypeInfo> table = dtypeTable();
  auto row = std::find_if(table.begin(), table.end(), [&](const DTypeInfo &r) { return dtypeText == r.safetensors; });
  if (row == table.end() && isWanted)
    return bad(who + " has unsupported dtype " + quote(dtypeText));
  if (row != table.end())
    entry.dtype = row->dtype;

  const Json *shape = jsonMember(json, "shape");
  if (!shape || !shape->is_array())
    return bad(who + " must have an array as 'shape'");
  if (isWanted && shape->size() > FGLA_MAX_RANK)
    return bad(who + " must have rank <= " + std::to_string(FGLA_MAX_RANK) + ", got " + std::to_string(shape->size()));
  for (const Json &dim : *shape) {
    std::optional<int64_t> size = jsonIndex(dim);
    if (!size)
      return bad(who + " must have integers >= 0 as 'shape'");
    entry.shape.push_back(*size);
  }
  std::optional<int64_t> bytes = byteSize(entry.dtype, entry.shape);
  if (!bytes && row != table.end())
    return bad(who + " has shape " + shapeString(entry.shape) + ", whose size does not fit in 63 bits");

  const Json *offsets = jsonMember(json, "data_offsets");
  std::optional<int64_t> begin, end;
  if (offsets && offsets->is_array() && offsets->size() == 2) {
    begin = jsonIndex((*offsets)[0]);
    end = jsonIndex((*offsets)[1]);
  }
  if (!begin || !end)
    return bad(who + " must have two integers >= 0 as 'data_offsets'");
  std::string range = "[" + std::to_string(*begin) + ", " + std::to_string(*end) + "]";
  entry.begin = static_cast<uint64_t>(*begin);
  entry.end = static_cast<uint64_t>(*end);
  if (entry.begin > entry.end || entry.end > dataBytes)
    return bad(who + " has data_offsets " + range + " outside the file's " + std::to_string(dataBytes) +
               " bytes of data");
  if (row != table.end() && entry.end - entry.begin != static_cast<uint64_t>(*bytes))
    return bad(who + " has data_offsets " + range + ", but shape " + shapeString(entry.shape) + " of " + dtypeText +
               " needs " + std::to_string(*bytes) + " bytes");
  return entry;
}

static Status readMetadata(const Json &json, std::map<std::string, std::string> &metadata) {
  if (!json.is_object())
    return bad("'__metadata__' must be an object");
  for (const auto &[key, value] : json.items()) {
    if (!value.is_string())
      return bad("'__metadata__' must map to strings, " + quote(key) + " does not");
    metadata[key] = value.get_ref<const std::string &>();
  }
  return {};
}

/// The format has neither holes nor overlaps.
static Status checkLayout(const std::vector<Entry> &entries, uint64_t dataBytes) {
  uint64_t position = 0;
  for (const Entry &entry : entries) {
    if (entry.begin != position)
      return bad("tensor " + quote(entry.name) + " begins at byte " + std::to_string(entry.begin) + ", " +
                 (entry.begin < position ? "overlapping the one before it" : "leaving a hole") + " (expected " +
                 std::to_string(position) + ")");
    position = entry.end;
  }
  if (position != dataBytes)
    return bad("tensors end at byte " + std::to_string(position) + " of " + std::to_string(dataBytes) +
               " bytes of data");
  return {};
}

static Result<Safetensors> read(const File &file, const IsWanted &isWanted) {
  uint64_t headerBytes;
  if (file.size() < sizeof(headerBytes))
    return bad("file is too short for a safetensors header (" + std::to_string(file.size()) + " bytes)");
  if (Status s = file.readAt(0, &headerBytes, sizeof(headerBytes)); !s.ok())
    return s;
  uint64_t rest = file.size() - sizeof(headerBytes);
  if (headerBytes > maxHeader || headerBytes > rest)
    return bad("header of " + std::to_string(headerBytes) + " bytes does not fit (file has " + std::to_string(rest) +
               ", limit is " + std::to_string(maxHeader) + ")");
  std::string text(headerBytes, '\0');
  if (Status s = file.readAt(sizeof(headerBytes), text.data(), text.size()); !s.ok())
    return s;
  Result<JsonDocument> header = parseJson(text, 3);
  if (!header.ok())
    return header.status();
  if (!header->is_object())
    return bad("header must be a JSON object");

  Safetensors result;
  std::vector<Entry> entries;
  uint64_t dataBytes = rest - headerBytes;
  for (const auto &[name, json] : header->items()) {
    if (name == metadataKey) {
      if (Status s = readMetadata(json, result.metadata); !s.ok())
        return s;
      continue;
    }
    Result<Entry> entry = readEntry(name, json, dataBytes, !isWanted || isWanted(name));
    if (!entry.ok())
      return entry.status();
    entries.push_back(std::move(*entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  if (Status s = checkLayout(entries, dataBytes); !s.ok())
    return s;
  for (Entry &entry : entries) {
    if (!entry.isWanted)
      continue;
    Result<Tensor> tensor = Tensor::create(entry.dtype, entry.shape);
    if (!tensor.ok())
      return tensor.status();
    if (Status s = file.readAt(sizeof(headerBytes) + headerBytes + entry.begin, tensor->data(), tensor->numBytes());
        !s.ok())
      return s;
    if (!tensor->hasValidBools())
      return bad("tensor " + quote(entry.name) + " has a BOOL that is neither 0 nor 1");
    result.tensors.push_back({std::move(entry.name), std::move(*tensor)});
  }
  return result;
}

Result<Safetensors> fgla::runtime::readSafetensors(const std::string &path, const IsWanted &isWanted) {
  Result<File> file = File::openForRead(path);
  if (!file.ok())
    return file.status();
  Result<Safetensors> result = read(*file, isWanted);
  if (!result.ok())
    return Status(result.status().code(), "safetensors file " + quote(path) + ": " + result.message());
  return result;
}

/// Dumping with two ways to treat bad bytes differs only if there are some.
static bool isUtf8(const std::string &text) {
  Json json = text;
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore) ==
         json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status fgla::runtime::writeSafetensors(const std::string &path, std::span<const NamedTensor> tensors,
                                       const std::map<std::string, std::string> &metadata) {
  auto fail = [&](const std::string &what) { return bad("cannot write " + quote(path) + ": " + what); };
  Json header = Json::object();
  for (const auto &[key, value] : metadata) {
    if (!isUtf8(key) || !isUtf8(value))
      return fail("metadata " + quote(key) + " is not UTF-8");
    header[metadataKey][key] = value;
  }
  // Large elements first keeps every tensor aligned to its element size.
  std::vector<const NamedTensor *> order;
  for (const NamedTensor &named : tensors)
    order.push_back(&named);
  std::sort(order.begin(), order.end(), [](auto *a, auto *b) {
    return std::pair(dtypeSize(b->tensor.dtype()), std::string_view(a->name)) <
           std::pair(dtypeSize(a->tensor.dtype()), std::string_view(b->name));
  });
  std::vector<std::string_view> chunks(2);
  uint64_t offset = 0;
  for (const NamedTensor *named : order) {
    const Tensor &tensor = named->tensor;
    if (named->name == metadataKey || header.contains(named->name))
      return fail("tensor name " + quote(named->name) + (named->name == metadataKey ? " is reserved" : " repeats"));
    if (!isUtf8(named->name))
      return fail("tensor name " + quote(named->name) + " is not UTF-8");
    header[named->name] = {{"dtype", info(tensor.dtype()).safetensors},
                           {"shape", tensor.shape()},
                           {"data_offsets", {offset, offset + tensor.numBytes()}}};
    offset += tensor.numBytes();
    chunks.emplace_back(static_cast<const char *>(tensor.data()), tensor.numBytes());
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' '); // data starts aligned
  uint64_t headerBytes = text.size();
  chunks[0] = {reinterpret_cast<const char *>(&headerBytes), sizeof(headerBytes)};
  chunks[1] = text;
  return writeFileAtomically(path, chunks);
}
