//===- GeneratedOps.cpp - Op classes that TableGen writes -----------------===//
//
// Alone in its file, so that a change of a verifier does not compile it again.
//
//===----------------------------------------------------------------------===//

#include "dialect/Assembly.h"
#include "dialect/fgla/FGLA.h"
#include "dialect/fgla/OpAssembly.h"
#include "mlir/IR/Builders.h"

#define GET_OP_CLASSES
#include "dialect/fgla/FGLAOps.cpp.inc"
