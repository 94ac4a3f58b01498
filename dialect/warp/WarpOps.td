// Ops of fgla_warp, in the order data flows through a kernel.
#ifndef FGLA_WARP_OPS
#define FGLA_WARP_OPS

include "dialect/warp/WarpTypes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"

def Warp_Tile : RankedTensorOf<[AnyType], [HasAnyRankOfPred<[2]>, HasStaticShapePred], "static 2-D tile">;

def Warp_PipelineOp : Warp_Op<"pipeline", [SingleBlock, NoTerminator]> {
  let summary = "roles that run at the same time";
  let description = [{
    Holds channels and the roles that they connect. At most `stages` turns of the loop over tiles are under way: a role
    that puts turn `t` waits until every role is done with turn `t - stages`.

    Example:
    ```mlir
    fgla_warp.pipeline stages(8) {
      %c = fgla_warp.channel : !fgla_warp.channel<tensor<16x128xbf16>>
      fgla_warp.role "load" warps(1) instances(1) { ... }
      fgla_warp.role "matrix" warps(8) instances(1) { ... }
    }
    ```
    Constraints:
    - (pipeline_c1) `stages` is at least 1.
    - (pipeline_c2) each channel is put by exactly one role, once in each turn.
    - (pipeline_c3) no role waits, through channels, for what itself puts in the same turn.
    - (pipeline_c4) each channel is got by a role, and by each that reads it in each turn.
    - (pipeline_c5) a role that gets releases each turn, once, after all that reads what it got.
    - (pipeline_c6) a channel that reuses another's memory is alone in doing so, and is put when all roles have read
      that: its own role by the order of ops, others because they handed on a tile after their last reading.
  }];
  let arguments = (ins I64Attr:$stages);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`stages` `(` $stages `)` attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Warp_ChannelOp : Warp_Op<"channel", [HasParent<"PipelineOp">]> {
  let summary = "a queue of tiles between roles";
  let description = [{
    With `reuses`, the tile of a turn is put into the memory of another channel's tile of the same turn, whose readers
    are done with it by then.

    Example: `%q = fgla_warp.channel reuses(%zq) : !fgla_warp.channel<tensor<16x128xbf16>>`
    Constraints:
    - (channel_c1) a channel that is reused has the same tile type.
  }];
  let arguments = (ins Optional<Warp_ChannelType>:$reuses);
  let results = (outs Warp_ChannelType:$result);
  let assemblyFormat = "(`reuses` `(` $reuses^ `:` type($reuses) `)`)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Warp_RoleOp : Warp_Op<"role", [HasParent<"PipelineOp">, SingleBlock, NoTerminator]> {
  let summary = "what a group of warps does";
  let description = [{
    The body runs once on the `warps` warps of each of the `instances`; its argument is the number of the instance.
    Instances take turns: instance `i` does the turns `i`, `i + instances`, …

    Example: `fgla_warp.role "elementwise" warps(2) instances(4) { ^bb0(%instance: index): ... }`
    Constraints:
    - (role_c1) `warps` and `instances` are at least 1.
    - (role_c2) the body has one argument, an index.
    - (role_c3) a walk in the body does the turns of the role's instance: `instance(%i of instances)`.
    - (role_c4) a turn has at most one `fgla_tile.decayed_scores`: it writes what the role puts of the same elements
      along, and two would count that twice.
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$warps, I64Attr:$instances);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name `warps` `(` $warps `)` `instances` `(` $instances `)` attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Warp_PutOp : Warp_Op<"put", [MemoryEffects<[MemWrite]>]> {
  let summary = "gives a tile to a channel";
  let description = [{
    With `along`, the tile is a companion of scores: they write it row by row while they pass over their operands, which
    it is computed from. `decayed` says how: it is the query times the decays from the tile's start, or the key times
    those to the tile's end.

    Examples: `fgla_warp.put %x, %c[%turn] : tensor<16x128xbf16>, !fgla_warp.channel<tensor<16x128xbf16>>`,
    `fgla_warp.put %qR, %c[%turn] along(%scores : tensor<16x16xf32, #b>) decayed : tensor<16x128xbf16, #a>, ...`
    Constraints:
    - (put_c1) `value` has the channel's shape and element type.
    - (put_c2) with `along`, the put comes after the `fgla_tile.decayed_scores` that it names, in the same block; `value`
      has the shape and the layout of their query.
    - (put_c3) `decayed` is for companions.
  }];
  let arguments = (ins Warp_Tile:$value, Warp_ChannelType:$channel, Index:$turn, Optional<Warp_Tile>:$along,
    UnitAttr:$decayed);
  let assemblyFormat = [{
    $value `,` $channel `[` $turn `]` (`along` `(` $along^ `:` type($along) `)`)? (`decayed` $decayed^)? attr-dict
    `:` type($value) `,` type($channel)
  }];
  let hasVerifier = 1;
}

def Warp_GetOp : Warp_Op<"get", [MemoryEffects<[MemRead]>]> {
  let summary = "takes a tile from a channel";
  let description = [{
    Waits for the tile of the turn. It may be read until this role's `release` of the turn.

    Example: `%x = fgla_warp.get %c[%turn] : !fgla_warp.channel<tensor<16x128xbf16>> -> tensor<16x128xbf16>`
    Constraints:
    - (get_c1) the result has the channel's shape and element type.
  }];
  let arguments = (ins Warp_ChannelType:$channel, Index:$turn);
  let results = (outs Warp_Tile:$result);
  let assemblyFormat = "$channel `[` $turn `]` attr-dict `:` type($channel) `->` type($result)";
  let hasVerifier = 1;
}

def Warp_ReleaseOp : Warp_Op<"release", [MemoryEffects<[MemWrite]>]> {
  let summary = "says that this role is done with a turn";
  let description = [{
    Nothing that this role got in the turn is read after it.

    Example: `fgla_warp.release %turn`
  }];
  let arguments = (ins Index:$turn);
  let assemblyFormat = "$turn attr-dict";
}

def Warp_RowOp : Warp_Op<"row", [Pure]> {
  let summary = "one row of a tile with a layout";
  let description = [{
    Each thread gets the elements of row `row` in the columns that it holds.

    Example: `%l = fgla_warp.row %x[15] : tensor<16x128xf32, #a> -> tensor<1x128xf32, #b>`
    Constraints:
    - (row_c1) the result is `[1, D]`, `input` is `[C, D]` of the same element type and `row` is below `C`.
  }];
  let arguments = (ins Warp_Tile:$input, I64Attr:$row);
  let results = (outs Warp_Tile:$result);
  let assemblyFormat = "$input `[` $row `]` attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Warp_ConcatOp : Warp_Op<"concat", [Pure]> {
  let summary = "two tiles side by side";
  let description = [{
    Each thread gets the elements of `left` in the columns that it holds of the first half, those of `right` in the
    others.

    Example: `%b = fgla_warp.concat %x, %y : tensor<16x64xf32, #a>, tensor<16x64xf32, #a> -> tensor<16x128xf32, #b>`
    Constraints:
    - (concat_c1) the operands have one shape and one element type, the result has twice their columns.
  }];
  let arguments = (ins Warp_Tile:$left, Warp_Tile:$right);
  let results = (outs Warp_Tile:$result);
  let assemblyFormat = "$left `,` $right attr-dict `:` type($left) `,` type($right) `->` type($result)";
  let hasVerifier = 1;
}

def Warp_ConvertOp : Warp_Op<"convert", [Pure]> {
  let summary = "gives a tile another layout";
  let description = [{
    Free where the threads hold what they hold already; otherwise through shared memory.

    Example: `%y = fgla_warp.convert %x : tensor<16x16xf32, #a> -> tensor<16x16xf32, #b>`
    Constraints:
    - (convert_c1) `input` and the result differ in their layout alone.
  }];
  let arguments = (ins Warp_Tile:$input);
  let results = (outs Warp_Tile:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Warp_TensorMapOp : Warp_Op<"tensor_map", [Pure]> {
  let summary = "describes an array to the copy engine";
  let description = [{
    Host code. `box` is what one copy moves, a size for each dim of the array. Along the last dim these are lines of 128
    bytes: in shared memory the first lines of all rows come before the second ones, and the 16-byte parts of a line are
    permuted by the number of its row (modulo 8). What lies after the end of the array is zero.

    Example: a tile of 16 tokens of one head
    ```mlir
    %m = fgla_warp.tensor_map %x box [1, 16, 1, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
    ```
    Constraints:
    - (tensor_map_c1) `box` has a size for each dim, at most 4 of them, and whole lines along the last.
    - (tensor_map_c2) there are several rows along one dim alone.
  }];
  let arguments = (ins AnyMemRef:$array, DenseI64ArrayAttr:$box);
  let results = (outs Warp_TensorMapType:$result);
  let assemblyFormat = "$array `box` $box attr-dict `:` type($array) `->` type($result)";
  let hasVerifier = 1;
}

def Warp_DispatchOp : Warp_Op<"dispatch", [MemoryEffects<[MemRead, MemWrite]>, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "starts a kernel on a grid";
  let description = [{
    Host code. The kernel is a function in a `gpu.module`; threads and shared memory are its attributes. Arrays are
    passed as pointers to device memory, numbers as they are (index as i64), tensor maps as they are. Where a size of
    the grid is zero, nothing happens.

    Example:
    ```mlir
    fgla_warp.dispatch @attention_gpu::@outputs grid(%b, %h, %s) args(%x, %n : memref<?x?x4x64xbf16>, index)
    ```
    Constraints:
    - (dispatch_c1) `kernel` names a kernel with as many parameters as there are `args`.
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Index:$grid_x, Index:$grid_y, Index:$grid_z, Variadic<AnyType>:$args);
  let assemblyFormat = [{
    $kernel `grid` `(` $grid_x `,` $grid_y `,` $grid_z `)` `args` `(` ($args^ `:` type($args))? `)` attr-dict
  }];
}

#endif
