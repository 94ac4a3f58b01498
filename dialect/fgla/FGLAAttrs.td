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
    Stands on the module as `fgla.target`. `vector_bits` is the widest vector register of a CPU, `features` its
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
  let summary = "how a kernel walks its tokens";
  let description = [{
    Stands on the root of a kernel as `fgla.schedule`. `tile` is the number of tokens that are computed together; `segments`
    cuts the sequence into parts that run in parallel, in two passes (1: one pass, 0: as many as
    keep all cores busy, decided at launch).

    Example: `#fgla.schedule<tile = 32, segments = 1>`
  }];
  let parameters = (ins "int64_t":$tile, DefaultValuedParameter<"int64_t", "1">:$segments);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
