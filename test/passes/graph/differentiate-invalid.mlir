// RUN: fgla-opt %s --fgla-differentiate --split-input-file --verify-diagnostics

!x = tensor<?x?x2x8xf32>

// expected-error @+1 {{the function 'text' has no argument that a gradient flows through}}
func.func @text(%n: tensor<2xi32>) -> !x {
  %c = arith.constant dense<0.0> : tensor<1x1x2x8xf32>
  %y = tensor.cast %c : tensor<1x1x2x8xf32> to !x
  return %y : !x
}

// -----

!x = tensor<?x?x2x8xf32>

// expected-error @+1 {{the results of 'unrelated' do not depend on an argument that a gradient flows to}}
func.func @unrelated(%x: !x, %y: tensor<?x2xi32>) -> tensor<2xf32> {
  %c = arith.constant dense<0.0> : tensor<2xf32>
  return %c : tensor<2xf32>
}

// -----

!x = tensor<?x2x8xf32>
!s = tensor<?x2x8x8xf32>

func.func @step(%x: !x, %s: !s) -> !x {
  // expected-error @+1 {{'fgla.step' has no derivative, take it apart first (fgla-expand-block)}}
  %o, %t = fgla.step %x, %x, %x state(%s) : (!x, !x, !x, !s) -> (!x, !s)
  return %o : !x
}

// -----

func.func @maximum(%x: tensor<?x8xf32>) -> tensor<8xf32> {
  %e = arith.constant dense<0.0> : tensor<8xf32>
  // expected-error @+1 {{'linalg.generic' of a maximum has no derivative}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %o : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @product(%x: tensor<?x8xf32>) -> tensor<8xf32> {
  %e = arith.constant dense<1.0> : tensor<8xf32>
  // expected-error @+1 {{'linalg.generic' has a derivative only where it sums up}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<?x8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %o : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @loop(%x: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' has no derivative}}
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<8xf32> {
    scf.yield %a : tensor<8xf32>
  }
  return %y : tensor<8xf32>
}
