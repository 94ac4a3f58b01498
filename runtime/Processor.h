//===- Processor.h - What this machine's processor can do -----------------===//
//
// The compiler writes into an artifact which extensions its code may use; loading looks whether they are there.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_RUNTIME_PROCESSOR_H
#define FGLA_RUNTIME_PROCESSOR_H

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fgla::runtime {

/// All names that hasExtension() knows, whatever this processor has.
std::span<const std::string_view> knownExtensions();

/// The instruction set extensions of this processor beyond its family's oldest, by their usual names ("avx2").
std::vector<std::string> processorExtensions();

/// Whether this processor has an extension; false also for a name that is not known.
bool hasExtension(std::string_view name);

} // namespace fgla::runtime

#endif // FGLA_RUNTIME_PROCESSOR_H
