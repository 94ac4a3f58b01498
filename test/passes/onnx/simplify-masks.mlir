// RUN: fgla-opt %s --fgla-simplify-masks --split-input-file | FileCheck %s

// A lower triangle, made of the number of tokens; nothing is left of it.
// CHECK-LABEL: func.func @causal
func.func @causal(%x: tensor<?x?x4x8xf32> {fgla.dims = ["B", "T", "4", "8"]}) -> tensor<?x?x4x8xf32> {
  // CHECK-NOT: onnx.node
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} ahead(0) aligned(end) :
  %one = onnx.node "Constant"() version 18 {value = dense<1> : tensor<1xi64>} : () -> (tensor<1xi64>)
  %shape = onnx.node "Shape"(%x) version 18 : (tensor<?x?x4x8xf32>) -> (tensor<4xi64>)
  %t = onnx.node "Gather"(%shape, %one) version 18 : (tensor<4xi64>, tensor<1xi64>) -> (tensor<1xi64>)
  %sizes = onnx.node "Concat"(%one, %one, %t, %t) version 18 {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> (tensor<4xi64>)
  %ones = onnx.node "ConstantOfShape"(%sizes) version 18 {value = dense<true> : tensor<1xi1>} : (tensor<4xi64>) -> (tensor<1x1x?x?xi1>)
  %mask = onnx.node "Trilu"(%ones) version 18 {upper = 0 : i64} : (tensor<1x1x?x?xi1>) -> (tensor<1x1x?x?xi1>)
  %o = fgla.softmax_attention %x, %x, %x mask(%mask) : (tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<1x1x?x?xi1>) -> tensor<?x?x4x8xf32>
  return %o : tensor<?x?x4x8xf32>
}

// -----

// The last two of them, in a mask that is added.
// CHECK-LABEL: func.func @window
func.func @window(%x: tensor<1x5x4x8xf32>) -> tensor<1x5x4x8xf32> {
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} behind(1) ahead(0) aligned(end) :
  %mask = onnx.initializer "mask" value dense<[[[[0.0, -1.0e4, -1.0e4, -1.0e4, -1.0e4], [0.0, 0.0, -1.0e4, -1.0e4, -1.0e4], [-1.0e4, 0.0, 0.0, -1.0e4, -1.0e4],
    [-1.0e4, -1.0e4, 0.0, 0.0, -1.0e4], [-1.0e4, -1.0e4, -1.0e4, 0.0, 0.0]]]]> : tensor<1x1x5x5xf32>
  %o = fgla.softmax_attention %x, %x, %x mask(%mask) : (tensor<1x5x4x8xf32>, tensor<1x5x4x8xf32>, tensor<1x5x4x8xf32>, tensor<1x1x5x5xf32>) -> tensor<1x5x4x8xf32>
  return %o : tensor<1x5x4x8xf32>
}

// -----

// What an input says, or what is no triangle, stays.
// CHECK-LABEL: func.func @stays
func.func @stays(%x: tensor<2x3x4x8xf32>, %m: tensor<2x1x1x3xi1>) -> (tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>) {
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} mask(%{{.*}}) :
  // CHECK: fgla.softmax_attention %{{.*}}, %{{.*}}, %{{.*}} mask(%{{.*}}) :
  %mask = onnx.initializer "mask" value dense<[[[[true, false, true], [true, true, false], [true, true, true]]]]> : tensor<1x1x3x3xi1>
  %a = fgla.softmax_attention %x, %x, %x mask(%m) : (tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x1x1x3xi1>) -> tensor<2x3x4x8xf32>
  %b = fgla.softmax_attention %x, %x, %x mask(%mask) : (tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>, tensor<1x1x3x3xi1>) -> tensor<2x3x4x8xf32>
  return %a, %b : tensor<2x3x4x8xf32>, tensor<2x3x4x8xf32>
}
