// RUN: fgla-opt %s --fgla-narrow-operands --canonicalize --cse | FileCheck %s

// What was only widened is used as it was loaded; what was computed is rounded; sums stay f32.
// CHECK-LABEL: func.func private @widened
func.func private @widened(%z: memref<?x32xbf16>, %s: memref<32x16xf32>, %i: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  // CHECK: %[[X:.*]] = fgla_tile.load %{{.*}} : memref<?x32xbf16> -> tensor<16x32xbf16>
  %x = fgla_tile.load %z[%i, %c0] dims [0, 1] : memref<?x32xbf16> -> tensor<16x32xbf16>
  %wide = fgla_tile.map(%x) : (tensor<16x32xbf16>) -> tensor<16x32xf32> {
  ^bb0(%a: bf16):
    %w = arith.extf %a : bf16 to f32
    fgla_tile.yield %w : f32
  }
  // CHECK: %[[S:.*]] = fgla_tile.load %{{.*}} -> tensor<32x16xf32>
  %state = fgla_tile.load %s[%c0, %c0] dims [0, 1] : memref<32x16xf32> -> tensor<32x16xf32>
  // CHECK: %[[ROUNDED:.*]] = fgla_tile.map(%[[S]]) : (tensor<32x16xf32>) -> tensor<32x16xbf16> {
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
  // CHECK-NEXT:   %[[T:.*]] = arith.truncf %[[A]] : f32 to bf16
  // CHECK-NEXT:   fgla_tile.yield %[[T]] : bf16
  // CHECK: %[[O:.*]] = fgla_tile.dot %[[X]], %[[ROUNDED]] : tensor<16x32xbf16>, tensor<32x16xbf16> -> tensor<16x16xf32>
  %o = fgla_tile.dot %wide, %state : tensor<16x32xf32>, tensor<32x16xf32> -> tensor<16x16xf32>
  // The sum is not rounded, and one operand in two products is rounded once.
  // CHECK: %[[NARROW:.*]] = fgla_tile.map(%[[O]]) : (tensor<16x16xf32>) -> tensor<16x16xbf16>
  // CHECK: fgla_tile.dot %[[X]] transposed, %[[NARROW]] acc(%[[S]] : tensor<32x16xf32>) : tensor<16x32xbf16>, tensor<16x16xbf16> -> tensor<32x16xf32>
  %next = fgla_tile.dot %wide transposed, %o acc(%state : tensor<32x16xf32>) : tensor<16x32xf32>, tensor<16x16xf32> -> tensor<32x16xf32>
  fgla_tile.store %next, %s[%c0, %c0] dims [0, 1] : tensor<32x16xf32>, memref<32x16xf32>
  return
}

// A scaled tile is not what was loaded; neither is a row that was broadcast. What is computed passes the range of f16, so it is bf16.
// CHECK-LABEL: func.func private @computed
func.func private @computed(%z: memref<?x32xf16>, %s: memref<16x16xf32>, %i: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  // CHECK: %[[X:.*]] = fgla_tile.load
  %x = fgla_tile.load %z[%i, %c0] dims [0, 1] : memref<?x32xf16> -> tensor<16x32xf16>
  // CHECK: %[[R:.*]] = fgla_tile.load
  %r = fgla_tile.load %z[%i, %c0] dims [0, 1] : memref<?x32xf16> -> tensor<1x32xf16>
  // CHECK: %[[SCALED:.*]] = fgla_tile.map(%[[X]]) : (tensor<16x32xf16>) -> tensor<16x32xbf16> {
  // CHECK: arith.extf
  // CHECK: arith.mulf
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  %scaled = fgla_tile.map(%x) : (tensor<16x32xf16>) -> tensor<16x32xf32> {
  ^bb0(%a: f16):
    %w = arith.extf %a : f16 to f32
    %m = arith.mulf %w, %two : f32
    fgla_tile.yield %m : f32
  }
  // CHECK: %[[ROWS:.*]] = fgla_tile.map(%[[R]]) : (tensor<1x32xf16>) -> tensor<16x32xbf16>
  %rows = fgla_tile.map(%r) : (tensor<1x32xf16>) -> tensor<16x32xf32> {
  ^bb0(%a: f16):
    %w = arith.extf %a : f16 to f32
    fgla_tile.yield %w : f32
  }
  // CHECK: fgla_tile.dot %[[SCALED]], %[[ROWS]] transposed : tensor<16x32xbf16>, tensor<16x32xbf16> -> tensor<16x16xf32>
  %o = fgla_tile.dot %scaled, %rows transposed : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
  fgla_tile.store %o, %s[%c0, %c0] dims [0, 1] : tensor<16x16xf32>, memref<16x16xf32>
  return
}

// A product of arrays alone, as of tokens and a weight, is one of f16.
// CHECK-LABEL: func.func private @arrays
// CHECK: %[[X:.*]] = fgla_tile.load
// CHECK: fgla_tile.dot %[[X]], %[[X]] transposed : tensor<16x32xf16>, tensor<16x32xf16> -> tensor<16x16xf32>
func.func private @arrays(%z: memref<?x32xf16>, %s: memref<16x16xf32>, %i: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %x = fgla_tile.load %z[%i, %c0] dims [0, 1] : memref<?x32xf16> -> tensor<16x32xf16>
  %wide = fgla_tile.map(%x) : (tensor<16x32xf16>) -> tensor<16x32xf32> {
  ^bb0(%a: f16):
    %w = arith.extf %a : f16 to f32
    fgla_tile.yield %w : f32
  }
  %o = fgla_tile.dot %wide, %wide transposed : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
  fgla_tile.store %o, %s[%c0, %c0] dims [0, 1] : tensor<16x16xf32>, memref<16x16xf32>
  return
}

// What is f16 already stays so.
// CHECK-LABEL: func.func private @narrow
// CHECK: fgla_tile.dot %{{.*}}, %{{.*}} transposed : tensor<16x32xf16>, tensor<16x32xf16> -> tensor<16x16xf32>
func.func private @narrow(%z: memref<?x32xf16>, %x: tensor<16x32xf16>) -> tensor<16x16xf32> attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %a = fgla_tile.dot %x, %x transposed : tensor<16x32xf16>, tensor<16x32xf16> -> tensor<16x16xf32>
  return %a : tensor<16x16xf32>
}

// Arrays of f32 stay as they are, and so does what is no kernel.
// CHECK-LABEL: func.func private @full
// CHECK: fgla_tile.dot {{.*}} : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
func.func private @full(%z: memref<?x32xf32>, %s: memref<16x16xf32>, %i: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %x = fgla_tile.load %z[%i, %c0] dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
  %o = fgla_tile.dot %x, %x transposed : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
  fgla_tile.store %o, %s[%c0, %c0] dims [0, 1] : tensor<16x16xf32>, memref<16x16xf32>
  return
}
// CHECK-LABEL: func.func private @no_kernel
// CHECK: fgla_tile.dot {{.*}} : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
func.func private @no_kernel(%z: memref<?x32xbf16>, %x: tensor<16x32xf32>) -> tensor<16x16xf32> {
  %o = fgla_tile.dot %x, %x transposed : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<16x16xf32>
  return %o : tensor<16x16xf32>
}
