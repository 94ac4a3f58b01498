// RUN: fgla-opt %s --fgla-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @f32
// CHECK-NOT: math.exp
// CHECK: math.roundeven
// CHECK-COUNT-9: math.fma
// CHECK-NOT: math.tanh
// CHECK: return
func.func @f32(%x: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %a = math.exp %x : vector<16xf32>
  %b = math.expm1 %x : vector<16xf32>
  %c = math.tanh %x : vector<16xf32>
  return %a, %b, %c : vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// CHECK-LABEL: func.func @f64
// CHECK: math.exp %{{.+}} : f64
// CHECK-COUNT-15: math.fma %{{.+}}, %{{.+}}, %{{.+}} : f64
// CHECK-NOT: math.expm1
// CHECK: return
func.func @f64(%x: f64) -> (f64, f64) {
  %a = math.exp %x : f64
  %b = math.expm1 %x : f64
  return %a, %b : f64, f64
}
