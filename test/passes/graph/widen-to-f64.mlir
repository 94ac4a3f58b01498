// RUN: fgla-opt %s --fgla-widen-to-f64 | FileCheck %s
// RUN: fgla-opt %s --fgla-widen-to-f64 --fgla-lower-to-reference | FileCheck %s --check-prefix=LOWERED

// LOWERED-NOT: {{(bf16|f16|f32)[^a-z0-9_]}}

// CHECK-LABEL: func.func @attention
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x2x3xf64> {fgla.name = "q"}
// CHECK-SAME: -> (tensor<?x?x2x3xf64>, tensor<?x2x3x3xf64>)
func.func @attention(%q: tensor<?x?x2x3xbf16> {fgla.name = "q"}) -> (tensor<?x?x2x3xbf16>, tensor<?x2x3x3xf32>) {
  // CHECK-NEXT: %[[D:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf64>
  %d = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  // CHECK-NEXT: fgla.attention %[[Q]], %[[Q]], %[[Q]] decay(%[[D]]) axis(constant) scale(0.1) :
  // CHECK-SAME: -> (tensor<?x?x2x3xf64>, tensor<?x2x3x3xf64>)
  %o:2 = fgla.attention %q, %q, %q decay(%d) axis(constant) scale(0.1)
    : (tensor<?x?x2x3xbf16>, tensor<?x?x2x3xbf16>, tensor<?x?x2x3xbf16>, tensor<2xf32>) -> (tensor<?x?x2x3xbf16>, tensor<?x2x3x3xf32>)
  return %o#0, %o#1 : tensor<?x?x2x3xbf16>, tensor<?x2x3x3xf32>
}

// CHECK-LABEL: func.func @regions
func.func @regions(%x: tensor<?x?x2x3xf16>) -> tensor<?x?x2x3xf16> {
  // CHECK: fgla.feature_map custom
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f64):
  %y = fgla.feature_map custom %x : tensor<?x?x2x3xf16> -> tensor<?x?x2x3xf16> {
  ^bb0(%a: f32):
    // CHECK-NEXT: %[[C:.*]] = arith.constant 2.500000e-01 : f64
    %c = arith.constant 0.25 : f32
    // CHECK-NEXT: %[[M:.*]] = arith.mulf %[[A]], %[[C]] : f64
    %m = arith.mulf %a, %c : f32
    // CHECK-NEXT: fgla.yield %[[M]] : f64
    fgla.yield %m : f32
  }
  return %y : tensor<?x?x2x3xf16>
}

// Conversions between what are now equal types go.
// CHECK-LABEL: func.func @conversions
// CHECK-SAME: %[[A:.*]]: f64
// CHECK-NEXT: %[[I:.*]] = arith.fptosi %[[A]] : f64 to i32
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[I]] : i32 to f64
// CHECK-NEXT: return %[[F]] : f64
func.func @conversions(%a: f16) -> bf16 {
  %b = arith.extf %a : f16 to f32
  %i = arith.fptosi %b : f32 to i32
  %f = arith.sitofp %i : i32 to f32
  %g = arith.extf %f : f32 to f64
  %h = arith.truncf %g : f64 to f32
  %r = arith.truncf %h : f32 to bf16
  return %r : bf16
}

// CHECK-LABEL: func.func @linalg
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<?x4xf64>, tensor<4x?xf64>) outs(%{{.*}} : tensor<?x?xf64>)
func.func @linalg(%a: tensor<?x4xbf16>, %b: tensor<4x?xbf16>, %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %d = linalg.matmul ins(%a, %b : tensor<?x4xbf16>, tensor<4x?xbf16>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %d : tensor<?x?xf32>
}

// Splats, special values and weights in resources; integers stay.
// CHECK-LABEL: func.func @constants
func.func @constants() -> (tensor<8xf16>, tensor<2xf32>, f32, tensor<2xbf16>, tensor<2xi32>, tensor<3xf32>) {
  // CHECK-NEXT: dense<1.500000e+00> : tensor<8xf64>
  %0 = arith.constant dense<1.5> : tensor<8xf16>
  // CHECK-NEXT: dense<[0x7FF0000000000000, 0.10000000149011612]> : tensor<2xf64>
  %1 = arith.constant dense<[0x7F800000, 0.1]> : tensor<2xf32>
  // CHECK-NEXT: arith.constant 0xFFF0000000000000 : f64
  %2 = arith.constant 0xFF800000 : f32
  // CHECK-NEXT: dense<[-1.000000e+00, 2.000000e+00]> : tensor<2xf64>
  %3 = arith.constant dense<[-1.0, 2.0]> : tensor<2xbf16>
  // CHECK-NEXT: dense<[1, 2]> : tensor<2xi32>
  %4 = arith.constant dense<[1, 2]> : tensor<2xi32>
  // CHECK-NEXT: dense_resource<weight_f64> : tensor<3xf64>
  %5 = arith.constant dense_resource<weight> : tensor<3xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<8xf16>, tensor<2xf32>, f32, tensor<2xbf16>, tensor<2xi32>, tensor<3xf32>
}

// Alignment 8, then 1.0, -2.0 and 0.5.
// CHECK: weight_f64: "0x08000000000000000000F03F00000000000000C0000000000000E03F"
{-#
  dialect_resources: {
    builtin: {
      weight: "0x040000000000803F000000C00000003F"
    }
  }
#-}
