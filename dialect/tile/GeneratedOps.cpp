//===- GeneratedOps.cpp - Op classes that TableGen writes -----------------===//

#include "dialect/Assembly.h"
#include "dialect/tile/Tile.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialect/tile/TileOps.cpp.inc"
