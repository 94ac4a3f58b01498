// RUN: fgla-opt %s --fgla-convert-onnx --split-input-file --verify-diagnostics

func.func @unsupported(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{operator 'FancyOp' of domain 'com.example' (node 'layer3/fancy') is not supported; docs/onnx-operators.md lists those that are}}
  %y = onnx.node "FancyOp"(%x) domain "com.example" version 1 name "layer3/fancy" : (tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @old_version(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{operator 'Softmax': version 11 of the standard operators is not supported (at least 13 for this operator)}}
  %y = onnx.node "Softmax"(%x) version 11 : (tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @shape_is_data(%x: tensor<4xf32>, %s: tensor<2xi64>) -> tensor<?x?xf32> {
  // expected-error@+1 {{operator 'Reshape': input 1 must be a constant or made from shapes}}
  %y = onnx.node "Reshape"(%x, %s) version 21 : (tensor<4xf32>, tensor<2xi64>) -> (tensor<?x?xf32>)
  return %y : tensor<?x?xf32>
}

// -----

func.func @reshape_does_not_divide(%x: tensor<?x6xf32>) -> tensor<?x4xf32> {
  %s = onnx.initializer "s" value dense<[-1, 4]> : tensor<2xi64>
  // expected-error@+1 {{can't see that [?, 6] divides into [-1, 4]}}
  %y = onnx.node "Reshape"(%x, %s) version 21 : (tensor<?x6xf32>, tensor<2xi64>) -> (tensor<?x4xf32>)
  return %y : tensor<?x4xf32>
}

// -----

func.func @unequal_dims(%x: tensor<?xf32> {fgla.dims = ["A"]}, %y: tensor<?xf32> {fgla.dims = ["B"]}) -> tensor<?xf32> {
  // expected-error@+1 {{operator 'Add': can't see that sizes ? and ? of axis 0 are equal (give free dims of inputs the same name where they are)}}
  %z = onnx.node "Add"(%x, %y) version 21 : (tensor<?xf32>, tensor<?xf32>) -> (tensor<?xf32>)
  return %z : tensor<?xf32>
}

// -----

func.func @no_broadcast(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{operator 'Add': can't see that sizes 3 and 4 of axis 0 are equal}}
  %z = onnx.node "Add"(%x, %y) version 21 : (tensor<3xf32>, tensor<4xf32>) -> (tensor<4xf32>)
  return %z : tensor<4xf32>
}

// -----

func.func @axis(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  // expected-error@+1 {{operator 'Softmax': axis 2 is out of range for rank 2}}
  %z = onnx.node "Softmax"(%x) version 21 {axis = 2 : i64} : (tensor<3x4xf32>) -> (tensor<3x4xf32>)
  return %z : tensor<3x4xf32>
}

// -----

func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xui8> {
  // expected-error@+1 {{operator 'Add': element type 'ui8' is not supported}}
  %z = onnx.node "Add"(%x, %x) version 21 : (tensor<4xui8>, tensor<4xui8>) -> (tensor<4xui8>)
  return %z : tensor<4xui8>
}

// -----

func.func @gather_index(%x: tensor<4x2xf32>) -> tensor<2xf32> {
  %i = onnx.initializer "i" value dense<4> : tensor<i64>
  // expected-error@+1 {{operator 'Gather': index 4 is out of range for axis 0 of [4, 2]}}
  %z = onnx.node "Gather"(%x, %i) version 21 : (tensor<4x2xf32>, tensor<i64>) -> (tensor<2xf32>)
  return %z : tensor<2xf32>
}

// -----

func.func @inner_dims(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error@+1 {{operator 'MatMul': can't see that [4, 2] and [4, 2] can be multiplied}}
  %z = onnx.node "MatMul"(%x, %x) version 21 : (tensor<4x2xf32>, tensor<4x2xf32>) -> (tensor<4x2xf32>)
  return %z : tensor<4x2xf32>
}

// -----

module attributes {onnx.folder = "/nonexistent"} {
  func.func @weight_file() -> tensor<2xf32> {
    // expected-error@+1 {{weight 'w': the model's folder '/nonexistent' cannot be opened: No such file or directory}}
    %w = onnx.initializer "w" file "w.bin" offset 0 length 8 : tensor<2xf32>
    return %w : tensor<2xf32>
  }
}
