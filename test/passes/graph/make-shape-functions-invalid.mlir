// RUN: fgla-opt %s --fgla-make-shape-functions -split-input-file -verify-diagnostics

func.func @values(%n: tensor<index>) -> tensor<?xf32> {
  // expected-error@+1 {{the shape of a result of 'values' depends on the values that 'tensor.extract' computes}}
  %size = tensor.extract %n[] : tensor<index>
  %y = tensor.empty(%size) : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// expected-error@+1 {{'func.func' op must have one block, which returns, to become an entry point}}
func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^next
^next:
  return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{'func.func' op must return ranked tensors to become an entry point, got 'f32'}}
func.func @scalar(%x: f32) -> f32 {
  return %x : f32
}

// -----

// expected-error@+1 {{'func.func' op must return ranked tensors to become an entry point, got 'tensor<*xf32>'}}
func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  return %x : tensor<*xf32>
}
