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
    The root of a kernel has it as `fgla.schedule`. `tile` is the number of tokens that are computed together.
    `segments` cuts the sequence into parts that run in parallel, in two passes (1: one pass; 0: as many as keep all
    cores busy, decided at launch).

    The rest is for GPUs; 0 leaves it to the compiler. `stages` is the number of turns (tiles) under way, or 0: as many
    as shared memory holds. `load`, `elementwise`, `matrix` and `epilogue` are the warps of the role of that name.
    `instances` says how many groups of `elementwise` warps take turns.

    `key_slice` and `value_slice` are how many key and value channels of the state one program owns (0: all). Several
    programs then share a head, and each computes for itself what they have in common.

    `cluster` is how many programs with slices of a head's keys run together and add up their outputs, which then do not
    go through memory (1: none). With `segments` 0 and without a `key_slice`, clusters are used where there are too few
    heads for all multiprocessors. That is decided at launch.

    Examples: `#fgla.schedule<tile = 32, segments = 1>`,
    `#fgla.schedule<tile = 16, segments = 0, load = 2, elementwise = 2, instances = 4, matrix = 4, epilogue = 4>`
  }];
  let parameters = (ins "int64_t":$tile, DefaultValuedParameter<"int64_t", "1">:$segments,
    DefaultValuedParameter<"int64_t", "0">:$key_slice, DefaultValuedParameter<"int64_t", "0">:$value_slice,
    DefaultValuedParameter<"int64_t", "0">:$cluster,
    DefaultValuedParameter<"int64_t", "0">:$stages, DefaultValuedParameter<"int64_t", "0">:$load,
    DefaultValuedParameter<"int64_t", "0">:$elementwise, DefaultValuedParameter<"int64_t", "0">:$instances,
    DefaultValuedParameter<"int64_t", "0">:$matrix, DefaultValuedParameter<"int64_t", "0">:$epilogue);
  // What is only for GPUs is left open.
  let builders = [AttrBuilder<(ins "int64_t":$tile, "int64_t":$segments, CArg<"int64_t", "0">:$key_slice,
    CArg<"int64_t", "0">:$value_slice), [{
    return $_get($_ctxt, tile, segments, key_slice, value_slice, 0, 0, 0, 0, 0, 0, 0);
  }]>];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
