// RUN: fgla-opt %s --fgla-check-host --split-input-file --verify-diagnostics

module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @below {{'linalg.add' is outside of a kernel; target 'sm_90a' runs kernels only}}
    %z = linalg.add ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>
    return %z : tensor<?xf32>
  }
}

// -----

module attributes {fgla.target = #fgla.target<"sm_80">} {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    %zero = arith.constant 0 : index
    // expected-error @below {{'tensor.extract' is outside of a kernel; target 'sm_80' runs kernels only}}
    %v = tensor.extract %x[%zero] : tensor<4xf32>
    return %x : tensor<4xf32>
  }
}

// -----

// Shapes and launches are no computation; kernels and shape functions are not looked at.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func private @kernel(%x: memref<?x4xf32>, %y: memref<?x4xf32>) {
    return
  }
  func.func @f(%x: tensor<?xf32>) -> tensor<?x4xf32> {
    %zero = arith.constant 0 : index
    %four = arith.constant 4 : index
    %n = tensor.dim %x, %zero : tensor<?xf32>
    %m = arith.divsi %n, %four : index
    %e = tensor.empty(%m) : tensor<?x4xf32>
    %i = tensor.expand_shape %x [[0, 1]] output_shape [%m, 4] : tensor<?xf32> into tensor<?x4xf32>
    %y = fgla_tile.launch @kernel ins(%i : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> (tensor<?x4xf32>)
    return %y : tensor<?x4xf32>
  }
}

// -----

// Where an op was made of another one, that is named.
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
    // expected-error @unknown {{operator 'MatMul' (node 'm'): 'linalg.add' is outside of a kernel; target 'sm_90a' runs kernels only: an 'fgla.attention' with}}
    %z = linalg.add ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32> loc("operator 'MatMul' (node 'm')")
    return %z : tensor<?xf32>
  }
}
