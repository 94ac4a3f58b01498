//===- ArtifactFile.h - The file of an artifact, before it is loaded ------===//
//
// dlopen() trusts its file. What was damaged on the way must be found before: an artifact has an ELF note of the name
// "fgla" that holds the SHA-256 of the file, whose own digits count as zeros. Linking seals it; in object files, and in
// what others link of them, the digits are zeros, and nothing is promised of the bytes.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_ARTIFACTFILE_H
#define FGLA_RUNTIME_ARTIFACTFILE_H

#include "runtime/File.h"

namespace fgla::runtime {

/// The section of the note, and the note of a file that is not sealed.
inline constexpr char sealSection[] = ".note.fgla";
std::string makeOpenSeal();

struct Seal {
  uint64_t offset = 0; ///< of the digits in the file
  std::string digits;  ///< that stand there: hexadecimal, or zeros
  std::string digest;  ///< that should
};

/// What is sealed is a 64-bit ELF shared object that holds all bytes its headers promise.
Result<Seal> readSeal(const File &file);

/// Refuses a file that is no artifact, or not as it was when it was sealed.
Status checkArtifactFile(const File &file);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_ARTIFACTFILE_H
