//===- Npy.cpp - NumPy's array format -------------------------------------===//

#include "support/Npy.h"

#include "runtime/File.h"
#include "runtime/Strided.h"
#include "support/WriteFile.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

using namespace fgla::runtime;

static_assert(std::endian::native == std::endian::little, "array bytes are read and written as they lie in memory");

static constexpr std::string_view magic = "\x93NUMPY";
static constexpr size_t maxHeader = 1 << 20;

static Status bad(const std::string &what) { return Status(FGLA_INVALID_ARGUMENT, what); }

namespace {
/// What the header says.
struct Header {
  DType dtype = FGLA_F32;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// The header is a Python dict literal, in practice always
/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  Result<Header> parse() {
    bool seen[3] = {};
    if (!take('{'))
      return bad("header is no dictionary");
    while (!take('}')) {
      std::string_view key;
      if (!string(key) || !take(':'))
        return bad("malformed header near byte " + std::to_string(position));
      auto *known = std::find(std::begin(keys), std::end(keys), key);
      if (known == std::end(keys))
        return bad("header has unknown key " + quote(key));
      size_t index = static_cast<size_t>(known - std::begin(keys));
      if (std::exchange(seen[index], true))
        return bad("header repeats the key " + quote(key));
      if (Status s = index == 0 ? descr() : index == 1 ? fortranOrder() : shape(); !s.ok())
        return s;
      if (!take(',') && peek() != '}')
        return bad("malformed header near byte " + std::to_string(position));
    }
    for (size_t i = 0; i < std::size(keys); ++i)
      if (!seen[i])
        return bad("header has no key " + quote(keys[i]));
    if (peek() != '\0')
      return bad("header has text after the dictionary");
    return std::move(header);
  }

private:
  static constexpr std::string_view keys[] = {"descr", "fortran_order", "shape"};

  /// The next character that is not white space; zero at the end.
  char peek() {
    position = std::min(text.find_first_not_of(" \t\n\r", position), text.size());
    return position < text.size() ? text[position] : '\0';
  }

  bool take(char c) {
    if (peek() != c)
      return false;
    ++position;
    return true;
  }

  bool takeWord(std::string_view word) {
    peek();
    if (!text.substr(position).starts_with(word))
      return false;
    position += word.size();
    return true;
  }

  bool string(std::string_view &out) {
    char mark = peek();
    if (mark != '\'' && mark != '"')
      return false;
    size_t end = text.find(mark, position + 1);
    if (end == std::string_view::npos)
      return false;
    out = text.substr(position + 1, end - position - 1);
    position = end + 1;
    return true;
  }

  Status descr() {
    std::string_view name;
    if (!string(name) || name.empty())
      return bad("'descr' must be the name of a simple type (structured arrays "
                 "are not supported)");
    std::string_view type = name;
    char order = '=';
    if (std::string_view("<>=|").find(type.front()) != std::string_view::npos) {
      order = type.front();
      type.remove_prefix(1);
    }
    if (type == "?")
      type = "b1";
    std::span<const DTypeInfo> table = dtypeTable();
    auto row = std::find_if(table.begin(), table.end(), [&](const auto &r) { return r.npy && type == r.npy; });
    if (row == table.end())
      return bad("unsupported dtype " + quote(name) + " (supported: f2 f4 f8 i1 i2 i4 i8 u1 b1)");
    if (order == '>' && row->size > 1)
      return bad("big-endian dtype " + quote(name) + " is not supported");
    header.dtype = row->dtype;
    return {};
  }

  Status fortranOrder() {
    if (takeWord("True"))
      header.fortranOrder = true;
    else if (!takeWord("False"))
      return bad("'fortran_order' must be True or False");
    return {};
  }

  Status shape() {
    Status malformed = bad("'shape' must be a tuple of integers >= 0");
    if (!take('('))
      return malformed;
    while (!take(')')) {
      peek();
      int64_t dim;
      const char *begin = text.data() + position;
      auto [end, error] = std::from_chars(begin, text.data() + text.size(), dim);
      if (error != std::errc() || dim < 0)
        return malformed;
      position += static_cast<size_t>(end - begin);
      if (header.shape.size() == FGLA_MAX_RANK)
        return bad("rank must be <= " + std::to_string(FGLA_MAX_RANK));
      header.shape.push_back(dim);
      take('L'); // Python 2 wrote long integers so
      if (!take(',') && (peek() != ')' || header.shape.size() == 1))
        return malformed; // (3) is no tuple
    }
    return {};
  }

  std::string_view text;
  size_t position = 0;
  Header header;
};
} // namespace

/// Elements of a column-major array in row-major order.
static Result<Tensor> fromFortran(const Tensor &source) {
  const std::vector<int64_t> &shape = source.shape();
  std::vector<int64_t> reversed(shape.rbegin(), shape.rend());
  std::vector<int64_t> strides = contiguousStrides(reversed);
  std::reverse(strides.begin(), strides.end());
  Result<Tensor> result = Tensor::create(source.dtype(), shape);
  if (result.ok())
    pack(source.data(), dtypeSize(source.dtype()), shape, strides, result->data());
  return result;
}

static Result<Tensor> read(const File &file) {
  // magic, two bytes of version, header length (2 bytes, since version 2: 4)
  unsigned char start[12] = {};
  if (file.size() < sizeof(start))
    return bad("file is too short for an npy header");
  if (Status s = file.readAt(0, start, sizeof(start)); !s.ok())
    return s;
  if (std::memcmp(start, magic.data(), magic.size()) != 0)
    return bad("file does not begin as an npy file does");
  unsigned version = start[6];
  if (version < 1 || version > 3)
    return bad("npy version " + std::to_string(version) + " is not supported (1 to 3 are)");
  size_t headerStart = version == 1 ? 10 : 12;
  size_t headerBytes = start[8] | start[9] << 8;
  if (version > 1)
    headerBytes |= size_t(start[10]) << 16 | size_t(start[11]) << 24;
  if (headerBytes > maxHeader || headerBytes > file.size() - headerStart)
    return bad("header of " + std::to_string(headerBytes) + " bytes does not fit (file has " +
               std::to_string(file.size() - headerStart) + ", limit is " + std::to_string(maxHeader) + ")");
  std::string text(headerBytes, '\0');
  if (Status s = file.readAt(headerStart, text.data(), text.size()); !s.ok())
    return s;
  Result<Header> header = HeaderParser(text).parse();
  if (!header.ok())
    return header.status();

  std::optional<int64_t> bytes = byteSize(header->dtype, header->shape);
  if (!bytes)
    return bad("shape " + shapeString(header->shape) + " has a size that does not fit in 63 bits");
  uint64_t dataBytes = file.size() - headerStart - headerBytes;
  if (dataBytes != static_cast<uint64_t>(*bytes))
    return bad("shape " + shapeString(header->shape) + " of " + dtypeName(header->dtype) + " needs " +
               std::to_string(*bytes) + " bytes of data, file has " + std::to_string(dataBytes));
  Result<Tensor> tensor = Tensor::create(header->dtype, header->shape);
  if (!tensor.ok())
    return tensor;
  if (Status s = file.readAt(headerStart + headerBytes, tensor->data(), tensor->numBytes()); !s.ok())
    return s;
  if (!tensor->hasValidBools())
    return bad("array has a bool that is neither 0 nor 1");
  if (header->fortranOrder)
    return fromFortran(*tensor);
  return tensor;
}

Result<Tensor> fgla::runtime::readNpy(const std::string &path) {
  Result<File> file = File::openForRead(path);
  if (!file.ok())
    return file.status();
  Result<Tensor> tensor = read(*file);
  if (!tensor.ok())
    return Status(tensor.status().code(), "npy file " + quote(path) + ": " + tensor.message());
  return tensor;
}

Status fgla::runtime::writeNpy(const std::string &path, const Tensor &tensor) {
  const DTypeInfo &dtype = info(tensor.dtype());
  if (!dtype.npy)
    return bad("cannot write " + quote(path) + ": npy has no dtype " + dtype.name + ", use safetensors");
  std::string shape;
  for (int64_t dim : tensor.shape())
    shape += std::to_string(dim) + ", ";
  if (tensor.shape().size() > 1)
    shape.resize(shape.size() - 2); // one dim keeps its comma
  std::string header = "{'descr': '";
  header += dtype.size == 1 ? "|" : "<";
  header += dtype.npy;
  header += "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Data starts aligned to 64 bytes; the padding ends in a newline.
  constexpr size_t start = 10;
  header.append(63 - (start + header.size()) % 64, ' ');
  header += '\n';
  std::string prefix(magic);
  prefix += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  std::string_view chunks[] = {prefix, header, {static_cast<const char *>(tensor.data()), tensor.numBytes()}};
  return writeFileAtomically(path, chunks);
}
