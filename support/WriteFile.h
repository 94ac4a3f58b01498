//===- WriteFile.h - Files that appear whole or not at all ----------------===//
#ifndef FGLA_SUPPORT_WRITEFILE_H
#define FGLA_SUPPORT_WRITEFILE_H

#include "runtime/Status.h"

namespace fgla::runtime {

/// Writes the chunks to a temporary beside `path` and renames it, so that
/// readers see the old file or the whole new one, and a failure leaves nothing.
Status writeFileAtomically(const std::string &path, std::span<const std::string_view> chunks);

} // namespace fgla::runtime

#endif // FGLA_SUPPORT_WRITEFILE_H
