//===- Sha256.h - SHA-256 (FIPS 180-4) --------------------------*- C++ -*-===//
//
// Its own file of a page rather than libcrypto: a deployed runtime should not
// pull in 5 MB and its security updates to check artifacts. The cache names files
// by it.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_SHA256_H
#define FGLA_RUNTIME_SHA256_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fgla::runtime {

class Sha256 {
public:
  void update(std::string_view bytes);
  /// 64 lower-case hex digits. Call once, after the last update().
  std::string hexDigest();

private:
  void block(const unsigned char *bytes);

  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> pending;
  uint64_t length = 0; // bytes so far
};

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_SHA256_H
