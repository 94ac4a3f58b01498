//===- Attributes.h - Attributes that phases leave for each other ---------===//
//
// They are attached to ops, arguments and results of any dialect. The dialect verifies where each may be and what it
// holds (Attributes.cpp), and knows no others.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_DIALECT_FGLA_ATTRIBUTES_H
#define FGLA_DIALECT_FGLA_ATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace fgla {

// On an argument or a result of a function, written by users and frontends.

/// Its name for callers: a string.
inline constexpr llvm::StringLiteral kNameAttrName = "fgla.name";
/// One name for each of its dims: strings. Dims with one name are equal, "?" is equal to nothing.
inline constexpr llvm::StringLiteral kDimsAttrName = "fgla.dims";

// On the module.

/// The machine it is compiled for: #fgla.target. passes/Targets.h has what is known of it.
inline constexpr llvm::StringLiteral kTargetAttrName = "fgla.target";
/// The sizes of named dims that reports are to be for: a dictionary of integers.
inline constexpr llvm::StringLiteral kShapeAttrName = "fgla.report_shape";
/// What the artifact says about itself: a string, JSON (runtime/README.md).
inline constexpr llvm::StringLiteral kManifestAttrName = "fgla.manifest";

// On the root of a kernel, an op of this dialect.

/// How the kernel runs: #fgla.schedule.
inline constexpr llvm::StringLiteral kScheduleAttrName = "fgla.schedule";
/// How exactly it multiplies: #fgla.precision. On the kernel too.
inline constexpr llvm::StringLiteral kPrecisionAttrName = "fgla.precision";

// On an op that computes a tensor.

/// Whether the forward function keeps its results for the backward one: #fgla.retention.
inline constexpr llvm::StringLiteral kRetentionAttrName = "fgla.retention";

// On functions.

/// A kernel, and how it runs: #fgla.schedule, its root's.
inline constexpr llvm::StringLiteral kKernelAttrName = "fgla.kernel";
/// Says what shapes the results of an entry function have: unit.
inline constexpr llvm::StringLiteral kShapeFunctionAttrName = "fgla.shape_function";

// On the code of a kernel for a GPU.

/// Dynamic shared memory: an integer.
inline constexpr llvm::StringLiteral kSharedBytesAttrName = "fgla.shared_bytes";
/// It may start while the kernel before it ends: unit.
inline constexpr llvm::StringLiteral kDependentAttrName = "fgla.dependent";
/// Its arrays are all f32 and its precision is: its exponentials are as exact as f32 allows. Unit.
inline constexpr llvm::StringLiteral kPreciseAttrName = "fgla.precise";
/// What reports tell of it: a dictionary.
inline constexpr llvm::StringLiteral kReportAttrName = "fgla.report";
/// What reports advise: strings.
inline constexpr llvm::StringLiteral kRemarksAttrName = "fgla.remarks";

// On a loop.

/// Its iterations need a thread each: unit.
inline constexpr llvm::StringLiteral kThreadsAttrName = "fgla.threads";

} // namespace fgla

#endif // FGLA_DIALECT_FGLA_ATTRIBUTES_H
