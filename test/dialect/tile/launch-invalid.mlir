// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @launch_c1_missing(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{'kernel' does not name a function (launch_c1)}}
  %y = fgla_tile.launch @kernel ins() outs(%x : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  return
}

// -----

func.func private @kernel(memref<?x8xf32>)
func.func @launch_c1_shape(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{inputs and outputs don't fit the arguments of 'kernel' (launch_c1)}}
  %y = fgla_tile.launch @kernel ins() outs(%x : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  return
}

// -----

func.func private @kernel(memref<?x4xf32>) -> i32
func.func @launch_c1_result(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{inputs and outputs don't fit the arguments of 'kernel' (launch_c1)}}
  %y = fgla_tile.launch @kernel ins() outs(%x : tensor<?x4xf32>) -> (tensor<?x4xf32>)
  return
}

// -----

func.func private @kernel(memref<?x4xf32>)
func.func @launch_c1_unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{inputs and outputs don't fit the arguments of 'kernel' (launch_c1)}}
  fgla_tile.launch @kernel ins(%x : tensor<*xf32>) outs()
  return
}

// -----

func.func private @kernel(memref<?x4xf32>)
func.func @launch_types(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{expected type of operand #0 ('tensor<?x4xf32>') to match type of corresponding result ('tensor<?x8xf32>')}}
  %y = fgla_tile.launch @kernel ins() outs(%x : tensor<?x4xf32>) -> (tensor<?x8xf32>)
  return
}
