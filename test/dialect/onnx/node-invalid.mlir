// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @no_name(%x: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.node' op must name an ONNX operator (node_c1)}}
  onnx.node ""(%x) version 13 : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @absent_past_the_end(%x: tensor<4xf32>) {
  // expected-error@+1 {{absent inputs must be ascending places below 2, got 5 (node_c2)}}
  "onnx.node"(%x) <{op_type = "Neg", version = 13 : i64, node_attributes = {}, absent_inputs = array<i64: 5>}> : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @absent_twice(%x: tensor<4xf32>) {
  // expected-error@+1 {{absent outputs must be ascending places below 3, got 0 (node_c2)}}
  "onnx.node"(%x) <{op_type = "Neg", version = 13 : i64, node_attributes = {}, absent_outputs = array<i64: 0, 0>}> : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @unit_attribute(%x: tensor<4xf32>) {
  // expected-error@+1 {{attribute 'alpha' must be an integer, float, string, list, elements or type, got unit (node_c3)}}
  onnx.node "Elu"(%x) version 13 {alpha} : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @nested_list(%x: tensor<4xf32>) {
  // expected-error@+1 {{attribute 'a' must be an integer, float, string, list, elements or type, got [["x"]] (node_c3)}}
  onnx.node "Elu"(%x) version 13 {a = [["x"]]} : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @version(%x: tensor<4xf32>) {
  // expected-error@+1 {{version must be at least 1, got 0 (node_c4)}}
  onnx.node "Neg"(%x) version 0 : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @not_a_tensor(%x: i32) {
  // expected-error@+1 {{operand #0 must be variadic of tensor, or none where the type is unknown, but got 'i32'}}
  onnx.node "Neg"(%x) version 13 : (i32) -> ()
  return
}

// -----

func.func @places_of_types(%x: tensor<4xf32>) {
  // expected-error@+1 {{expected '_' in the same places of inputs and types}}
  onnx.node "Clip"(%x, _, %x) version 13 : (tensor<4xf32>, tensor<4xf32>, _) -> ()
  return
}

// -----

func.func @names(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{names 2 results and has 1 (node_c5)}}
  %y = onnx.node "Neg"(%x) version 13 gives ["a", "b"] : (tensor<4xf32>) -> (tensor<4xf32>)
  return %y : tensor<4xf32>
}

// -----

func.func @graph_without_end(%x: tensor<4xf32>) {
  // expected-error@+1 {{graph "body" must be one block that ends in 'onnx.yield' (node_c6)}}
  onnx.node "Scan"(%x) version 13 : (tensor<4xf32>) -> () graph "body" {
  }
  return
}
