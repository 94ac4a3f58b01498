// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @row_c1_range(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{must take row 16 of a tile with more rows as [1, D], got 'tensor<16x32xf32>' and 'tensor<1x32xf32>' (row_c1)}}
  %r = fgla_warp.row %x[16] : tensor<16x32xf32> -> tensor<1x32xf32>
  return
}

// -----

func.func @row_c1_negative(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{must take row -1 of a tile with more rows as [1, D], got 'tensor<16x32xf32>' and 'tensor<1x32xf32>' (row_c1)}}
  %r = fgla_warp.row %x[-1] : tensor<16x32xf32> -> tensor<1x32xf32>
  return
}

// -----

func.func @row_c1_shape(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{(row_c1)}}
  %r = fgla_warp.row %x[3] : tensor<16x32xf32> -> tensor<1x16xf32>
  return
}

// -----

func.func @row_c1_element(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{(row_c1)}}
  %r = fgla_warp.row %x[3] : tensor<16x32xf32> -> tensor<1x32xbf16>
  return
}

// -----

func.func @row_rank(%x: tensor<16xf32>) {
  // expected-error @+1 {{operand #0 must be static 2-D tile of any type values, but got 'tensor<16xf32>'}}
  %r = fgla_warp.row %x[0] : tensor<16xf32> -> tensor<1x1xf32>
  return
}

// -----

func.func @convert_c1_shape(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{must change the layout alone, got 'tensor<16x32xf32>' and 'tensor<32x16xf32>' (convert_c1)}}
  %y = fgla_warp.convert %x : tensor<16x32xf32> -> tensor<32x16xf32>
  return
}

// -----

func.func @convert_c1_element(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{must change the layout alone, got 'tensor<16x32xf32>' and 'tensor<16x32xbf16>' (convert_c1)}}
  %y = fgla_warp.convert %x : tensor<16x32xf32> -> tensor<16x32xbf16>
  return
}

// -----

// expected-error @+1 {{expected 'lanes'}}
func.func private @order(tensor<4x4xf32, #fgla_warp.layout<registers = [], warps = [], lanes = []>>)

// -----

// expected-error @+1 {{expected ']'}}
func.func private @triple(tensor<4x4xf32, #fgla_warp.layout<registers = [[0, 1, 2]], lanes = [], warps = []>>)
