//===- Report.h - What became of a module's kernels -----------------------===//
#ifndef FGLA_PASSES_BINARY_REPORT_H
#define FGLA_PASSES_BINARY_REPORT_H

#include "passes/binary/DeviceCode.h"

#include "llvm/Support/JSON.h"

namespace fgla::binary {

/// A JSON array with an object for each kernel: its launch, what it uses, and the dictionary that passes left on it as
/// `fgla.report` (schedule, roles, work), as "schedule". The kernels still stand in `module`.
llvm::json::Array makeReport(mlir::ModuleOp module, llvm::ArrayRef<DeviceCode> codes);

/// The same as text for people.
std::string formatReport(const llvm::json::Array &report);

} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_REPORT_H
