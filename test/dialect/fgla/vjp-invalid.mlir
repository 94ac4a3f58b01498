// RUN: fgla-opt %s --split-input-file --verify-diagnostics

!x = tensor<?x?x4x64xf32>

func.func @arguments(%x: !x) {
  // expected-error @+1 {{region must have an argument of the type of each input (vjp_c1)}}
  %d = fgla.vjp wrt [0](%x) cotangent(%x) : (!x), !x -> (!x) {
  ^bb0(%a: !x, %b: !x):
    fgla.yield %a : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @ops(%x: !x) {
  // expected-error @+1 {{region must hold only ops with a tile form, got 'arith.addf' (vjp_c1)}}
  %d = fgla.vjp wrt [0](%x) cotangent(%x) : (!x), !x -> (!x) {
  ^bb0(%a: !x):
    %b = arith.addf %a, %a : !x
    fgla.yield %b : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @cotangent(%x: !x, %y: tensor<?x?x4x32xf32>) {
  // expected-error @+1 {{operand 'cotangent' must have shape [?, ?, 4, 64], got [?, ?, 4, 32] (vjp_c2)}}
  %d = fgla.vjp wrt [0](%x) cotangent(%y) : (!x), tensor<?x?x4x32xf32> -> (!x) {
  ^bb0(%a: !x):
    fgla.yield %a : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @numbers(%x: !x) {
  // expected-error @+1 {{'wrt' must number some of the 1 inputs in ascending order, got [1] (vjp_c3)}}
  %d = fgla.vjp wrt [1](%x) cotangent(%x) : (!x), !x -> (!x) {
  ^bb0(%a: !x):
    fgla.yield %a : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @order(%x: !x) {
  // expected-error @+1 {{'wrt' must number some of the 2 inputs in ascending order, got [1, 1] (vjp_c3)}}
  %d:2 = fgla.vjp wrt [1, 1](%x, %x) cotangent(%x) : (!x, !x), !x -> (!x, !x) {
  ^bb0(%a: !x, %b: !x):
    %y = fgla.output_gate %a, %b : !x
    fgla.yield %y : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @count(%x: !x) {
  // expected-error @+1 {{must have a result for each number in 'wrt', 1, got 2 (vjp_c3)}}
  %d:2 = fgla.vjp wrt [0](%x) cotangent(%x) : (!x), !x -> (!x, !x) {
  ^bb0(%a: !x):
    fgla.yield %a : !x
  }
  return
}

// -----

!x = tensor<?x?x4x64xf32>

func.func @type(%x: !x) {
  // expected-error @+1 {{the gradient of input #0 must hold 'f32', got 'f16' (vjp_c4)}}
  %d = fgla.vjp wrt [0](%x) cotangent(%x) : (!x), !x -> (tensor<?x?x4x64xf16>) {
  ^bb0(%a: !x):
    fgla.yield %a : !x
  }
  return
}
