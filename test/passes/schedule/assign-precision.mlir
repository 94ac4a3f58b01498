// RUN: fgla-opt %s --split-input-file --fgla-assign-schedule --fgla-assign-precision=precision=tf32 2>/dev/null | FileCheck %s
// RUN: fgla-opt %s --split-input-file --fgla-assign-schedule --fgla-assign-precision=precision=tf32 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: fgla-opt %s --split-input-file --fgla-assign-schedule --fgla-assign-precision 2>/dev/null | FileCheck %s --check-prefix=DEFAULT

// It stands on attentions of f32 for a GPU, and only if it was asked for.
// CHECK-LABEL: @gpu
// DEFAULT-LABEL: @gpu
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @gpu(%a: tensor<?x?x2x64xf32>, %b: tensor<?x?x2x64xbf16>)
      -> (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xbf16>) {
    // CHECK: fgla.attention {{.*}}fgla.precision = #fgla.precision<tf32>
    // DEFAULT-NOT: fgla.precision
    // DEFAULT: fgla.attention
    %0 = fgla.attention %a, %a, %a : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
    // What stands on an op stays.
    // CHECK: fgla.attention {{.*}}fgla.precision = #fgla.precision<f32>
    %1 = fgla.attention %a, %a, %a {fgla.precision = #fgla.precision<f32>} : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
    // CHECK: fgla.attention {{.*}}fgla.precision = #fgla.precision<tf32>
    // DEFAULT: fgla.attention {{.*}}fgla.precision = #fgla.precision<tf32>
    %2 = fgla.attention %a, %a, %a {fgla.precision = #fgla.precision<tf32>} : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
    // CHECK-NOT: fgla.precision
    // CHECK: fgla.attention
    // CHECK-NOT: fgla.precision
    // REMARK: [[@LINE+1]]:10: remark: precision 'tf32' is for tensors of f32: those of 'bf16' are multiplied as they are
    %3 = fgla.attention %b, %b, %b : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
    return %0, %1, %2, %3 : tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xbf16>
  }
}

// -----

// CHECK-LABEL: @cpu
// CHECK-NOT: fgla.precision
module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @cpu(%a: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
    // REMARK: [[@LINE+1]]:10: remark: precision 'tf32' is for GPUs: 'cpu' multiplies f32 as it is
    %0 = fgla.attention %a, %a, %a : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
    return %0 : tensor<?x?x2x64xf32>
  }
}
