// Attributes that steer compilation: the target and the schedule of a kernel.
#ifndef FGLA_ATTRS
#define FGLA_ATTRS

include "mlir/IR/AttrTypeBase.td"
include "dialect/fgla/FGLADialect.td"
include "dialect/fgla/FGLAEnums.td"

class FGLA_Attr<string name, string attrMnemonic> : AttrDef<FGLA_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def FGLA_TargetAttr : FGLA_Attr<"Target", "target"> {
  let summary = "the machine that a module is compiled for";
  let description = [{
    The module has it as `fgla.target`. `vector_bits` is the widest vector register of a CPU, `features` its
    instruction set extensions as LLVM spells them.

    Example: `#fgla.target<"cpu", vector_bits = 512>`
  }];
  let parameters = (ins StringRefParameter<"name in the table of targets">:$name,
    DefaultValuedParameter<"unsigned", "128">:$vector_bits,
    OptionalParameter<"::mlir::StringAttr", "processor, as LLVM names it">:$cpu,
    OptionalParameter<"::mlir::StringAttr", "instruction set extensions, as LLVM spells them">:$features);
  let assemblyFormat = "`<` $name (`,` struct($vector_bits, $cpu, $features)^)? `>`";
}

def FGLA_ScheduleAttr : FGLA_Attr<"Schedule", "schedule"> {
  let summary = "how a kernel runs";
  let description = [{
    The root of a kernel has it as `fgla.schedule`. It is a list of numbers, which ScheduleMembers.def describes, and of
    roles with their warps, which the root names (`KernelRootInterface`). What is not in the list has its initial value,
    or is left to the compiler.

    `tile` is the number of tokens that are computed together. `segments` cuts the sequence into parts that run in
    parallel, in two passes (1: one pass; 0: as many as keep all cores busy, decided at launch). The rest is for GPUs.

    `elementwise = 2x4` are four instances of two warps, which take turns; `matrix = 8` is one of eight, or as many as
    the compiler chooses.

    Examples: `#fgla.schedule<tile = 32, segments = 1>`,
    `#fgla.schedule<tile = 16, segments = 0, load = 2, elementwise = 2x4, matrix = 4, epilogue = 4>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t", "of each member">:$members,
    ArrayRefParameter<"::fgla::RoleSize", "of each role that is given">:$roles);
  let builders = [AttrBuilder<(ins "int64_t":$tile, CArg<"int64_t", "1">:$segments)>];
  let extraClassDeclaration = [{
    int64_t get(ScheduleMember member) const { return getMembers()[static_cast<unsigned>(member)]; }
#define FGLA_SCHEDULE_MEMBER(NAME, ...)                                                                                \
    int64_t get##NAME() const { return get(ScheduleMember::NAME); }
#include "dialect/fgla/ScheduleMembers.def"
    /// What is given of a role; 0 where nothing is.
    RoleSize getRole(::llvm::StringRef name) const;
    /// The same with another number, or other warps of a role.
    ScheduleAttr with(ScheduleMember member, int64_t value) const;
    ScheduleAttr withRole(::llvm::StringRef name, int64_t warps, int64_t instances = 0) const;
    /// The same without the warps of any role.
    ScheduleAttr withoutRoles() const;
    /// Without brackets and spaces, all members; what `--schedule` and tables of schedules take.
    std::string toText() const;
    /// Reads such a text, or the attribute's: what it names replaces what this schedule says. `roles` may be named.
    ::mlir::FailureOr<ScheduleAttr> replace(::llvm::StringRef text, ::llvm::ArrayRef<::llvm::StringRef> roles,
                                            ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
  }];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif
