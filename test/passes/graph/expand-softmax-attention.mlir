// RUN: fgla-opt %s --fgla-expand-softmax-attention --split-input-file | FileCheck %s

// Products, what is done to a score, maximum, weights, sum, values, quotient: in the computation type.
// CHECK-LABEL: func.func @capped
// CHECK-SAME: (%[[Q:.*]]: tensor<2x5x4x8xf16>, %[[K:.*]]: tensor<2x7x4x8xf16>)
func.func @capped(%q: tensor<2x5x4x8xf16>, %k: tensor<2x7x4x8xf16>) -> tensor<2x5x4x8xf16> {
  // CHECK: %[[PRODUCTS:.*]] = linalg.generic {{.*}} ins(%[[Q]], %[[K]] : {{.*}}) outs(%{{.*}} : tensor<2x4x5x7xf32>)
  // CHECK: %[[SCORES:.*]] = linalg.generic {{.*}} ins(%[[PRODUCTS]] : tensor<2x4x5x7xf32>)
  // CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
  // CHECK: %[[PART:.*]] = arith.divf %[[SCALED]], %[[CAP:.*]] : f32
  // CHECK: %[[BENT:.*]] = math.tanh %[[PART]] : f32
  // CHECK: arith.mulf %{{.*}}, %[[BENT]] : f32
  // CHECK: %[[MAXIMUM:.*]] = linalg.generic {{.*}} ins(%[[SCORES]] : tensor<2x4x5x7xf32>)
  // CHECK: arith.maximumf
  // CHECK: %[[WEIGHTS:.*]] = linalg.generic {{.*}} ins(%[[SCORES]], %[[MAXIMUM]] :
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[WEIGHTS]] : tensor<2x4x5x7xf32>) outs(%{{.*}} : tensor<2x4x5xf32>)
  // CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[WEIGHTS]], %[[K]] :
  // CHECK: linalg.generic {{.*}} ins(%[[SUMS]], %[[SUM]] : {{.*}}) outs(%{{.*}} : tensor<2x5x4x8xf16>)
  %o = fgla.softmax_attention %q, %k, %k softcap(30.0) : (tensor<2x5x4x8xf16>, tensor<2x7x4x8xf16>, tensor<2x7x4x8xf16>) -> tensor<2x5x4x8xf16>
  return %o : tensor<2x5x4x8xf16>
}

// -----

// Two queries read one head; a mask of booleans for all heads; what a query sees is computed from places.
// CHECK-DAG: #[[$SHARED:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, 0, 0, d4)>
// CHECK-LABEL: func.func @masked
func.func @masked(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %m: tensor<?x1x1x?xi1>, %n: tensor<?xi64>) -> tensor<?x?x4x8xf32> {
  // CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1], [2, 3], [4]] {{.*}} into tensor<?x?x2x2x8xf32>
  // CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$SHARED]], #{{.*}}, #{{.*}}]
  // CHECK: %[[SEEN:.*]] = arith.select %{{.*}} : f32
  // CHECK: %[[KEY:.*]] = linalg.index 4
  // CHECK: %[[COUNT:.*]] = arith.index_cast %{{.*}} : i64 to index
  // CHECK: %[[IS_THERE:.*]] = arith.cmpi slt, %[[KEY]], %[[COUNT]] : index
  // CHECK: %[[QUERY:.*]] = linalg.index 3
  // CHECK: %[[PLACE:.*]] = arith.addi %[[QUERY]],
  // CHECK: arith.cmpi sle, %[[KEY]],
  // CHECK: arith.andi %[[IS_THERE]],
  // CHECK: arith.cmpi sle, %[[PLACE]],
  // CHECK: arith.select %{{.*}}, %[[SEEN]], %{{.*}} : f32
  // CHECK: tensor.collapse_shape
  %o = fgla.softmax_attention %q, %k, %k mask(%m) lengths(%n) behind(3) ahead(0) aligned(end)
    : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x1x1x?xi1>, tensor<?xi64>) -> tensor<?x?x4x8xf32>
  return %o : tensor<?x?x4x8xf32>
}

// -----

// A sink takes part in the maximum and in the sum.
// CHECK-LABEL: func.func @sinks
// CHECK-SAME: %[[SINKS:[^:]*]]: tensor<4xf32>)
func.func @sinks(%q: tensor<2x5x4x8xf32>, %s: tensor<4xf32>) -> tensor<2x5x4x8xf32> {
  // CHECK: %[[MAXIMUM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[SINKS]] : tensor<2x4x5xf32>, tensor<4xf32>)
  // CHECK: arith.maximumf
  // CHECK: linalg.generic {{.*}} ins(%[[MAXIMUM]], %[[SINKS]] : tensor<2x4x5xf32>, tensor<4xf32>)
  // CHECK: math.exp
  %o = fgla.softmax_attention %q, %q, %q sinks(%s) : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<4xf32>) -> tensor<2x5x4x8xf32>
  return %o : tensor<2x5x4x8xf32>
}
