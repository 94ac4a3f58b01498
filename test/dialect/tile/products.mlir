// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @products
func.func @products(%q: tensor<32x64xf32>, %f: tensor<32x1xf32>, %v: tensor<32x48xf32>, %s: tensor<64x48xf32>, %h: tensor<32x64xbf16>) {
  // CHECK: fgla_tile.dot %{{.*}} transposed, %{{.*}} acc(%{{.*}} : tensor<64x48xf32>) : tensor<32x64xf32>, tensor<32x48xf32> -> tensor<64x48xf32>
  %0 = fgla_tile.dot %q transposed, %v acc(%s : tensor<64x48xf32>) : tensor<32x64xf32>, tensor<32x48xf32> -> tensor<64x48xf32>
  // CHECK: fgla_tile.dot %{{[^ ]*}}, %{{[^ ]*}} transposed : tensor<32x64xbf16>, tensor<32x64xbf16> -> tensor<32x32xf32>
  %1 = fgla_tile.dot %h, %h transposed : tensor<32x64xbf16>, tensor<32x64xbf16> -> tensor<32x32xf32>
  // CHECK: %[[A:.*]] = fgla_tile.decayed_scores %{{.*}}, %{{.*}}, %{{.*}} : tensor<32x64xf32> -> tensor<32x32xf32>
  %2 = fgla_tile.decayed_scores %q, %q, %q : tensor<32x64xf32> -> tensor<32x32xf32>
  // CHECK: fgla_tile.decayed_scores %{{.*}}, %{{.*}}, %{{.*}} bounded : tensor<32x64xf32> -> tensor<32x32xf32>
  %bounded = fgla_tile.decayed_scores %q, %q, %q bounded : tensor<32x64xf32> -> tensor<32x32xf32>
  // CHECK: fgla_tile.dot %[[A]] lower, %{{[^ ]*}} : tensor<32x32xf32>, tensor<32x48xf32> -> tensor<32x48xf32>
  %lower = fgla_tile.dot %2 lower, %v : tensor<32x32xf32>, tensor<32x48xf32> -> tensor<32x48xf32>
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = fgla_tile.decayed_scores_grad %{{.*}}, %{{.*}}, %{{.*}}, %[[A]] : tensor<32x64xf32>, tensor<32x32xf32>
  %dq, %dk, %df = fgla_tile.decayed_scores_grad %q, %q, %q, %2 : tensor<32x64xf32>, tensor<32x32xf32>
  // CHECK: fgla_tile.decay_matrix %{{.*}} : tensor<32x1xf32> -> tensor<32x32xf32>
  %3 = fgla_tile.decay_matrix %f : tensor<32x1xf32> -> tensor<32x32xf32>
  // CHECK: fgla_tile.decay_matrix %{{.*}} exclusive : tensor<32x1xf32> -> tensor<32x32xf32>
  %others = fgla_tile.decay_matrix %f exclusive : tensor<32x1xf32> -> tensor<32x32xf32>
  // CHECK: fgla_tile.decayed_sum %[[A]], %{{.*}}, %{{.*}} : tensor<32x32xf32>, tensor<32x48xf32>
  %4 = fgla_tile.decayed_sum %2, %v, %v : tensor<32x32xf32>, tensor<32x48xf32>
  return
}
