// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @neither() {
  // expected-error@+1 {{'onnx.initializer' op must have a value or a file, not both (initializer_c1)}}
  %0 = "onnx.initializer"() <{weight_name = "w"}> : () -> tensor<2xf32>
  return
}

// -----

func.func @both() {
  // expected-error@+1 {{must have a value or a file, not both (initializer_c1)}}
  %0 = onnx.initializer "w" value dense<0.0> : tensor<2xf32> file "f" offset 0 length 8 : tensor<2xf32>
  return
}

// -----

func.func @free_dim() {
  // expected-error@+1 {{must be a tensor of known shape, got 'tensor<?xf32>' (initializer_c2)}}
  %0 = onnx.initializer "w" file "f" offset 0 length 8 : tensor<?xf32>
  return
}

// -----

func.func @other_type() {
  // expected-error@+1 {{value must have the type 'tensor<3xf32>', got 'tensor<2xf32>' (initializer_c2)}}
  %0 = "onnx.initializer"() <{weight_name = "w", value = dense<0.0> : tensor<2xf32>}> : () -> tensor<3xf32>
  return
}

// -----

func.func @length() {
  // expected-error@+1 {{must have an offset of at least 0 and the length of 'tensor<2xf32>', which is 8, got offset 0 and length 7 (initializer_c3)}}
  %0 = onnx.initializer "w" file "f" offset 0 length 7 : tensor<2xf32>
  return
}

// -----

func.func @offset() {
  // expected-error@+1 {{got offset -1 and length 8 (initializer_c3)}}
  %0 = onnx.initializer "w" file "f" offset -1 length 8 : tensor<2xf32>
  return
}

// -----

func.func @outside() {
  // expected-error@+1 {{file must be a relative path without '..', got 'data/../../secret' (initializer_c4)}}
  %0 = onnx.initializer "w" file "data/../../secret" offset 0 length 8 : tensor<2xf32>
  return
}

// -----

func.func @absolute() {
  // expected-error@+1 {{file must be a relative path without '..', got '/etc/passwd' (initializer_c4)}}
  %0 = onnx.initializer "w" file "/etc/passwd" offset 0 length 8 : tensor<2xf32>
  return
}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'onnx.folder' must be a string, got 1 : i64}}
module attributes {onnx.folder = 1} {}

// -----

// expected-error@+1 {{'func.func' op attribute 'onnx.folder' must stand on a module}}
func.func private @f() attributes {onnx.folder = "."}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'onnx.folders' is none that the dialect 'onnx' has}}
module attributes {onnx.folders = "."} {}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'onnx.model' must be a resource of i8, got "model.onnx"}}
module attributes {onnx.model = "model.onnx"} {}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'onnx.function' must be a string on a function, got "local"}}
module attributes {onnx.function = "local"} {}
