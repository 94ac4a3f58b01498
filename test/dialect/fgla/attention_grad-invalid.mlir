// RUN: fgla-opt %s --split-input-file --verify-diagnostics

!x = tensor<?x?x2x8xf32>
!s = tensor<?x2x8x8xf32>

// The attention's own rules have its numbers.
func.func @c5(%x: !x, %f: tensor<?x?x2x4xf32>) {
  // expected-error @+1 {{operand 'decay' must have shape [B, T, H, K] = [?, ?, 2, 8], got [?, ?, 2, 4] (attention_c5)}}
  fgla.attention_grad %x, %x, %x decay(%f) axis(key) output_grad(%x) : (!x, !x, !x, tensor<?x?x2x4xf32>, !x) -> query(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @none(%x: !x) {
  // expected-error @+1 {{must have 'output_grad' or 'final_state_grad', got neither (attention_grad_c1)}}
  fgla.attention_grad %x, %x, %x : (!x, !x, !x) -> query(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @output(%x: !x, %d: tensor<?x?x2x4xf32>) {
  // expected-error @+1 {{operand 'output_grad' must have shape [B, T, Hq, V] = [?, ?, 2, 8], got [?, ?, 2, 4] (attention_grad_c1)}}
  fgla.attention_grad %x, %x, %x output_grad(%d) : (!x, !x, !x, tensor<?x?x2x4xf32>) -> query(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @state(%x: !x, %s: tensor<?x2x8x4xf32>) {
  // expected-error @+1 {{operand 'final_state_grad' must have shape [B, H, K, V] = [?, 2, 8, 8], got [?, 2, 8, 4] (attention_grad_c2)}}
  fgla.attention_grad %x, %x, %x final_state_grad(%s) : (!x, !x, !x, tensor<?x2x8x4xf32>) -> key(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @no_result(%x: !x) {
  // expected-error @+1 {{must have a result, got none (attention_grad_c3)}}
  "fgla.attention_grad"(%x, %x, %x, %x) {operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0>, resultSegmentSizes = array<i32: 0, 0, 0, 0, 0, 0>}
    : (!x, !x, !x, !x) -> ()
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @no_operand(%x: !x) {
  // expected-error @+1 {{result 'decay' must be for an operand that is given, got none (attention_grad_c3)}}
  fgla.attention_grad %x, %x, %x output_grad(%x) : (!x, !x, !x, !x) -> decay(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @shape(%x: !x) {
  // expected-error @+1 {{result 'value' must have shape [?, ?, 2, 8], got [?, ?, 2, 9] (attention_grad_c3)}}
  fgla.attention_grad %x, %x, %x output_grad(%x) : (!x, !x, !x, !x) -> value(tensor<?x?x2x9xf32>)
  return
}

// -----

!x = tensor<?x?x2x8xbf16>

func.func @result_type(%x: !x) {
  // expected-error @+1 {{result 'key' must hold 'bf16' or 'f32', got 'f16' (attention_grad_c4)}}
  fgla.attention_grad %x, %x, %x output_grad(%x) : (!x, !x, !x, !x) -> key(tensor<?x?x2x8xf16>)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @given_type(%x: !x, %d: tensor<?x?x2x8xbf16>, %s: tensor<?x2x8x8xf64>) {
  // expected-error @+1 {{operand 'output_grad' must hold 'f32', got 'bf16' (attention_grad_c4)}}
  fgla.attention_grad %x, %x, %x output_grad(%d) : (!x, !x, !x, tensor<?x?x2x8xbf16>) -> query(!x)
  return
}

// -----

!x = tensor<?x?x2x8xf32>

func.func @state_type(%x: !x, %s: tensor<?x2x8x8xf64>) {
  // expected-error @+1 {{operand 'final_state_grad' must hold 'f32', got 'f64' (attention_grad_c4)}}
  fgla.attention_grad %x, %x, %x final_state_grad(%s) : (!x, !x, !x, tensor<?x2x8x8xf64>) -> key(!x)
  return
}
