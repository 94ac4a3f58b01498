// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @named
func.func @named(%x: tensor<?x?x4x64xf32>) -> tensor<?x?x4x128xf32> {
  // CHECK-NEXT: fgla.feature_map identity %{{.*}} : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  %0 = fgla.feature_map identity %x : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map relu
  %1 = fgla.feature_map relu %0 : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map elu1
  %2 = fgla.feature_map elu1 %1 : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map exp
  %3 = fgla.feature_map exp %2 : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map safe_exp
  %4 = fgla.feature_map safe_exp %3 : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map softmax
  %5 = fgla.feature_map softmax %4 : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  // CHECK-NEXT: fgla.feature_map hedgehog %{{.*}} : tensor<?x?x4x64xf32> -> tensor<?x?x4x128xf32>
  %6 = fgla.feature_map hedgehog %5 : tensor<?x?x4x64xf32> -> tensor<?x?x4x128xf32>
  return %6 : tensor<?x?x4x128xf32>
}

// CHECK-LABEL: func.func @weight
func.func @weight(%x: tensor<2x?x4x64xf16>, %w: tensor<4x64x32xf16>) -> tensor<2x?x4x64xf16> {
  // CHECK: fgla.feature_map hedgehog %{{.*}} weight(%{{.*}} : tensor<4x64x32xf16>) {note = "n"} : tensor<2x?x4x64xf16> -> tensor<2x?x4x64xf16>
  %y = fgla.feature_map hedgehog %x weight(%w : tensor<4x64x32xf16>) {note = "n"} : tensor<2x?x4x64xf16> -> tensor<2x?x4x64xf16>
  return %y : tensor<2x?x4x64xf16>
}

// The region works on f32 whatever is stored.
// CHECK-LABEL: func.func @custom
func.func @custom(%x: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  // CHECK: fgla.feature_map custom %{{.*}} : tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
  // CHECK-NEXT:   %[[B:.*]] = math.absf %[[A]] : f32
  // CHECK-NEXT:   fgla.yield %[[B]] : f32
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16> {
  ^bb0(%a: f32):
    %b = math.absf %a : f32
    fgla.yield %b : f32
  }
  return %y : tensor<?x?x4x64xbf16>
}

// CHECK-LABEL: func.func @custom_f64
func.func @custom_f64(%x: tensor<?x?x4x64xf64>) -> tensor<?x?x4x64xf64> {
  // CHECK: ^bb0(%{{.*}}: f64):
  %y = fgla.feature_map custom %x : tensor<?x?x4x64xf64> -> tensor<?x?x4x64xf64> {
  ^bb0(%a: f64):
    fgla.yield %a : f64
  }
  return %y : tensor<?x?x4x64xf64>
}
