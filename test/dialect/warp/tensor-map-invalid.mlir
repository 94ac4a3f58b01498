// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @dims(%x: memref<?x?x4x128xbf16>) {
  // expected-error @below {{must have a size for each of at most 4 dims and lines of 128 bytes along the last of 'memref<?x?x4x128xbf16>', got [16, 1, 128] (tensor_map_c1)}}
  %m = fgla_warp.tensor_map %x box [16, 1, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
  return
}

// -----

func.func @line(%x: memref<?x?x4x96xbf16>) {
  // expected-error @below {{got [1, 16, 1, 96] (tensor_map_c1)}}
  %m = fgla_warp.tensor_map %x box [1, 16, 1, 96] : memref<?x?x4x96xbf16> -> !fgla_warp.tensor_map
  return
}

// -----

func.func @rows(%x: memref<?x?x4x128xbf16>) {
  // expected-error @below {{must have several rows along one dim alone, got [1, 16, 4, 128] (tensor_map_c2)}}
  %m = fgla_warp.tensor_map %x box [1, 16, 4, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
  return
}
