// RUN: fgla-opt %s --fgla-widen-to-f64 --split-input-file --verify-diagnostics

func.func @bits(%x: f32) -> i32 {
  // expected-error @+1 {{can't be widened to f64: the bits of a narrower float are looked at}}
  %y = arith.bitcast %x : f32 to i32
  return %y : i32
}

// -----

func.func @short_resource() -> tensor<3xf32> {
  // expected-error @+1 {{can't be widened to f64: resource 'weight' doesn't hold the 3 elements of its type}}
  %y = arith.constant dense_resource<weight> : tensor<3xf32>
  return %y : tensor<3xf32>
}

{-#
  dialect_resources: {
    builtin: {
      weight: "0x040000000000803F000000C0"
    }
  }
#-}
