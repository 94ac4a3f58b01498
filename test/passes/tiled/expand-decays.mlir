// RUN: fgla-opt %s --fgla-expand-decays=base=4 --cse | FileCheck %s
// RUN: fgla-opt %s --fgla-expand-decays=base=16 | FileCheck %s --check-prefix=WHOLE

// 16 rows: one product of halves of 8, two of 4, four blocks of 4 that are left.
// CHECK-LABEL: func.func @scores
// CHECK-SAME: (%[[Q:.+]]: tensor<16x32xf32>, %[[K:.+]]: tensor<16x32xf32>, %[[F:.+]]: tensor<16x32xf32>)
// CHECK: fgla_tile.decayed_scores {{.*}} : tensor<4x32xf32> -> tensor<4x4xf32>
// CHECK: fgla_tile.decayed_scores {{.*}} : tensor<4x32xf32> -> tensor<4x4xf32>
// CHECK: fgla_tile.dot {{.*}} transposed : tensor<4x32xf32>, tensor<4x32xf32> -> tensor<4x4xf32>
// CHECK-COUNT-2: fgla_tile.decayed_scores
// The last and largest: query rows decay from the middle, key rows to the middle.
// CHECK: %[[FU:.+]] = tensor.extract_slice %[[F]][8, 0] [8, 32] [1, 1]
// CHECK: %[[FL:.+]] = tensor.extract_slice %[[F]][0, 0] [8, 32] [1, 1]
// CHECK: %[[P:.+]] = fgla_tile.scan mul %[[FU]] : tensor<8x32xf32>
// CHECK: %[[R:.+]] = fgla_tile.scan mul %[[FL]] exclusive reverse : tensor<8x32xf32>
// CHECK: %[[A:.+]] = fgla_tile.dot %{{.+}}, %{{.+}} transposed : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
// CHECK: %[[ALL:.+]] = tensor.insert_slice %[[A]] into %{{.+}}[8, 0] [8, 8] [1, 1]
// CHECK: return %[[ALL]]
// CHECK-NOT: fgla_tile.dot

// WHOLE-LABEL: func.func @scores
// WHOLE-NOT: fgla_tile.dot
// WHOLE: fgla_tile.decayed_scores {{.*}} : tensor<16x32xf32>
func.func @scores(%q: tensor<16x32xf32>, %k: tensor<16x32xf32>, %f: tensor<16x32xf32>) -> tensor<16x16xf32> {
  %a = fgla_tile.decayed_scores %q, %k, %f : tensor<16x32xf32> -> tensor<16x16xf32>
  return %a : tensor<16x16xf32>
}

// The gradients of the products of halves: what is given for the product goes to both sides, and through the running
// products to the decays. The blocks that are left keep their own.
// CHECK-LABEL: func.func @grad
// CHECK-SAME: (%[[Q:.+]]: tensor<8x32xf32>, %[[K:.+]]: tensor<8x32xf32>, %[[F:.+]]: tensor<8x32xf32>, %[[DA:.+]]: tensor<8x8xf32>)
// CHECK: tensor.extract_slice %[[DA]][0, 0] [4, 4] [1, 1]
// CHECK: fgla_tile.decayed_scores_grad {{.*}} : tensor<4x32xf32>, tensor<4x4xf32>
// CHECK: tensor.extract_slice %[[DA]][4, 4] [4, 4] [1, 1]
// CHECK: fgla_tile.decayed_scores_grad {{.*}} : tensor<4x32xf32>, tensor<4x4xf32>
// CHECK: %[[GIVEN:.+]] = tensor.extract_slice %[[DA]][4, 0] [4, 4] [1, 1]
// CHECK-DAG: fgla_tile.dot %[[GIVEN]], %{{.+}} : tensor<4x4xf32>, tensor<4x32xf32> -> tensor<4x32xf32>
// CHECK-DAG: fgla_tile.dot %[[GIVEN]] transposed, %{{.+}} : tensor<4x4xf32>, tensor<4x32xf32> -> tensor<4x32xf32>
// CHECK-DAG: fgla_tile.decayed_scan %{{.+}}, %{{.+}} reverse : tensor<4x32xf32>, tensor<4x32xf32>
// CHECK-DAG: fgla_tile.decayed_scan %{{.+}}, %{{.+}} exclusive : tensor<4x32xf32>, tensor<4x32xf32>
// CHECK-NOT: arith.divf
// WHOLE-LABEL: func.func @grad
// WHOLE-NOT: fgla_tile.dot
// WHOLE: fgla_tile.decayed_scores_grad {{.*}} : tensor<8x32xf32>, tensor<8x8xf32>
func.func @grad(%q: tensor<8x32xf32>, %k: tensor<8x32xf32>, %f: tensor<8x32xf32>, %da: tensor<8x8xf32>)
    -> (tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>) {
  %dq, %dk, %df = fgla_tile.decayed_scores_grad %q, %k, %f, %da : tensor<8x32xf32>, tensor<8x8xf32>
  return %dq, %dk, %df : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>
}
