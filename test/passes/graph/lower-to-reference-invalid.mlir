// RUN: fgla-opt %s --fgla-lower-to-reference --split-input-file --verify-diagnostics

func.func @step(%q: tensor<?x2x5xf32>, %s: tensor<?x2x5x5xf32>) -> tensor<?x2x5xf32> {
  // expected-error @+1 {{'fgla.step' has no sequential form, take it apart first (fgla-expand-block)}}
  %o:2 = fgla.step %q, %q, %q state(%s)
    : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x5x5xf32>) -> (tensor<?x2x5xf32>, tensor<?x2x5x5xf32>)
  return %o#0 : tensor<?x2x5xf32>
}

// -----

!x = tensor<?x?x2x8xf32>

// A number that comes back from an integer has no derivative.
func.func @bits(%x: !x, %g: !x) -> !x {
  %d = fgla.vjp wrt [0](%x) cotangent(%g) : (!x), !x -> (!x) {
  ^bb0(%a: !x):
    %y = fgla.feature_map custom %a : !x -> !x {
    ^bb0(%s: f32):
      %i = arith.bitcast %s : f32 to i32
      // expected-error @+1 {{'arith.bitcast' has no derivative}}
      %b = arith.bitcast %i : i32 to f32
      fgla.yield %b : f32
    }
    fgla.yield %y : !x
  }
  return %d : !x
}

// -----

func.func @packed(%x: tensor<1x?x4x8xf32>, %n: tensor<?xi32>) -> tensor<1x?x4x8xf32> {
  // expected-error @+1 {{'fgla.attention' with 'sequences' has no sequential form, take it apart first (fgla-expand-sequences)}}
  %o = fgla.attention %x, %x, %x sequences(%n) : (tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<1x?x4x8xf32>, tensor<?xi32>) -> (tensor<1x?x4x8xf32>)
  return %o : tensor<1x?x4x8xf32>
}
