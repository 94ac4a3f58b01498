// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @load_c1(%z: memref<?x?x4x64xf32>, %i: index) {
  // expected-error @+1 {{must have one index for each of the array's 4 dims, got 1 (load_c1)}}
  %x = fgla_tile.load %z[%i] dims [1, 3] : memref<?x?x4x64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_c2_count(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{'dims' must have two entries, got 3 (load_c2)}}
  %x = fgla_tile.load %z[%i, %i] dims [0, 1, 1] : memref<?x64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_c2_range(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{'dims' must name dims of 'memref<?x64xf32>' or be -1, got 2 (load_c2)}}
  %x = fgla_tile.load %z[%i, %i] dims [0, 2] : memref<?x64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_c2_absent(%z: memref<64xf32>, %i: index) {
  // expected-error @+1 {{tile must have size 1 where 'dims' is -1, got 32 (load_c2)}}
  %x = fgla_tile.load %z[%i] dims [-1, 0] : memref<64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_c2_twice(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{'dims' must differ, got 1 twice (load_c2)}}
  %x = fgla_tile.load %z[%i, %i] dims [1, 1] : memref<?x64xf32> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_c3(%z: memref<?x64xbf16>, %i: index) {
  // expected-error @+1 {{tile must have the array's element type 'bf16', got 'tensor<32x64xf32>' (load_c3)}}
  %x = fgla_tile.load %z[%i, %i] dims [0, 1] : memref<?x64xbf16> -> tensor<32x64xf32>
  return
}

// -----

func.func @load_dynamic(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{result #0 must be static 2-D tile of floating-point values, but got 'tensor<?x64xf32>'}}
  %x = fgla_tile.load %z[%i, %i] dims [0, 1] : memref<?x64xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @load_segments(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{must have one operand in segment #0, got 0}}
  %x = "fgla_tile.load"(%i, %i) <{dims = array<i64: 0, 1>, operandSegmentSizes = array<i32: 0, 2, 0, 0>}> : (index, index) -> tensor<32x64xf32>
  return
}

// -----

func.func @store_c1(%x: tensor<32x64xf32>, %z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{must have one index for each of the array's 2 dims, got 3 (store_c1)}}
  fgla_tile.store %x, %z[%i, %i, %i] dims [0, 1] : tensor<32x64xf32>, memref<?x64xf32>
  return
}

// -----

func.func @store_c2(%x: tensor<32x64xf32>, %z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{'dims' must name dims of 'memref<?x64xf32>' or be -1, got -2 (store_c2)}}
  fgla_tile.store %x, %z[%i, %i] dims [-2, 1] : tensor<32x64xf32>, memref<?x64xf32>
  return
}

// -----

func.func @store_c3(%x: tensor<32x64xf32>, %z: memref<?x64xf16>, %i: index) {
  // expected-error @+1 {{tile must have the array's element type 'f16', got 'tensor<32x64xf32>' (store_c3)}}
  fgla_tile.store %x, %z[%i, %i] dims [0, 1] : tensor<32x64xf32>, memref<?x64xf16>
  return
}

// -----

func.func @store_segments(%z: memref<?x64xf32>, %i: index) {
  // expected-error @+1 {{must have one operand in segment #0, got 0}}
  "fgla_tile.store"(%z, %i, %i) <{dims = array<i64: 0, 1>, operandSegmentSizes = array<i32: 0, 1, 2, 0, 0>}> : (memref<?x64xf32>, index, index) -> ()
  return
}
