//===- ArtifactFile.cpp - The file of an artifact, before it is loaded ----===//

#include "runtime/ArtifactFile.h"
#include "runtime/Sha256.h"

#include <cstring>
#include <elf.h>
#include <vector>

using namespace fgla::runtime;

static Status invalid(const std::string &what) { return Status(FGLA_INVALID_ARTIFACT, what); }

//===----------------------------------------------------------------------===//
// ELF
//===----------------------------------------------------------------------===//

/// dlopen() maps what the headers promise and dies with SIGBUS where the file
/// is shorter, so a download that was cut off has to be found before.
static Result<std::vector<Elf64_Phdr>> readSegments(const File &file) {
  Elf64_Ehdr header;
  if (file.size() < sizeof(header))
    return invalid("is not an ELF shared object (too short)");
  if (Status s = file.readAt(0, &header, sizeof(header)); !s.ok())
    return s;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_DYN || header.e_phentsize != sizeof(Elf64_Phdr))
    return invalid("is not a 64-bit ELF shared object");

  auto fits = [&](uint64_t offset, uint64_t length) { return offset <= file.size() && length <= file.size() - offset; };
  const Status cut = invalid("is cut short");
  uint64_t programBytes = uint64_t(header.e_phnum) * sizeof(Elf64_Phdr);
  if (!fits(header.e_phoff, programBytes) || !fits(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize))
    return cut;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (Status s = file.readAt(header.e_phoff, segments.data(), programBytes); !s.ok())
    return s;
  for (const Elf64_Phdr &segment : segments)
    if ((segment.p_type == PT_LOAD || segment.p_type == PT_NOTE) && !fits(segment.p_offset, segment.p_filesz))
      return cut;
  return segments;
}

//===----------------------------------------------------------------------===//
// The seal
//===----------------------------------------------------------------------===//

static constexpr size_t numDigits = 64;

namespace {
/// The note as it lies in the file.
struct Note {
  Elf64_Nhdr header = {sizeof("fgla"), numDigits, /*n_type=*/1};
  char name[8] = "fgla";
  char digits[numDigits];
};
} // namespace
static_assert(sizeof(Note) == 12 + 8 + numDigits, "there is no padding in the note");

std::string fgla::runtime::makeOpenSeal() {
  Note note;
  std::memset(note.digits, '0', numDigits);
  return std::string(reinterpret_cast<const char *>(&note), sizeof(note));
}

/// Where the note begins. Notes of others lie beside it, aligned to 4 bytes or 8.
static Result<uint64_t> findNote(const File &file) {
  Result<std::vector<Elf64_Phdr>> segments = readSegments(file);
  if (!segments.ok())
    return segments.status();
  const std::string open = makeOpenSeal();
  constexpr size_t headBytes = offsetof(Note, digits);
  for (const Elf64_Phdr &segment : *segments) {
    if (segment.p_type != PT_NOTE || segment.p_filesz < sizeof(Note))
      continue;
    std::string notes(segment.p_filesz, '\0');
    if (Status s = file.readAt(segment.p_offset, notes.data(), notes.size()); !s.ok())
      return s;
    if (size_t at = notes.find(open.substr(0, headBytes)); at <= notes.size() - sizeof(Note))
      return segment.p_offset + at;
  }
  return invalid(
      "has no seal of the compiler (an ELF note 'fgla'): it is no fgla artifact, is damaged, or comes from an "
      "older compiler");
}

/// Adds the bytes from `begin` up to `end`.
static Status addRange(Sha256 &hash, const File &file, uint64_t begin, uint64_t end) {
  std::string chunk;
  while (begin < end) {
    chunk.resize(std::min<uint64_t>(end - begin, 1 << 20));
    if (Status s = file.readAt(begin, chunk.data(), chunk.size()); !s.ok())
      return s;
    hash.update(chunk);
    begin += chunk.size();
  }
  return {};
}

Result<Seal> fgla::runtime::readSeal(const File &file) {
  Result<uint64_t> note = findNote(file);
  if (!note.ok())
    return note.status();
  Seal seal{*note + offsetof(Note, digits), std::string(numDigits, '\0'), {}};
  if (Status s = file.readAt(seal.offset, seal.digits.data(), numDigits); !s.ok())
    return s;
  Sha256 hash;
  if (Status s = addRange(hash, file, 0, seal.offset); !s.ok())
    return s;
  hash.update(std::string(numDigits, '0'));
  if (Status s = addRange(hash, file, seal.offset + numDigits, file.size()); !s.ok())
    return s;
  seal.digest = hash.hexDigest();
  return seal;
}

Status fgla::runtime::checkArtifactFile(const File &file) {
  Result<Seal> seal = readSeal(file);
  if (!seal.ok())
    return seal.status();
  if (seal->digits != seal->digest && seal->digits != std::string(numDigits, '0'))
    return invalid("does not have the checksum it was sealed with: it is damaged, or was changed after it was made (by "
                   "strip, say)");
  return {};
}
