// RUN: fgla-opt %s -split-input-file -verify-diagnostics

func.func @exchange_c1_number(%x: tensor<16x128xbf16>, %rank: index) {
  // expected-error @+1 {{must have 2, 4 or 8 results that share out the rows of 'tensor<16x128xbf16>', got 1 (exchange_c1)}}
  %0 = fgla_tile.exchange %x rank(%rank) : tensor<16x128xbf16> -> tensor<16x128xbf16>
  return
}

// -----

func.func @exchange_c1_rows(%x: tensor<12x128xbf16>, %rank: index) {
  // expected-error @+1 {{must have 2, 4 or 8 results that share out the rows of 'tensor<12x128xbf16>', got 8 (exchange_c1)}}
  %0:8 = fgla_tile.exchange %x rank(%rank) : tensor<12x128xbf16> -> tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>, tensor<1x128xbf16>
  return
}

// -----

func.func @exchange_c1_type(%x: tensor<16x128xbf16>, %rank: index) {
  // expected-error @+1 {{results must be 'tensor<8x128xbf16>', got 'tensor<8x128xf32>' (exchange_c1)}}
  %0:2 = fgla_tile.exchange %x rank(%rank) : tensor<16x128xbf16> -> tensor<8x128xbf16>, tensor<8x128xf32>
  return
}

// -----

func.func @gather_c1(%x: tensor<16x1xf32>) {
  // expected-error @+1 {{must have 2, 4 or 8 results of type 'tensor<16x1xf32>', got 'tensor<8x1xf32>', 'tensor<8x1xf32>' (gather_c1)}}
  %0:2 = fgla_tile.gather %x : tensor<16x1xf32> -> tensor<8x1xf32>, tensor<8x1xf32>
  return
}
