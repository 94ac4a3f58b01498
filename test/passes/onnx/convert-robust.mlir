// Text that no model could give: one error, no crash.
// RUN: fgla-opt %s --fgla-convert-onnx --split-input-file --verify-diagnostics

func.func @no_outputs(%x: tensor<4xf32>) {
  onnx.node "Neg"(%x) version 21 : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @no_inputs() -> tensor<4xf32> {
  // expected-error@+1 {{operator 'Neg': has 0 inputs}}
  %y = onnx.node "Neg"() version 21 : () -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @absent_input(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{operator 'Add': input 0 is missing}}
  %y = onnx.node "Add"(_, %x) version 21 : (_, tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @absent_output(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{operator 'Neg': the type of the result is not known}}
  %y = onnx.node "Neg"(%x) version 21 : (tensor<4xf32>) -> (_, tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @too_many_outputs(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y:2 = onnx.node "Neg"(%x) version 21 : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  // expected-error@+1 {{operator 'Abs': an input is an output that its operator does not have}}
  %z = onnx.node "Abs"(%y#1) version 21 : (tensor<4xf32>) -> (tensor<4xf32>)
  return %z : tensor<4xf32>
}

// -----

func.func @too_many_outputs_returned(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y:2 = onnx.node "Neg"(%x) version 21 : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  // expected-error@+1 {{uses a result that the operator 'Neg' does not give here}}
  return %y#1 : tensor<4xf32>
}

// -----

func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{operator 'Neg': the type of an input is not known ('tensor<*xf32>')}}
  %y = onnx.node "Neg"(%x) version 21 : (tensor<*xf32>) -> (tensor<*xf32>)
  return %y : tensor<*xf32>
}

// -----

func.func @result_type(%x: tensor<4xf32>) -> tensor<5xf32> {
  %y = onnx.node "Neg"(%x) version 21 : (tensor<4xf32>) -> (tensor<5xf32>)
  // expected-error@+1 {{expects 'tensor<5xf32>', the conversion gives 'tensor<4xf32>'}}
  return %y : tensor<5xf32>
}

// -----

func.func @integer_attention(%q: tensor<1x2x8xi32>) -> tensor<1x2x8xi32> {
  // expected-error@+1 {{operator 'LinearAttention': input 'query' must be floating-point, got 'i32'}}
  %o = onnx.node "LinearAttention"(%q, %q, %q) version 27 {kv_num_heads = 1 : i64, q_num_heads = 1 : i64, update_rule = "linear"}
    : (tensor<1x2x8xi32>, tensor<1x2x8xi32>, tensor<1x2x8xi32>) -> (tensor<1x2x8xi32>)
  return %o : tensor<1x2x8xi32>
}

// -----

// Other ops may stand between.
func.func @mixed(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c = arith.constant dense<1.0> : tensor<4xf32>
  %y = onnx.node "Add"(%x, %c) version 21 : (tensor<?x4xf32>, tensor<4xf32>) -> (tensor<?x4xf32>)
  %z = math.exp %y : tensor<?x4xf32>
  %w = onnx.node "Neg"(%z) version 21 : (tensor<?x4xf32>) -> (tensor<?x4xf32>)
  return %w : tensor<?x4xf32>
}
