// What the phase asks of ops on tiles, which OpCosts.cpp answers for them: the dialects know nothing of GPUs.
#ifndef FGLA_KERNEL_INTERFACES
#define FGLA_KERNEL_INTERFACES

include "mlir/IR/OpBase.td"

def Kernel_CostInterface : OpInterface<"CostInterface"> {
  let cppNamespace = "::fgla::kernel";
  let description = [{
    What an op in a role costs in a turn. Every op of `fgla_tile` and `fgla_warp` has it: what costs nothing says so.
  }];
  let methods = [
    InterfaceMethod<"An estimate of the instructions that each of the role's `warps` issues.",
      "double", "countInstructions", (ins "int64_t":$warps)>,
    InterfaceMethod<"Adds what the op moves and computes.",
      "void", "addWork", (ins "::fgla::TurnWork &":$turn, "int64_t":$warps)>,
  ];
}

#endif
