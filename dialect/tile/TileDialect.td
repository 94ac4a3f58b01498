// The fgla_tile dialect: kernels as programs on tiles.
#ifndef FGLA_TILE_DIALECT
#define FGLA_TILE_DIALECT

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "fgla_tile";
  let cppNamespace = "::fgla::tile";
  let summary = "Kernels as programs on tiles of tokens";
  let description = [{
    Says *in what order and in what pieces* a kernel computes, and nothing about the machine: no threads, no vectors, no
    memory spaces, no barriers. A tile is a statically shaped tensor of rank 2, `[tokens, channels]` more often than
    not, held as a value. Global data are memrefs, reached by `load` and `store` alone. Control flow is upstream's:
    `scf.forall` over what runs in parallel; only the way through a sequence, with the state as a carried tile, is an op
    of this dialect (`walk`).
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

class Tile_Op<string mnemonic, list<Trait> traits = []> : Op<Tile_Dialect, mnemonic, traits>;

#endif
