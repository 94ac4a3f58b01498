// Each phase says which op breaks what it promises.
// RUN: rm -rf %t && split-file %s %t
// RUN: not fgla-opt %t/node.mlir --fgla-check-phase=phase=graph 2>&1 | FileCheck %s --check-prefix=NODE
// NODE: 'onnx.node' breaks the contract of phase 'graph', which promises no op of the dialect 'onnx'
// RUN: not fgla-opt %t/step.mlir --fgla-check-phase=phase=graph 2>&1 | FileCheck %s --check-prefix=BLOCK
// BLOCK: 'fgla.step' breaks the contract of phase 'graph', which promises no block, no step and no softmax attention, only what they consist of
// RUN: not fgla-opt %t/attention.mlir --fgla-check-phase=phase=schedule 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: 'builtin.module' breaks the contract of phase 'schedule', which promises 'fgla.target' on the module
// RUN: not fgla-opt %t/targeted.mlir --fgla-check-phase=phase=schedule 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// SCHEDULE: 'fgla.attention' breaks the contract of phase 'schedule', which promises 'fgla.schedule' on every kernel root
// RUN: not fgla-opt %t/targeted.mlir --fgla-check-phase=phase=tiled 2>&1 | FileCheck %s --check-prefix=TILED
// TILED: 'fgla.attention' breaks the contract of phase 'tiled', which promises no op of the dialect 'fgla'
// RUN: not fgla-opt %t/public-tile.mlir --fgla-check-phase=phase=tiled 2>&1 | FileCheck %s --check-prefix=PUBLIC
// PUBLIC: 'fgla_tile.reduce' breaks the contract of phase 'tiled', which promises ops on tiles in kernels only
// RUN: not fgla-opt %t/attention.mlir --fgla-check-phase=phase=reference 2>&1 | FileCheck %s --check-prefix=REFERENCE
// REFERENCE: 'fgla.attention' breaks the contract of phase 'reference', which promises no op of the dialect 'fgla'
// RUN: not fgla-opt %t/attention.mlir --fgla-check-phase=phase=kernel 2>&1 | FileCheck %s --check-prefix=KERNEL
// KERNEL: 'func.func' breaks the contract of phase 'kernel', which promises no op of the dialect 'func'
// RUN: fgla-opt %t/attention.mlir --fgla-check-phase=phase=graph > /dev/null

//--- node.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.node "Relu"(%x) version 14 : (tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}
//--- step.mlir
func.func @f(%q: tensor<?x2x16xf32>, %s: tensor<?x2x16x16xf32>) -> tensor<?x2x16xf32> {
  %o, %n = fgla.step %q, %q, %q state(%s)
    : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16x16xf32>) -> (tensor<?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o : tensor<?x2x16xf32>
}
//--- attention.mlir
func.func @f(%q: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %q, %q : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
//--- targeted.mlir
module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @f(%q: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
    %o = fgla.attention %q, %q, %q : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    return %o : tensor<?x?x2x16xf32>
  }
}
//--- public-tile.mlir
module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @f(%x: tensor<8x16xf32>) -> tensor<8x1xf32> {
    %y = fgla_tile.reduce max %x dim 1 : tensor<8x16xf32> -> tensor<8x1xf32>
    return %y : tensor<8x1xf32>
  }
}
