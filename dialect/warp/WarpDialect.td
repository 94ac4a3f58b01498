// The fgla_warp dialect: how a kernel's tiles are shared among the warps of a GPU.
#ifndef FGLA_WARP_DIALECT
#define FGLA_WARP_DIALECT

include "mlir/IR/OpBase.td"

def Warp_Dialect : Dialect {
  let name = "fgla_warp";
  let cppNamespace = "::fgla::warp";
  let summary = "Roles, channels and layouts of a GPU kernel";
  let description = [{
    Says *who* computes a tile program, and *where* its values lie, in two steps. First the body of the walk over tiles
    is split among roles: groups of warps, each with its own loop; a value that crosses from one role to another goes
    through a channel. A channel is a queue, so this form has a meaning without threads or barriers. Then every tile
    inside a role gets a layout (which register of which lane of which warp holds which element) as the encoding of its
    type.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::fgla::tile::TileDialect"];
}

class Warp_Op<string mnemonic, list<Trait> traits = []> : Op<Warp_Dialect, mnemonic, traits>;

#endif
