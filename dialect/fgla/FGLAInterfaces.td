// How an op around attention computes one tile of itself inside a fused kernel.
#ifndef FGLA_INTERFACES
#define FGLA_INTERFACES

include "mlir/IR/OpBase.td"

def FGLA_TileFormInterface : OpInterface<"TileFormInterface"> {
  let cppNamespace = "::fgla";
  let description = [{
    An op that works on each token of each head by itself, so that a tile of `C` tokens of one head can be computed
    from the same tile of its operands. The compiler fuses such ops into the attention next to them. A new feature map, gate or norm
    is one implementation of this interface.

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
  ];
}

#endif
