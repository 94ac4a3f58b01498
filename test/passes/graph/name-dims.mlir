// RUN: fgla-opt %s --fgla-name-dims -split-input-file | FileCheck %s

// The batch and the tokens of an fgla op; a state has the batch only.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: %arg0: tensor<?x?x2x16xf32> {fgla.dims = ["B", "T", "2", "16"]}
// CHECK-SAME: %arg1: tensor<?x?x2x16xf32> {fgla.dims = ["B", "T", "2", "16"]}
// CHECK-SAME: %arg2: tensor<?x?x2x8xf32> {fgla.dims = ["B", "T", "2", "8"]}
// CHECK-SAME: %arg3: tensor<2xf32> {fgla.dims = ["2"]}
// CHECK-SAME: %arg4: tensor<?x2x16x8xf32> {fgla.dims = ["B", "2", "16", "8"]}
// CHECK-SAME: -> (tensor<?x?x2x8xf32> {fgla.dims = ["B", "T", "2", "8"]}, tensor<?x2x16x8xf32> {fgla.dims = ["B", "2", "16", "8"]})
func.func @attention(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x8xf32>, %f: tensor<2xf32>,
                     %s: tensor<?x2x16x8xf32>) -> (tensor<?x?x2x8xf32>, tensor<?x2x16x8xf32>) {
  %o, %next = fgla.attention %q, %k, %v decay(%f) axis(constant) state(%s)
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>, tensor<2xf32>, tensor<?x2x16x8xf32>)
    -> (tensor<?x?x2x8xf32>, tensor<?x2x16x8xf32>)
  return %o, %next : tensor<?x?x2x8xf32>, tensor<?x2x16x8xf32>
}

// -----

// Loops of linalg, reshapes and sizes that are dims; what nothing speaks of has no name.
// CHECK-LABEL: func.func @linalg
// CHECK-SAME: %arg0: tensor<?x?xf32> {fgla.dims = ["D", "D2"]}
// CHECK-SAME: %arg1: tensor<?x?xf32> {fgla.dims = ["D2", "D3"]}
// CHECK-SAME: %arg2: tensor<?xf32> {fgla.dims = ["?"]}
// CHECK-SAME: -> (tensor<?x1x?xf32> {fgla.dims = ["D", "1", "D3"]})
func.func @linalg(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %unused: tensor<?xf32>) -> tensor<?x1x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %a, %c0 : tensor<?x?xf32>
  %n = tensor.dim %b, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %c = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %r = tensor.expand_shape %c [[0, 1], [2]] output_shape [%m, 1, %n] : tensor<?x?xf32> into tensor<?x1x?xf32>
  return %r : tensor<?x1x?xf32>
}

// -----

// Given names stay, spread, and are not given twice.
// CHECK-LABEL: func.func @given
// CHECK-SAME: %arg0: tensor<?x?x2x16xf32> {fgla.dims = ["batch", "T2", "2", "16"]}
// CHECK-SAME: %arg1: tensor<?xf32> {fgla.dims = ["T"]}
// CHECK-SAME: -> (tensor<?x?x2x16xf32> {fgla.dims = ["batch", "T2", "2", "16"]})
func.func @given(%x: tensor<?x?x2x16xf32> {fgla.dims = ["batch", "?", "2", "16"]}, %other: tensor<?xf32> {fgla.dims = ["T"]})
    -> tensor<?x?x2x16xf32> {
  %y = fgla.feature_map relu %x : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  return %y : tensor<?x?x2x16xf32>
}

// -----

// A function that nobody outside calls has no names.
// CHECK-LABEL: func.func private @private
// CHECK-NOT: fgla.dims
func.func private @private(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

// -----

// States of packed sequences are as many as these, and not as the batch.
// CHECK-LABEL: func.func @packed
// CHECK-SAME: %arg0: tensor<1x?x4x8xf32> {fgla.dims = ["1", "T", "4", "8"]}
// CHECK-SAME: %arg1: tensor<?x4x8x8xf32> {fgla.dims = ["N", "4", "8", "8"]}
// CHECK-SAME: %arg2: tensor<?xi32> {fgla.dims = ["offsets"]}
// CHECK-SAME: tensor<?x4x8x8xf32> {fgla.dims = ["N", "4", "8", "8"]}
func.func @packed(%x: tensor<1x?x4x8xf32>, %s: tensor<?x4x8x8xf32>, %n: tensor<?xi32>) -> (tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>) {
  %o, %t = fgla.attention %x, %x, %x state(%s) sequences(%n)
    : (tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>, tensor<?xi32>) -> (tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>)
  return %o, %t : tensor<1x?x4x8xf32>, tensor<?x4x8x8xf32>
}
