// RUN: fgla-opt %s --fgla-round-once | FileCheck %s

// By way of f32, rounded to odd: where the nearest is not exact and even, its neighbour on the other side.
// CHECK-LABEL: func.func @f64
// CHECK: %[[N:.*]] = arith.truncf %[[X:.*]] : vector<8xf64> to vector<8xf32>
// CHECK: %[[BACK:.*]] = arith.extf %[[N]] : vector<8xf32> to vector<8xf64>
// CHECK: %[[INEXACT:.*]] = arith.cmpf one, %[[BACK]], %[[X]]
// CHECK: %[[BITS:.*]] = arith.bitcast %[[N]] : vector<8xf32> to vector<8xi32>
// CHECK: %[[ODD:.*]] = arith.select
// CHECK: %[[F:.*]] = arith.bitcast %{{.*}} : vector<8xi32> to vector<8xf32>
// CHECK: arith.truncf %[[F]] : vector<8xf32> to vector<8xf16>
// CHECK-NOT: f64 to {{.*}}bf16
func.func @f64(%x: vector<8xf64>, %y: f64) -> (vector<8xf16>, bf16) {
  %a = arith.truncf %x : vector<8xf64> to vector<8xf16>
  %b = arith.truncf %y : f64 to bf16
  return %a, %b : vector<8xf16>, bf16
}

// CHECK-LABEL: func.func @integers
// CHECK: arith.sitofp %{{.*}} : i64 to f64
// CHECK: arith.uitofp %{{.*}} : i32 to f64
// CHECK-NOT: {{i64|i32|f64}} to bf16
func.func @integers(%x: i64, %y: i32) -> (bf16, bf16) {
  %a = arith.sitofp %x : i64 to bf16
  %b = arith.uitofp %y : i32 to bf16
  return %a, %b : bf16, bf16
}

// What is one rounding stays.
// CHECK-LABEL: func.func @left_alone
// CHECK-NEXT: arith.truncf %{{.*}} : f64 to f32
// CHECK-NEXT: arith.truncf %{{.*}} : f32 to f16
// CHECK-NEXT: arith.sitofp %{{.*}} : i16 to bf16
// CHECK-NEXT: arith.sitofp %{{.*}} : i64 to f16
// CHECK-NEXT: return
func.func @left_alone(%x: f64, %y: f32, %i: i16, %j: i64) -> (f32, f16, bf16, f16) {
  %a = arith.truncf %x : f64 to f32
  %b = arith.truncf %y : f32 to f16
  %c = arith.sitofp %i : i16 to bf16
  %d = arith.sitofp %j : i64 to f16
  return %a, %b, %c, %d : f32, f16, bf16, f16
}
