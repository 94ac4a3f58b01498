// Ops on tiles, in the order data flows through a kernel.
#ifndef FGLA_TILE_OPS
#define FGLA_TILE_OPS

include "dialect/tile/TileDialect.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/LoopLikeInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

class Tile_Of<list<Type> elements> : RankedTensorOf<elements, [
  HasAnyRankOfPred<[2]>, HasStaticShapePred
], "static 2-D tile">;
def Tile_Tile : Tile_Of<[AnyFloat]>;
def Tile_Input : Tile_Of<[AnyFloat, I1]>;

def Tile_ReduceKind : I32EnumAttr<"ReduceKind", "associative operation", [
  I32EnumAttrCase<"Add", 0, "add">,
  I32EnumAttrCase<"Mul", 1, "mul">,
  I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"ProbOr", 3, "prob_or">      // a + b - ab: what 1 - x combines by where x combines by mul
]> {
  let cppNamespace = "::fgla::tile";
  let genSpecializedAttr = 0;
}
def Tile_ReduceKindAttr : EnumAttr<Tile_Dialect, Tile_ReduceKind, "kind">;

def Tile_WalkOp : Tile_Op<"walk", [RecursiveMemoryEffects, AttrSizedOperandSegments, SingleBlock,
    SingleBlockImplicitTerminator<"YieldOp">, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<LoopLikeOpInterface, ["getInitsMutable", "getRegionIterArgs", "getYieldedValuesMutable",
      "getLoopResults", "getLoopInductionVars"]>]> {
  let summary = "goes through a sequence, a tile of tokens after the other";
  let description = [{
    The tokens `begin` to `end` are cut into tiles of `step` tokens, the last of which may have fewer. The body runs
    once for each tile, from the first to the last, or with `reverse` from the last to the first; without tokens it does
    not run. It gets the tile's first token, the number of its rows that are there, the number of the turn (0, 1, … in
    the order of the walk), and what the turn before has yielded.

    `instance(%i of n)` does the turns `i`, `i + n`, … alone: what a role with `n` instances does.

    Example: a state that is carried from tile to tile
    ```mlir
    %last = fgla_tile.walk (%token, %rows, %turn) = %c0 to %tokens by 64 iter_args(%state = %first) -> (tensor<64x64xf32>) {
      ...
      fgla_tile.yield %next : tensor<64x64xf32>
    }
    ```
    Constraints:
    - (walk_c1) `step` is at least 1.
    - (walk_c2) the body's arguments are three indices, then one of each carried type.
    - (walk_c3) the body yields, and the op returns, what it carries: as many values, of the same types.
    - (walk_c4) there is at least one instance; one operand `instance` where there are more.
  }];
  let arguments = (ins Index:$begin, Index:$end, Optional<Index>:$instance, Variadic<AnyType>:$inits, I64Attr:$step,
    UnitAttr:$reverse, DefaultValuedAttr<I64Attr, "1">:$instances);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$region);
  let skipDefaultBuilders = 1;
  let builders = [
    /// With a body that has its arguments and no terminator yet.
    OpBuilder<(ins "::mlir::Value":$begin, "::mlir::Value":$end, "int64_t":$step, CArg<"bool", "false">:$reverse,
      CArg<"::mlir::ValueRange", "{}">:$inits, CArg<"::mlir::Value", "{}">:$instance, CArg<"int64_t", "1">:$instances)>
  ];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getToken() { return getBody()->getArgument(0); }
    ::mlir::BlockArgument getRows() { return getBody()->getArgument(1); }
    ::mlir::BlockArgument getTurn() { return getBody()->getArgument(2); }
    YieldOp getYield();
    /// The number of turns that all instances together do from `begin` to `end`, which are the walk's own bounds or
    /// copies.
    ::mlir::Value buildTurnCount(::mlir::OpBuilder &builder, ::mlir::Value begin, ::mlir::Value end);
    /// The first token of turn `turn` out of `turns`, and the number of its rows.
    std::pair<::mlir::Value, ::mlir::Value> buildPosition(::mlir::OpBuilder &builder, ::mlir::Value begin,
                                                          ::mlir::Value end, ::mlir::Value turn, ::mlir::Value turns);
  }];
}

def Tile_LoadOp : Tile_Op<"load", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>, AttrSizedOperandSegments]> {
  let summary = "reads a tile of a global array";
  let description = [{
    Element `(r, c)` of the result is the element of `source` at `indices` moved on by `r` along the first of `dims` and
    by `c` along the second, for `r < rows` and `c < cols`; the rest of the tile is zero. Without `rows` all rows are
    read, and without `cols` all columns. A dim that the array lacks is written -1: a vector `[D]` read as a tile
    `[1, D]` has `dims [-1, 0]`.

    Example:
    ```mlir
    %x = fgla_tile.load %z[%b, %t, %h, %c0] rows(%n) dims [1, 3] : memref<?x?x4x64xbf16> -> tensor<32x64xbf16>
    ```
    Constraints:
    - (load_c1) one index for each dim of `source`.
    - (load_c2) two dims, each -1 or a dim of `source`, not the same; where -1, the tile's size is 1.
    - (load_c3) the result has the element type of `source`.
  }];
  let arguments = (ins AnyMemRef:$source, Variadic<Index>:$indices, Optional<Index>:$rows, Optional<Index>:$cols,
    DenseI64ArrayAttr:$dims);
  let results = (outs Tile_Tile:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$source, "::mlir::ValueRange":$indices,
    "::mlir::Value":$rows, "::llvm::ArrayRef<int64_t>":$dims), [{
    build($_builder, $_state, result, source, indices, rows, ::mlir::Value(), dims);
  }]>];
  let assemblyFormat = [{
    $source `[` $indices `]` (`rows` `(` $rows^ `)`)? (`cols` `(` $cols^ `)`)? `dims` $dims attr-dict `:` type($source)
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>, AttrSizedOperandSegments]> {
  let summary = "writes a tile to a global array";
  let description = [{
    The inverse of `load`: writes the first `rows` rows and `cols` columns of the tile, or all.

    Example:
    ```mlir
    fgla_tile.store %x, %y[%b, %t, %h, %c0] rows(%n) dims [1, 3] : tensor<32x64xbf16>, memref<?x?x4x64xbf16>
    ```
    Constraints: those of `load`, under the same numbers (store_c1, store_c2, store_c3).
  }];
  let arguments = (ins Tile_Tile:$value, AnyMemRef:$dest, Variadic<Index>:$indices, Optional<Index>:$rows,
    Optional<Index>:$cols, DenseI64ArrayAttr:$dims);
  let builders = [OpBuilder<(ins "::mlir::Value":$value, "::mlir::Value":$dest, "::mlir::ValueRange":$indices,
    "::mlir::Value":$rows, "::llvm::ArrayRef<int64_t>":$dims), [{
    build($_builder, $_state, value, dest, indices, rows, ::mlir::Value(), dims);
  }]>];
  let assemblyFormat = [{
    $value `,` $dest `[` $indices `]` (`rows` `(` $rows^ `)`)? (`cols` `(` $cols^ `)`)? `dims` $dims attr-dict `:`
    type($value) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["MapOp", "WalkOp"]>]> {
  let summary = "ends the region of a map or the body of a walk";
  let arguments = (ins Variadic<AnyType>:$values);
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Tile_MapOp : Tile_Op<"map", [Pure, SingleBlock]> {
  let summary = "a chain of elementwise operations";
  let description = [{
    Applies the region to each element; the region sees one scalar for each input and yields one for each result. An
    input with size 1 in a dim is broadcast along it.

    Example:
    ```mlir
    %k = fgla_tile.map (%z, %m) : (tensor<32x64xf32>, tensor<32x1xf32>) -> tensor<32x64xf32> {
    ^bb0(%a: f32, %b: f32):
      %d = arith.subf %a, %b : f32
      %e = math.exp %d : f32
      fgla_tile.yield %e : f32
    }
    ```
    Constraints:
    - (map_c1) there is a result, and all have one shape.
    - (map_c2) each input has that shape, or 1 in place of a size.
    - (map_c3) the region's arguments are the inputs' element types and it yields the results' element types.
  }];
  let arguments = (ins Variadic<Tile_Input>:$inputs);
  let results = (outs Variadic<Tile_Tile>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $body";
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def Tile_ValidOp : Tile_Op<"valid", [Pure, AttrSizedOperandSegments]> {
  let summary = "which rows or columns of a tile are there";
  let description = [{
    True for the rows `r < rows`, false after the end of a sequence; or the same for the columns of a tile that is
    wider than its array.

    Examples: `%t = fgla_tile.valid rows(%n) : tensor<32x1xi1>`, `%c = fgla_tile.valid cols(%c100) : tensor<1x128xi1>`

    Constraints:
    - (valid_c1) there is `rows` and the result is `[C, 1]`, or there is `cols` and it is `[1, D]`.
  }];
  let arguments = (ins Optional<Index>:$rows, Optional<Index>:$cols);
  let results = (outs Tile_Of<[I1]>:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$rows), [{
    build($_builder, $_state, result, rows, ::mlir::Value());
  }]>];
  let assemblyFormat = "(`rows` `(` $rows^ `)`)? (`cols` `(` $cols^ `)`)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "combines the rows or the columns of a tile";
  let description = [{
    Combines along `dim`, which stays with size 1.

    Example: `%m = fgla_tile.reduce max %x dim 1 : tensor<32x64xf32> -> tensor<32x1xf32>`

    Constraints:
    - (reduce_c1) `dim` is 0 or 1; the result has `input`'s type with size 1 in `dim`.
  }];
  let arguments = (ins Tile_Tile:$input, Tile_ReduceKindAttr:$kind, I64Attr:$dim);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "custom<Enum>($kind) $input `dim` $dim attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RowNormOp : Tile_Op<"row_norm", [Pure]> {
  let summary = "the length of each row";
  let description = [{
    The root of the sum of the squares of a row, for any values whose length is a float: no square that overflows makes
    it infinite.

    Example: `%n = fgla_tile.row_norm %x : tensor<32x64xf32> -> tensor<32x1xf32>`

    Constraints:
    - (row_norm_c1) the result has `input`'s type with one column.
  }];
  let arguments = (ins Tile_Tile:$input);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ScanOp : Tile_Op<"scan", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "running combination down the rows of a tile";
  let description = [{
    Row `r` of the result combines the rows `0 … r` of the input (`exclusive`: `0 … r-1`), or, with `reverse`, the rows
    `r …` (`exclusive`: `r+1 …`) to the end, for each column by itself; `init [1, D]` comes in front.

    Example: `%p = fgla_tile.scan mul %f : tensor<32x64xf32>`

    Constraints:
    - (scan_c1) `init` has shape `[1, D]` and `input`'s element type.
  }];
  let arguments = (ins Tile_Tile:$input, Optional<Tile_Tile>:$init, Tile_ReduceKindAttr:$kind, UnitAttr:$exclusive,
    UnitAttr:$reverse);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    custom<Enum>($kind) $input (`exclusive` $exclusive^)? (`reverse` $reverse^)? (`init` `(` $init^ `:` type($init) `)`)?
    attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Tile_DecayedScanOp : Tile_Op<"decayed_scan", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "running sum down the rows of a tile, decayed on the way";
  let description = [{
    `u_i = sum_(j <= i) x_j prod_(j < s <= i) f_s`, or, with `reverse`, `u_i = sum_(j >= i) x_j prod_(i < s <= j) f_s`.
    With `exclusive` row `i` of the result is `u_(i-1)`, with both `u_(i+1)`, where there is none zero.

    Example: `%u = fgla_tile.decayed_scan %x, %f reverse : tensor<32x64xf32>, tensor<32x64xf32>`

    Constraints:
    - (decayed_scan_c1) `decay` has `input`'s type, or one column.
  }];
  let arguments = (ins Tile_Tile:$input, Tile_Tile:$decay, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $input `,` $decay (`exclusive` $exclusive^)? (`reverse` $reverse^)? attr-dict `:` type($input) `,` type($decay)
  }];
  let hasVerifier = 1;
}

def Tile_TransposeOp : Tile_Op<"transpose", [Pure]> {
  let summary = "swaps rows and columns";
  let description = [{
    Example: `%c = fgla_tile.transpose %r : tensor<1x64xf32> -> tensor<64x1xf32>`

    Constraints:
    - (transpose_c1) the result has `input`'s sizes swapped and its element type.
  }];
  let arguments = (ins Tile_Tile:$input);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure]> {
  let summary = "matrix product";
  let description = [{
    `a b`, or `acc + a b`, with `a` or `b` transposed where said. With `lower`, the elements of `a` above its diagonal
    are zero and count for nothing, also where `b` has no numbers.

    Example:
    ```mlir
    %s = fgla_tile.dot %k transposed, %v acc(%s0 : tensor<64x48xf32>) : tensor<32x64xf32>, tensor<32x48xf32> -> tensor<64x48xf32>
    ```
    Constraints:
    - (dot_c1) after the transpositions `a` is `[M, L]`, `b` is `[L, N]` and the result is `[M, N]`; `acc` has its type.
    - (dot_c2) `a` and `b` have one element type.
    - (dot_c3) with `lower`, `a` is square and not transposed.
  }];
  let arguments = (ins Tile_Tile:$a, Tile_Tile:$b, Optional<Tile_Tile>:$acc, UnitAttr:$transpose_a, UnitAttr:$transpose_b,
    UnitAttr:$lower_a);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $a (`transposed` $transpose_a^)? (`lower` $lower_a^)? `,` $b (`transposed` $transpose_b^)? (`acc` `(` $acc^ `:` type($acc) `)`)? attr-dict
    `:` type($a) `,` type($b) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_DecayedScoresOp : Tile_Op<"decayed_scores", [Pure, AllTypesMatch<["query", "key", "decay"]>]> {
  let summary = "the diagonal block of attention, decayed per key channel";
  let description = [{
    `a_ij = sum_d q_id k_jd prod_(j < s <= i) f_sd` for `j <= i`, zero above. The decay is a product of factors between
    two tokens, so it never overflows; how it is split into factors is the lowering's choice, which must be exact for
    any `f` in [0, 1]. `bounded` says that queries and keys are at most one in size, as exponentials below a maximum
    are: then what is much smaller counts for nothing.

    Example: `%a = fgla_tile.decayed_scores %q, %k, %f bounded : tensor<32x64xf32> -> tensor<32x32xf32>`

    Constraints:
    - (decayed_scores_c1) the operands have one type, `[C, K]`; the result is `[C, C]` of its element type.
  }];
  let arguments = (ins Tile_Tile:$query, Tile_Tile:$key, Tile_Tile:$decay, UnitAttr:$bounded);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$query `,` $key `,` $decay (`bounded` $bounded^)? attr-dict `:` type($query) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DecayedScoresGradOp : Tile_Op<"decayed_scores_grad", [Pure,
    AllTypesMatch<["query", "key", "decay", "query_grad", "key_grad", "decay_grad"]>]> {
  let summary = "the gradients of decayed scores";
  let description = [{
    What a gradient of `decayed_scores` gives for its operands; what it has above the diagonal counts for nothing. Like
    the scores themselves they are sums of products of what is given: nothing is divided by a decay, and no sum is
    subtracted from another.

    Example:
    ```mlir
    %dq, %dk, %df = fgla_tile.decayed_scores_grad %q, %k, %f, %da : tensor<32x64xf32>, tensor<32x32xf32>
    ```
    Constraints:
    - (decayed_scores_grad_c1) `scores_grad` is what `decayed_scores` of the operands would return.
  }];
  let arguments = (ins Tile_Tile:$query, Tile_Tile:$key, Tile_Tile:$decay, Tile_Tile:$scores_grad);
  let results = (outs Tile_Tile:$query_grad, Tile_Tile:$key_grad, Tile_Tile:$decay_grad);
  let assemblyFormat = [{
    $query `,` $key `,` $decay `,` $scores_grad attr-dict `:` type($query) `,` type($scores_grad)
  }];
  let hasVerifier = 1;
}

def Tile_DecayMatrixOp : Tile_Op<"decay_matrix", [Pure]> {
  let summary = "the decays between all tokens of a tile";
  let description = [{
    `d_ij = prod_(j < s <= i) f_s` for `j <= i`, zero above. With `exclusive` the decay of token `i` is left out:
    `d_ij = prod_(j < s < i) f_s` for `j < i`, zero on the diagonal and above.

    Example: `%d = fgla_tile.decay_matrix %f : tensor<32x1xf32> -> tensor<32x32xf32>`

    Constraints:
    - (decay_matrix_c1) `decay` is `[C, 1]`, the result `[C, C]` of the same element type.
  }];
  let arguments = (ins Tile_Tile:$decay, UnitAttr:$exclusive);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$decay (`exclusive` $exclusive^)? attr-dict `:` type($decay) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DecayedSumOp : Tile_Op<"decayed_sum", [Pure, AllTypesMatch<["value", "decay", "result"]>]> {
  let summary = "values weighted by scores, decayed per value channel";
  let description = [{
    `o_ic = sum_(j <= i) a_ij v_jc prod_(j < s <= i) f_sc`.

    Example: `%o = fgla_tile.decayed_sum %a, %v, %f : tensor<32x32xf32>, tensor<32x64xf32>`

    Constraints:
    - (decayed_sum_c1) `scores` is `[C, C]`, `value`, `decay` and the result have one type, `[C, V]`, with one element
      type.
  }];
  let arguments = (ins Tile_Tile:$scores, Tile_Tile:$value, Tile_Tile:$decay);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$scores `,` $value `,` $decay attr-dict `:` type($scores) `,` type($value)";
  let hasVerifier = 1;
}

def Tile_ExchangeOp : Tile_Op<"exchange", [Pure]> {
  let summary = "rows of a tile of each program of a cluster";
  let description = [{
    The programs of a cluster run at the same time, each has a tile, and each gets a part of the rows of all tiles:
    result `i` is, of the tile of program `i`, part `rank`, which is the number of this program. So what all tiles make
    together is computed by all programs, each its rows.

    Example, one of two programs:
    ```mlir
    %a, %b = fgla_tile.exchange %x rank(%r) : tensor<16x128xbf16> -> tensor<8x128xbf16>, tensor<8x128xbf16>
    ```
    Constraints:
    - (exchange_c1) there are 2, 4 or 8 results, of one type, with the columns and the element type of `input`, and
      together as many rows.
  }];
  let arguments = (ins Tile_Tile:$input, Index:$rank);
  let results = (outs Variadic<Tile_Tile>:$parts);
  let assemblyFormat = "$input `rank` `(` $rank `)` attr-dict `:` type($input) `->` type($parts)";
  let hasVerifier = 1;
}

def Tile_GatherOp : Tile_Op<"gather", [Pure]> {
  let summary = "the tiles of all programs of a cluster";
  let description = [{
    The programs of a cluster run at the same time, each has a tile, and each gets all: result `i` is that of program
    `i`.

    Example, one of two programs:
    `%a, %b = fgla_tile.gather %x : tensor<16x1xf32> -> tensor<16x1xf32>, tensor<16x1xf32>` Constraints:
    - (gather_c1) there are 2, 4 or 8 results of the type of `input`.
  }];
  let arguments = (ins Tile_Tile:$input);
  let results = (outs Variadic<Tile_Tile>:$parts);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($parts)";
  let hasVerifier = 1;
}

def Tile_WorkersOp : Tile_Op<"workers", [Pure]> {
  let summary = "how many programs the machine runs at once";
  let description = [{
    Threads of a CPU, multiprocessors of a GPU: what a kernel with few batches and heads cuts its sequences for.

    Example: `%n = fgla_tile.workers : index`
  }];
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_LaunchOp : Tile_Op<"launch", [DestinationStyleOpInterface, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{
    Runs the function `kernel`, which takes memrefs: first the inputs, which it reads, then the outputs, which it writes
    as a whole.

    Example:
    ```mlir
    %y = fgla_tile.launch @attention_0 ins(%q, %k : tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) outs(%e : tensor<?x?x4x64xf32>)
         -> (tensor<?x?x4x64xf32>)
    ```
    Constraints:
    - (launch_c1) `kernel` names a function in scope that takes a memref of the shape and element type of each input and
      output, in this order, and returns nothing.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$inputs, Variadic<AnyType>:$outputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `ins` `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` ($outputs^ `:` type($outputs))? `)` attr-dict
    (`->` `(` type($results)^ `)`)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutputsMutable(); }
  }];
}

#endif
