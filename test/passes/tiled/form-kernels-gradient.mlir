// RUN: fgla-opt %s --fgla-form-kernels --canonicalize --cse -split-input-file | FileCheck %s

// Two walks a head: one forward, which keeps what each tile starts from, one back, with the gradient of the state. The
// gate and the map are computed again in both.

// CHECK-LABEL: func.func private @fgla_kernel(
// CHECK-SAME: %[[ZQ:[a-z0-9]+]]: memref<?x?x4x64xf32>, %[[ZK:[a-z0-9]+]]: memref<?x?x4x64xf32>, %[[V:[a-z0-9]+]]: memref<?x?x4x32xf32>,
// CHECK-SAME: %[[ZG:[a-z0-9]+]]: memref<?x?x4x64xf32>, %[[DO:[a-z0-9]+]]: memref<?x?x4x32xf32>, %[[DS:[a-z0-9]+]]: memref<?x4x64x32xf32>,
// CHECK-SAME: %[[DQ:[a-z0-9]+]]: memref<?x?x4x64xf32>, %[[DK:[a-z0-9]+]]: memref<?x?x4x64xf32>, %[[DV:[a-z0-9]+]]: memref<?x?x4x32xf32>, %[[DF:[a-z0-9]+]]: memref<?x?x4x64xf32>)
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]]) in (%{{.+}}, 4)
// CHECK:   %[[STATES:.+]] = memref.alloc(%{{.+}}) : memref<?x64x32xf32>
// CHECK:   %[[MAXIMA:.+]] = memref.alloc(%{{.+}}) : memref<?xf32>
// CHECK:   fgla_tile.walk (%{{.+}}, %{{.+}}, %[[TURN:.+]]) = %c0 to %{{.+}} by 32 iter_args(%[[S:.+]] = %{{.+}}, %{{.+}} = %{{.+}}, %[[M:.+]] = %{{.+}})
// CHECK:     fgla_tile.store %[[S]], %[[STATES]][%[[TURN]], %c0, %c0] dims [1, 2]
// CHECK:     fgla_tile.store %[[M]], %[[MAXIMA]][%[[TURN]]] dims [-1, -1]
// CHECK-NOT: fgla_tile.decayed_scores
// CHECK:   %[[LAST:.+]] = fgla_tile.load %[[DS]][%[[B]], %[[H]], %c0, %c0] dims [2, 3]
// CHECK:   fgla_tile.walk (%[[T:.+]], %[[N:.+]], %{{.+}}) = %c0 to %{{.+}} by 32 reverse iter_args(%[[D:.+]] = %[[LAST]], %{{.+}} = %{{.+}}) -> (tensor<64x32xf32>, tensor<64x32xf32>)
// CHECK:     %[[NUMBER:.+]] = arith.divui %[[T]], %c32
// CHECK:     %[[S0:.+]] = fgla_tile.load %[[STATES]][%[[NUMBER]], %c0, %c0] dims [1, 2]
// The scores, and what is given for them.
// CHECK:     fgla_tile.decayed_scores
// CHECK:     fgla_tile.load %[[DO]][%[[B]], %[[T]], %[[H]], %c0] rows(%[[N]]) dims [1, 3]
// CHECK:     fgla_tile.decayed_scores_grad
// CHECK:     fgla_tile.store %{{.+}}, %[[DQ]][%[[B]], %[[T]], %[[H]], %c0] rows(%[[N]]) dims [1, 3]
// The gradient of the state before goes on as states do.
// CHECK:     fgla_tile.store %{{.+}}, %[[DV]][%[[B]], %[[T]], %[[H]], %c0] rows(%[[N]]) dims [1, 3]
// Running products have gradients without a division.
// CHECK:     fgla_tile.decayed_scan {{.+}} exclusive : tensor<32x64xf32>, tensor<32x64xf32>
// CHECK:     fgla_tile.decayed_scan {{.+}} reverse : tensor<32x64xf32>, tensor<32x64xf32>
// CHECK:     fgla_tile.store %{{.+}}, %[[DK]][%[[B]], %[[T]], %[[H]], %c0] rows(%[[N]]) dims [1, 3]
// CHECK:     fgla_tile.store %{{.+}}, %[[DF]][%[[B]], %[[T]], %[[H]], %c0] rows(%[[N]]) dims [1, 3]

// CHECK-LABEL: func.func @fgla(
// CHECK-NOT: fgla.
// CHECK: fgla_tile.launch @fgla_kernel ins(
func.func @fgla(%zq: tensor<?x?x4x64xf32>, %zk: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %zg: tensor<?x?x4x64xf32>, %do: tensor<?x?x4x32xf32>, %ds: tensor<?x4x64x32xf32>)
    -> (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  %f = fgla.gate sigmoid(%zg) : tensor<?x?x4x64xf32>
  %dq, %dk, %dv, %df = fgla.attention_grad %q, %zk, %v decay(%f) axis(key) stabilizer(running) output_grad(%do) final_state_grad(%ds) {fgla.schedule = #fgla.schedule<tile = 32>}
    : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x4x64x32xf32>)
    -> query(tensor<?x?x4x64xf32>) key(tensor<?x?x4x64xf32>) value(tensor<?x?x4x32xf32>) decay(tensor<?x?x4x64xf32>)
  return %dq, %dk, %dv, %df : tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>
}

// -----

// Query heads that read one state add up what they give for it; a decay that is one number a head is summed over
// tokens and then over batches.
// CHECK-LABEL: func.func private @grouped_kernel(
// CHECK: %[[SUMS:.+]] = memref.alloc(%{{.+}}) : memref<?x2xf32>
// CHECK: scf.forall
// CHECK:   fgla_tile.walk {{.*}} reverse {{.*}} -> (tensor<16x16xf32>, tensor<1x1xf32>)
// CHECK:     scf.for {{.*}} = %c0 to %c4 step %c1 iter_args
// CHECK:       fgla_tile.load
// Of decays that are zero too: what is above the diagonal is told by a matrix of ones.
// CHECK:       fgla_tile.decay_matrix %[[F:.+]] : tensor<16x1xf32>
// CHECK:       %[[ONES:.+]] = fgla_tile.map()
// CHECK:       fgla_tile.decay_matrix %[[ONES]]
// CHECK:       fgla_tile.decay_matrix %[[F]] exclusive
// CHECK:       scf.yield
// CHECK:   fgla_tile.store %{{.+}}, %[[SUMS]]
// CHECK: scf.forall (%[[H:.+]]) in (2)
// CHECK:   scf.for
// CHECK:     fgla_tile.load %[[SUMS]]
// CHECK:   fgla_tile.store %{{.+}}, %{{.+}}[%[[H]]]
func.func @grouped(%q: tensor<?x?x8x16xbf16>, %k: tensor<?x?x2x16xbf16>, %v: tensor<?x?x2x16xbf16>, %a: tensor<2xf32>, %do: tensor<?x?x8x16xbf16>) -> (tensor<?x?x2x16xf32>, tensor<2xf32>) {
  %dv, %da = fgla.attention_grad %q, %k, %v log_decay(%a) axis(constant) output_grad(%do) {fgla.schedule = #fgla.schedule<tile = 16>}
    : (tensor<?x?x8x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>, tensor<2xf32>, tensor<?x?x8x16xbf16>)
    -> value(tensor<?x?x2x16xf32>) decay(tensor<2xf32>)
  return %dv, %da : tensor<?x?x2x16xf32>, tensor<2xf32>
}
