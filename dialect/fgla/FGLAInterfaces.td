// What becomes a kernel, and how an op around it computes one tile of itself inside.
#ifndef FGLA_INTERFACES
#define FGLA_INTERFACES

include "mlir/IR/OpBase.td"

def FGLA_TileFormInterface : OpInterface<"TileFormInterface"> {
  let cppNamespace = "::fgla";
  let description = [{
    An op that works on each token of each head by itself, so that a tile of `C` tokens of one head can be computed from
    the same tile of its operands. The compiler fuses such ops into the attention next to them. A new feature map, gate
    or norm is one implementation of this interface.

    Tiles are f32 (or f64) tensors `[C, D]`. Parameters have no token axis and come as `[rows, D]` tiles.
  }];
  let methods = [
    InterfaceMethod<"The operands that have a token axis, `[B, T, H, D]`; all others are parameters.",
      "bool", "isTokenOperand", (ins "unsigned":$operand)>,
    InterfaceMethod<[{
        Computes the tile of the result from the tiles of the operands (in operand order).
        A gate returns two tiles: the decay `f` and `1 - f`, both accurate where they are small.
      }],
      "::llvm::SmallVector<::mlir::Value>", "buildTileForm",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$tiles)>,
    InterfaceMethod<"Whether the tile form has a second tile beside `f`, `1 - f`: then the op only feeds an attention.",
      "bool", "hasComplement", (ins), "", "return false;">,
    InterfaceMethod<"Whether no element of the result is larger than one in size, whatever the operands.",
      "bool", "isBounded", (ins), "", "return false;">,
    InterfaceMethod<[{
        Whether the result is two tiles side by side, each made of all columns of the operands: then no program can have
        some of its columns.
      }],
      "bool", "hasHalves", (ins), "", "return false;">,
  ];
}

def FGLA_KernelRootInterface : OpInterface<"KernelRootInterface"> {
  let cppNamespace = "::fgla";
  let description = [{
    An op that becomes a kernel, together with the ops around it that have a tile form. What it computes is said by its
    program (passes/tiled/programs).
  }];
  let methods = [
    InterfaceMethod<"The operands that the kernel reads tile by tile, so that their producers may be part of it.",
      "bool", "isTokenOperand", (ins "unsigned":$operand)>,
    InterfaceMethod<"The result whose consumers may be part of the kernel, tile by tile; null if there is none.",
      "::mlir::OpResult", "getFusedResult", (ins)>,
    StaticInterfaceMethod<"The roles whose warps a schedule may give, in the order in which tiles travel.",
      "::llvm::ArrayRef<::llvm::StringRef>", "getRoles", (ins)>,
  ];
}

defvar TensorValue = "::mlir::TypedValue<::mlir::RankedTensorType>";

def FGLA_RecurrenceInterface : OpInterface<"RecurrenceInterface"> {
  let cppNamespace = "::fgla";
  let description = [{
    What an attention and its gradient are about: one recurrence over all tokens, with its operands and options.
  }];
  let methods = [
    InterfaceMethod<"", TensorValue, "getQuery">,
    InterfaceMethod<"", TensorValue, "getKey">,
    InterfaceMethod<"", TensorValue, "getValue">,
    InterfaceMethod<"The decay in either form, or null.", "::mlir::Value", "getAnyDecay">,
    InterfaceMethod<"The decay if it is given as a logarithm, or null.", TensorValue, "getLogDecay">,
    InterfaceMethod<"", TensorValue, "getInitialState">,
    InterfaceMethod<"", TensorValue, "getInitialMax">,
    InterfaceMethod<"", TensorValue, "getSequences">,
    InterfaceMethod<"", "::std::optional<::fgla::DecayAxis>", "getAxis">,
    InterfaceMethod<"", "::fgla::Stabilizer", "getStabilizer">,
    InterfaceMethod<"", "::fgla::UpdateRule", "getRule">,
    InterfaceMethod<"", "bool", "isDeltaRule">,
    InterfaceMethod<"The factor of the output.", "double", "getEffectiveScale">,
    InterfaceMethod<"", "int64_t", "getNumQueryHeads">,
    InterfaceMethod<"Of keys and values.", "int64_t", "getNumHeads">,
    InterfaceMethod<"", "int64_t", "getKeyDim">,
    InterfaceMethod<"", "int64_t", "getValueDim">,
  ];
}

#endif
