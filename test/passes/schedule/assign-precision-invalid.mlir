// RUN: not fgla-opt %s --fgla-assign-precision --split-input-file 2>&1 | FileCheck %s

// CHECK: error: module must carry the attribute 'fgla.target'
module {
}

// -----

module attributes {fgla.target = #fgla.target<"sm_80">} {
  func.func @f(%a: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
    // CHECK: error: attribute 'fgla.precision' must be #fgla.precision<f32> or #fgla.precision<tf32>, got "tf32"
    %0 = fgla.attention %a, %a, %a {fgla.precision = "tf32"} : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
    return %0 : tensor<?x?x2x64xf32>
  }
}

// -----

// CHECK: error: expected ::fgla::Precision to be one of: f32, tf32
func.func private @g() attributes {fgla.precision = #fgla.precision<fp8>}
