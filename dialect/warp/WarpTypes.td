// Types and attributes of fgla_warp.
#ifndef FGLA_WARP_TYPES
#define FGLA_WARP_TYPES

include "dialect/warp/WarpDialect.td"
include "mlir/IR/AttrTypeBase.td"

def Warp_ChannelType : TypeDef<Warp_Dialect, "Channel"> {
  let mnemonic = "channel";
  let summary = "a queue of tiles between roles";
  let description = [{
    One tile for each turn of the loop over tiles: put once, by one role, and got once by each role that reads it.
    The tile has two static dims.

    Example: `!fgla_warp.channel<tensor<16x128xbf16>>`
  }];
  let parameters = (ins "::mlir::RankedTensorType":$tile);
  let assemblyFormat = "`<` $tile `>`";
  let genVerifyDecl = 1;
}

def Warp_TensorMapType : TypeDef<Warp_Dialect, "TensorMap"> {
  let mnemonic = "tensor_map";
  let summary = "an array as the copy engine knows it";
  let description = [{
    What the copy engine needs to know of an array: where it lies, its sizes, and how much one copy moves.

    Example: `!fgla_warp.tensor_map`
  }];
}

def Warp_LayoutAttr : AttrDef<Warp_Dialect, "Layout"> {
  let mnemonic = "layout";
  let summary = "which thread holds which element of a tile";
  let description = [{
    A linear map over bits, in the manner of Triton's linear layouts: an element's (row, column) is the exclusive or of
    the entries for the set bits of its register, lane and warp number. A zero entry means that the threads or registers
    which differ in this bit hold the same element.

    Example, a tile [16, 64] with two columns and all rows in each thread:
    `#fgla_warp.layout<registers = [[0, 1], [1, 0], [2, 0], [4, 0], [8, 0]], lanes = [[0, 2], [0, 4], [0, 8], [0, 16], [0, 32]], warps = []>`
  }];
  let parameters = (ins "::fgla::warp::LinearLayout":$map);
  let hasCustomAssemblyFormat = 1;
}

#endif
