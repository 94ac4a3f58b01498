// Passes that decide how kernels run.
#ifndef FGLA_SCHEDULE_PASSES
#define FGLA_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def AssignSchedule : Pass<"fgla-assign-schedule", "::mlir::ModuleOp"> {
  let summary = "Chooses the tile length, the segments and the slices of each attention";
  let description = [{
    Precondition: the module carries the attribute `fgla.target`. Postcondition: each `fgla.attention` that gets a kernel carries
    `fgla.schedule`. One that has it already keeps it; what that leaves open is chosen. The delta rules get none, and a remark: they run by the
    sequential lowering.
  }];
  let options = [
    Option<"tile", "tile", "int64_t", "0", "Tokens in a tile, a power of two (0: chosen by shape and target)">,
    Option<"segments", "segments", "int64_t", "-1",
           "Parts of a sequence that run in parallel (0: decided at launch, -1: chosen by target)">,
    Option<"schedule", "schedule", "std::string", "\"\"",
           "Members of the schedule, `stages=4,matrix=8`; they go before the other options">,
  ];
}

#endif
