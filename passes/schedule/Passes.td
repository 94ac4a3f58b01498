// Passes that decide how kernels run.
#ifndef FGLA_SCHEDULE_PASSES
#define FGLA_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def AssignSchedule : Pass<"fgla-assign-schedule", "::mlir::ModuleOp"> {
  let summary = "Chooses the tile length, the segments and the slices of each attention";
  let description = [{
    Precondition: the module carries the attribute `fgla.target`. Postcondition: each `fgla.attention` that gets a
    kernel carries `fgla.schedule`. One that has it already keeps it; what that leaves open is chosen. The delta rules
    get none, and a remark: they run by the sequential lowering.
  }];
  let options = [
    Option<"tile", "tile", "int64_t", "0", "Tokens in a tile, a power of two (0: chosen by shape and target)">,
    Option<"segments", "segments", "int64_t", "-1",
           "Parts of a sequence that run in parallel (0: decided at launch, -1: chosen by target)">,
    Option<"schedule", "schedule", "std::string", "\"\"",
           "Members of the schedule, `stages=4,matrix=8`; they go before the other options">,
    Option<"tuned", "tuned", "std::string", "\"\"",
           "The table of tuned schedules for GPUs: a file, `none`, or the one that the compiler has">,
  ];
}

def AssignPrecision : Pass<"fgla-assign-precision", "::mlir::ModuleOp"> {
  let summary = "Lets products of f32 be less exact where that is asked for";
  let description = [{
    Precondition: the module carries the attribute `fgla.target`. Postcondition: each `fgla.attention` of f32 that gets
    a kernel for a GPU carries `fgla.precision`, if the option says other than `f32`; one that has it already keeps it.
    Where an attention is asked for what its kernel has no use for, a remark says so: a CPU, tensors of other types.
  }];
  let options = [
    Option<"precision", "precision", "::fgla::Precision", "::fgla::Precision::F32", "Of the factors of products",
           [{::llvm::cl::values(clEnumValN(::fgla::Precision::F32, "f32", "as they are"),
                                clEnumValN(::fgla::Precision::TF32, "tf32", "rounded to 11 bits of significand"))}]>,
  ];
}

#endif
