// RUN: fgla-opt %s --fgla-choose-saved | FileCheck %s
// RUN: fgla-opt %s --fgla-choose-saved=memory=min | FileCheck %s --check-prefix=MIN
// RUN: fgla-opt %s --fgla-choose-saved=memory=speed | FileCheck %s --check-prefix=SPEED

!x = tensor<2x3x2x8xbf16>




// CHECK-LABEL: func.func @block
func.func @block(%h: tensor<2x3x16xbf16>, %w: tensor<16x2x8xbf16>, %zq: !x) -> !x {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x2x8xf32>
  // CHECK: linalg.fill
  // CHECK-NOT: retention
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x2x8xf32>) -> tensor<2x3x2x8xf32>
  // A product is kept as what it is rounded to.
  // CHECK: linalg.generic
  // CHECK-SAME: fgla.retention = #fgla.retention<recomputed>
  // MIN: fgla.retention = #fgla.retention<recomputed>
  // SPEED: fgla.retention = #fgla.retention<saved>
  %p = linalg.generic {indexing_maps = [affine_map<(b, t, h, d, m) -> (b, t, m)>, affine_map<(b, t, h, d, m) -> (m, h, d)>, affine_map<(b, t, h, d, m) -> (b, t, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%h, %w : tensor<2x3x16xbf16>, tensor<16x2x8xbf16>) outs(%f : tensor<2x3x2x8xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x3x2x8xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: fgla.retention = #fgla.retention<saved>
  %ze = tensor.empty() : !x
  %z = linalg.generic {indexing_maps = [affine_map<(b, t, h, d) -> (b, t, h, d)>, affine_map<(b, t, h, d) -> (b, t, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%p : tensor<2x3x2x8xf32>) outs(%ze : !x) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> !x
  // CHECK: fgla.feature_map {{.*}}fgla.retention = #fgla.retention<recomputed>
  %q = fgla.feature_map safe_exp %zq : !x -> !x
  // What is written there stays.
  // CHECK: fgla.feature_map {{.*}}fgla.retention = #fgla.retention<saved>
  %k = fgla.feature_map relu %z {fgla.retention = #fgla.retention<saved>} : !x -> !x
  // CHECK: fgla.attention {{.*}}fgla.retention = #fgla.retention<saved>
  %o = fgla.attention %q, %k, %z : (!x, !x, !x) -> (!x)
  return %o : !x
}
