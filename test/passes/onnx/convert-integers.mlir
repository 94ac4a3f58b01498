// Integers that are known are computed in the width of their type; indices are checked.
// RUN: fgla-opt %s --fgla-convert-onnx --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: func @wraps
func.func @wraps() -> (tensor<1xi64>, tensor<2xi64>) {
  %a = onnx.initializer "a" value dense<65536> : tensor<1xi32>
  %b = onnx.initializer "b" value dense<65537> : tensor<1xi32>
  %c = onnx.node "Mul"(%a, %b) version 21 : (tensor<1xi32>, tensor<1xi32>) -> (tensor<1xi32>)
  %d = onnx.node "Cast"(%c) version 21 {to = 7 : i64} : (tensor<1xi32>) -> (tensor<1xi64>)
  %e = onnx.initializer "e" value dense<[300, -129]> : tensor<2xi64>
  %f = onnx.node "Cast"(%e) version 21 {to = 3 : i64} : (tensor<2xi64>) -> (tensor<2xi8>)
  %g = onnx.node "Cast"(%f) version 21 {to = 7 : i64} : (tensor<2xi8>) -> (tensor<2xi64>)
  // CHECK-DAG: %[[D:.*]] = arith.constant dense<65536> : tensor<1xi64>
  // CHECK-DAG: %[[G:.*]] = arith.constant dense<[44, 127]> : tensor<2xi64>
  // CHECK: return %[[D]], %[[G]]
  return %d, %g : tensor<1xi64>, tensor<2xi64>
}

// -----

// CHECK-LABEL: func @quotients
func.func @quotients() -> tensor<3xi64> {
  %a = onnx.initializer "a" value dense<[-9223372036854775808, -7, 8]> : tensor<3xi64>
  %b = onnx.initializer "b" value dense<[-1, 2, -3]> : tensor<3xi64>
  %c = onnx.node "Div"(%a, %b) version 21 : (tensor<3xi64>, tensor<3xi64>) -> (tensor<3xi64>)
  // CHECK: arith.constant dense<[-9223372036854775808, -3, -2]>
  return %c : tensor<3xi64>
}

// -----

// A size survives 32 bits, but no fewer.
// CHECK-LABEL: func @sizes
// CHECK: %[[N:.*]] = tensor.dim
// CHECK: arith.trunci {{.*}} : i64 to i8
func.func @sizes(%x: tensor<?xf32>) -> (tensor<?x1xf32>, tensor<1xi8>) {
  %one = onnx.initializer "one" value dense<1> : tensor<1xi32>
  %s = onnx.node "Shape"(%x) version 21 : (tensor<?xf32>) -> (tensor<1xi64>)
  %c = onnx.node "Cast"(%s) version 21 {to = 6 : i64} : (tensor<1xi64>) -> (tensor<1xi32>)
  %m = onnx.node "Mul"(%c, %one) version 21 : (tensor<1xi32>, tensor<1xi32>) -> (tensor<1xi32>)
  %t = onnx.node "Concat"(%m, %one) version 21 {axis = 0 : i64} : (tensor<1xi32>, tensor<1xi32>) -> (tensor<2xi32>)
  %u = onnx.node "Cast"(%t) version 21 {to = 7 : i64} : (tensor<2xi32>) -> (tensor<2xi64>)
  %y = onnx.node "Reshape"(%x, %u) version 21 : (tensor<?xf32>, tensor<2xi64>) -> (tensor<?x1xf32>)
  %b = onnx.node "Cast"(%s) version 21 {to = 3 : i64} : (tensor<1xi64>) -> (tensor<1xi8>)
  return %y, %b : tensor<?x1xf32>, tensor<1xi8>
}

// -----

// CHECK-LABEL: func @gather
// CHECK: %[[OUTSIDE:.*]] = linalg.generic {{.*}}iterator_types = ["reduction"]
// CHECK: %[[NONE:.*]] = arith.cmpi eq
// CHECK: cf.assert %[[NONE]], "operator 'Gather' (node 'rows'): an index is out of range"
// Where there may be no row, nothing is read.
// CHECK: %[[TURNS:.*]] = arith.minsi
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[TURNS]]
// CHECK: tensor.extract
func.func @gather(%x: tensor<?x4xf32>, %i: tensor<?xi64>) -> tensor<?x4xf32> {
  %y = onnx.node "Gather"(%x, %i) version 21 name "rows" : (tensor<?x4xf32>, tensor<?xi64>) -> (tensor<?x4xf32>)
  return %y : tensor<?x4xf32>
}

// -----

// CHECK-LABEL: func @last_row
// CHECK-NOT: cf.assert
func.func @last_row(%x: tensor<5x4xf32>) -> tensor<4xf32> {
  %i = onnx.initializer "i" value dense<-1> : tensor<i64>
  %y = onnx.node "Gather"(%x, %i) version 21 : (tensor<5x4xf32>, tensor<i64>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

// A step past the end is no stride.
// CHECK-LABEL: func @slice
// CHECK: tensor.extract_slice {{.*}} [1, 1]
func.func @slice(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %s = onnx.initializer "s" value dense<0> : tensor<1xi64>
  %e = onnx.initializer "e" value dense<9223372036854775807> : tensor<1xi64>
  %a = onnx.initializer "a" value dense<0> : tensor<1xi64>
  %y = onnx.node "Slice"(%x, %s, %e, %a, %e) version 21
    : (tensor<?x3xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> (tensor<?x3xf32>)
  return %y : tensor<?x3xf32>
}

// -----

// CHECK-LABEL: func @concat_of_one
// CHECK-NEXT: return %arg0
func.func @concat_of_one(%x: tensor<3xf32>, %w: tensor<0xf32>) -> tensor<3xf32> {
  %y = onnx.node "Concat"(%w, %x, %w) version 21 {axis = 0 : i64} : (tensor<0xf32>, tensor<3xf32>, tensor<0xf32>) -> (tensor<3xf32>)
  return %y : tensor<3xf32>
}

// -----

// The product is rounded when C has been added.
// CHECK-LABEL: func @gemm
// CHECK: linalg.matmul {{.*}} outs(%{{.*}} : tensor<2x2xf32>)
// CHECK-NOT: arith.truncf
// CHECK: arith.mulf {{.*}} : f32
// CHECK: arith.addf {{.*}} : f32
// CHECK: arith.truncf {{.*}} : f32 to f16
func.func @gemm(%a: tensor<2x4xf16>, %b: tensor<4x2xf16>, %c: tensor<2xf16>) -> tensor<2x2xf16> {
  %y = onnx.node "Gemm"(%a, %b, %c) version 21 {alpha = 0.1 : f32} : (tensor<2x4xf16>, tensor<4x2xf16>, tensor<2xf16>) -> (tensor<2x2xf16>)
  return %y : tensor<2x2xf16>
}
