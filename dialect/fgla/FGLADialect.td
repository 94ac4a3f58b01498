// The fgla dialect: gated linear attention on tensors.
#ifndef FGLA_DIALECT
#define FGLA_DIALECT

include "mlir/IR/OpBase.td"

def FGLA_Dialect : Dialect {
  let name = "fgla";
  let cppNamespace = "::fgla";
  let summary = "Gated linear attention on tensors";
  let description = [{
    Says *what* is computed: feature maps, gates, the attention recurrence, norms, whole blocks. Tensors are
    token-major, `[B, T, H, D]`: batch `B` and tokens `T` may be dynamic, heads `H` and head dims are static.
    Storage is f64, f32, f16 or bf16; arithmetic is f32 (f64 for f64 storage).

    Each op has two lowerings: the sequential `reference` form (its executable specification) and, through
    `TileFormInterface`, its part of a fused chunkwise kernel (the `fgla_tile` dialect).
    Constraints are numbered (`attention_c3`): the same label stands in the op's description, in the verifier's message
    and in a negative test.
  }];
  let useDefaultAttributePrinterParser = 1;
  // Attributes that are attached to ops and arguments of any dialect: Attributes.h lists them.
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

class FGLA_Op<string mnemonic, list<Trait> traits = []> : Op<FGLA_Dialect, mnemonic, traits>;

#endif
