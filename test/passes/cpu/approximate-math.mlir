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

// Sines go by quadrants of three parts of pi / 2. Where an argument of a vector is far out, or no number, the math library is called,
// lane by lane.
// CHECK-LABEL: func.func @sine
// CHECK: %[[ABS:.+]] = math.absf %[[X:.+]] : vector<8xf32>
// CHECK: %[[FAR:.+]] = arith.cmpf ugt, %[[ABS]]
// CHECK: %[[ANY:.+]] = vector.reduction <or>, %[[FAR]] : vector<8xi1> into i1
// CHECK: scf.if %[[ANY]] -> (vector<8xf32>) {
// CHECK:   scf.for
// CHECK:     math.sin %{{.+}} : f64
// CHECK: } else {
// CHECK:   math.roundeven
// CHECK-COUNT-12: math.fma
// CHECK-NOT: math.sin
// CHECK: return
func.func @sine(%x: vector<8xf32>) -> vector<8xf32> {
  %a = math.sin %x : vector<8xf32>
  return %a : vector<8xf32>
}

// Narrower floats are computed in f32; what has no polynomial stays, for the math library.
// CHECK-LABEL: func.func @others
// CHECK: arith.extf
// CHECK-NOT: math.log
// CHECK: math.atan %{{.+}} : f32
// CHECK: math.cbrt %{{.+}} : f32
func.func @others(%x: f16, %y: f32) -> (f16, f32, f32) {
  %a = math.log %x : f16
  %b = math.atan %y : f32
  %c = math.cbrt %y : f32
  return %a, %b, %c : f16, f32, f32
}
