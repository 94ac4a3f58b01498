// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @valid_c1(%n: index) {
  // expected-error @+1 {{result must be [C, 1], got 'tensor<32x2xi1>' (valid_c1)}}
  %0 = fgla_tile.valid rows(%n) : tensor<32x2xi1>
  return
}

// -----

func.func @valid_c1_columns(%n: index) {
  // expected-error @+1 {{result must be [1, D], got 'tensor<32x2xi1>' (valid_c1)}}
  %0 = fgla_tile.valid cols(%n) : tensor<32x2xi1>
  return
}

// -----

func.func @valid_c1_both(%n: index) {
  // expected-error @+1 {{must have either 'rows' or 'cols' (valid_c1)}}
  %0 = fgla_tile.valid rows(%n) cols(%n) : tensor<32x1xi1>
  return
}

// -----

func.func @reduce_c1_dim(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{'dim' must be 0 or 1, got 2 (reduce_c1)}}
  %0 = fgla_tile.reduce max %x dim 2 : tensor<32x64xf32> -> tensor<32x1xf32>
  return
}

// -----

func.func @reduce_c1_negative(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{'dim' must be 0 or 1, got -1 (reduce_c1)}}
  %0 = fgla_tile.reduce max %x dim -1 : tensor<32x64xf32> -> tensor<32x1xf32>
  return
}

// -----

func.func @reduce_c1_result(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{result must be 'tensor<1x64xf32>', got 'tensor<32x1xf32>' (reduce_c1)}}
  %0 = fgla_tile.reduce max %x dim 0 : tensor<32x64xf32> -> tensor<32x1xf32>
  return
}

// -----

func.func @reduce_kind(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{expected one of [add, mul, max, prob_or] for associative operation, got: min}}
  %0 = fgla_tile.reduce min %x dim 0 : tensor<32x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @scan_c1(%x: tensor<32x64xf32>, %i: tensor<64x1xf32>) {
  // expected-error @+1 {{operand 'init' must be 'tensor<1x64xf32>', got 'tensor<64x1xf32>' (scan_c1)}}
  %0 = fgla_tile.scan add %x init(%i : tensor<64x1xf32>) : tensor<32x64xf32>
  return
}

// -----

func.func @transpose_c1(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{result must be 'tensor<64x32xf32>', got 'tensor<32x64xf32>' (transpose_c1)}}
  %0 = fgla_tile.transpose %x : tensor<32x64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @row_norm_c1(%x: tensor<32x64xf32>) {
  // expected-error @+1 {{result must be 'tensor<32x1xf32>', got 'tensor<1x64xf32>' (row_norm_c1)}}
  %0 = fgla_tile.row_norm %x : tensor<32x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @decayed_scan_c1(%x: tensor<32x64xf32>, %f: tensor<1x64xf32>) {
  // expected-error @+1 {{decay must be 'tensor<32x64xf32>' or 'tensor<32x1xf32>', got 'tensor<1x64xf32>' (decayed_scan_c1)}}
  %0 = fgla_tile.decayed_scan %x, %f : tensor<32x64xf32>, tensor<1x64xf32>
  return
}
