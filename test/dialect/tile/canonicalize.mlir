// RUN: fgla-opt %s --canonicalize --split-input-file | FileCheck %s

// A chain of maps is one map; the input they share comes once.
// CHECK-LABEL: func.func @fuse
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[M:.*]]: tensor<4x1xf32>
// CHECK-NEXT: %[[Y:.*]] = fgla_tile.map(%[[X]], %[[M]]) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT:   %[[D:.*]] = arith.subf %[[A]], %[[B]]
// CHECK-NEXT:   %[[E:.*]] = math.exp %[[D]]
// CHECK-NEXT:   %[[F:.*]] = arith.mulf %[[E]], %[[A]]
// CHECK-NEXT:   fgla_tile.yield %[[F]]
// CHECK-NOT: fgla_tile.map
// CHECK: return %[[Y]]
func.func @fuse(%x: tensor<4x8xf32>, %m: tensor<4x1xf32>) -> tensor<4x8xf32> {
  %0 = fgla_tile.map (%x, %m) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.subf %a, %b : f32
    fgla_tile.yield %c : f32
  }
  %1 = fgla_tile.map (%0) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %c = math.exp %a : f32
    fgla_tile.yield %c : f32
  }
  %2 = fgla_tile.map (%1, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %b : f32
    fgla_tile.yield %c : f32
  }
  return %2 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @fuse_two_results
// CHECK: fgla_tile.map(%{{.*}}) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
// CHECK-NEXT:   %[[E:.*]] = math.exp %[[A]]
// CHECK-NEXT:   %[[N:.*]] = arith.negf %[[A]]
// CHECK-NEXT:   %[[S:.*]] = arith.subf %[[N]], %[[E]]
// CHECK-NEXT:   fgla_tile.yield %[[S]]
func.func @fuse_two_results(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0:2 = fgla_tile.map (%x) : (tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  ^bb0(%a: f32):
    %e = math.exp %a : f32
    %n = arith.negf %a : f32
    fgla_tile.yield %e, %n : f32, f32
  }
  %1 = fgla_tile.map (%0#1, %0#0) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.subf %a, %b : f32
    fgla_tile.yield %c : f32
  }
  return %1 : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @deduplicate
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
// CHECK-NEXT: fgla_tile.map(%[[X]]) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
// CHECK-NEXT:   arith.mulf %[[A]], %[[A]]
func.func @deduplicate(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = fgla_tile.map (%x, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %b : f32
    fgla_tile.yield %c : f32
  }
  return %0 : tensor<4x8xf32>
}

// -----

// What is broadcast would be computed once for each element; what is used elsewhere, twice.
// CHECK-LABEL: func.func @keep
// CHECK-COUNT-3: fgla_tile.map
func.func @keep(%x: tensor<4x8xf32>, %m: tensor<4x1xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = fgla_tile.map (%m) : (tensor<4x1xf32>) -> tensor<4x1xf32> {
  ^bb0(%a: f32):
    %c = math.exp %a : f32
    fgla_tile.yield %c : f32
  }
  %1 = fgla_tile.map (%x, %0) : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %b : f32
    fgla_tile.yield %c : f32
  }
  %2 = fgla_tile.map (%1) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %c = math.exp %a : f32
    fgla_tile.yield %c : f32
  }
  return %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}
