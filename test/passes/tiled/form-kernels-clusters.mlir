// RUN: fgla-opt %s --fgla-form-kernels=roles --canonicalize --cse -split-input-file | FileCheck %s

// Two programs own the keys of a head, half each. Maxima of rows are combined from theirs; of outputs, which are sums of theirs, each does 8 rows of 16.
// CHECK-LABEL: func.func private @both_kernel(
// CHECK-SAME: %[[ZQ:.+]]: memref<?x?x4x128xbf16>, %[[ZK:.+]]: memref<?x?x4x128xbf16>, %[[V:.+]]: memref<?x?x4x64xbf16>, %[[F:.+]]: memref<?x?x4x128xbf16>, %[[ZO:.+]]: memref<?x?x4x64xbf16>, %[[Y:.+]]: memref<?x?x4x64xbf16>)
// CHECK-NOT: memref.alloc
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]], %[[SLICE:.+]]) in (%{{.+}}, 4, 2)
// CHECK:   %[[RANK:.+]] = arith.remui %[[SLICE]], %c2
// CHECK:   %[[K0:.+]] = arith.muli %[[RANK]], %c64
// CHECK:   fgla_tile.walk (%[[T:[^ ]+]], %[[ROWS:[^ ]+]], %{{[^ ]+}}) =
// CHECK-NOT: -> tensor<16x128xbf16>
// CHECK:     fgla_tile.load %[[ZK]][%[[B]], %[[T]], %[[H]], %[[K0]]] {{.*}} -> tensor<16x64xbf16>
// CHECK:     %[[OWN:.+]] = fgla_tile.reduce max %{{.+}} dim 1 : tensor<16x64xf32>
// CHECK:     %[[ALL:.+]]:2 = fgla_tile.gather %[[OWN]]
// CHECK:     fgla_tile.map(%[[ALL]]#0, %[[ALL]]#1)
// CHECK:     arith.maximumf
// CHECK:     fgla_tile.load %[[ZQ]][%[[B]], %[[T]], %[[H]], %[[K0]]] {{.*}} -> tensor<16x64xbf16>
// CHECK:     fgla_tile.gather
// CHECK:     %[[PARTS:.+]]:2 = fgla_tile.exchange %{{.+}} rank(%[[RANK]]) : tensor<16x64xf32> -> tensor<8x64xf32>, tensor<8x64xf32>
// CHECK:     %[[FIRST:.+]] = arith.muli %[[RANK]], %c8
// CHECK:     %[[LEFT:.+]] = arith.subi %[[ROWS]], %[[FIRST]]
// CHECK:     %[[MOST:.+]] = arith.minsi %[[LEFT]], %c8
// CHECK:     %[[COUNT:.+]] = arith.maxsi %[[MOST]], %c0
// CHECK:     %[[TOKEN:.+]] = arith.addi %[[T]], %[[FIRST]]
// CHECK:     fgla_tile.map(%[[PARTS]]#0, %[[PARTS]]#1)
// CHECK:     fgla_tile.row_norm %{{.+}} : tensor<8x64xf32>
// CHECK:     fgla_tile.load %[[ZO]][%[[B]], %[[TOKEN]], %[[H]], %c0] rows(%[[COUNT]]) {{.*}} -> tensor<8x64xbf16>
// CHECK:     fgla_tile.store %{{.+}}, %[[Y]][%[[B]], %[[TOKEN]], %[[H]], %c0] rows(%[[COUNT]])
func.func @both(%zq: tensor<?x?x4x128xbf16>, %zk: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x64xbf16>, %f: tensor<?x?x4x128xbf16>, %zo: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  %o = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 64, cluster = 2>} : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x64xbf16>)
  %n = fgla.norm rms %o eps(1.0e-6) : tensor<?x?x4x64xbf16>
  %y = fgla.output_gate %n, %zo : tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}

// -----

// Decided at launch: clusters where they are as many times the heads as there are workers, before the kernels of segments, which are none then.
// CHECK-LABEL: func.func private @launch_kernel(
// CHECK: %[[WORKERS:.+]] = fgla_tile.workers
// CHECK: %[[EACH:.+]] = arith.divsi
// CHECK: %[[FITS:.+]] = arith.cmpi eq, %[[EACH]], %c2
// CHECK: %[[CLUSTERS:.+]] = arith.select %[[FITS]], %c1, %c0
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}) in (%{{.+}}, 4, %[[CLUSTERS]], 2)
// CHECK:   fgla_tile.exchange
// CHECK: %[[OTHERS:.+]] = arith.subi %c1, %[[CLUSTERS]]
// CHECK: %[[COUNT:.+]] = arith.muli %{{.+}}, %[[OTHERS]]
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %{{.+}}) in (%{{.+}}, 4, %[[COUNT]])
// CHECK-NOT: fgla_tile.exchange
func.func @launch(%k: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %o = fgla.attention %k, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, segments = 0, cluster = 2>} : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x64xbf16>) -> (tensor<?x?x4x64xbf16>)
  return %o : tensor<?x?x4x64xbf16>
}

// -----

// Where values are cut too, the key slices of the same values are neighbours, and what needs whole rows is another kernel. Rows that are made of
// products are combined by each program alone. Sums are whole, so they lie in the output.
// CHECK-LABEL: func.func private @values_kernel(
// CHECK-SAME: %[[Y:[^ ]+]]: memref<?x?x4x128xbf16>) attributes
// CHECK-NOT: memref.alloc
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]], %[[SLICE:.+]]) in (%{{.+}}, 4, 4)
// CHECK-DAG: %[[RANK:.+]] = arith.remui %[[SLICE]], %c2
// CHECK-DAG: %[[VALUES:.+]] = arith.divui %[[SLICE]], %c2
// CHECK-DAG: %[[V0:.+]] = arith.muli %[[VALUES]], %c64
// CHECK-NOT: fgla_tile.gather
// CHECK: fgla_tile.exchange %{{.+}} rank(%[[RANK]])
// CHECK: fgla_tile.store %{{.+}}, %[[Y]][%[[B]], %{{.+}}, %[[H]], %[[V0]]]
// CHECK: scf.forall
// CHECK:   fgla_tile.load %[[Y]]{{.*}} -> tensor<16x128xbf16>
// CHECK-NOT: arith.addi %{{.+}}, %c4
// CHECK:   fgla_tile.row_norm
func.func @values(%zk: tensor<?x?x4x32xbf16>, %m: tensor<4x32x128xbf16>, %q: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %k = fgla.feature_map safe_exp %zk weight(%m : tensor<4x32x128xbf16>) : tensor<?x?x4x32xbf16> -> tensor<?x?x4x128xbf16>
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 64, value_slice = 64, cluster = 2>} : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x128xbf16>)
  %y = fgla.norm rms %o eps(1.0e-6) : tensor<?x?x4x128xbf16>
  return %y : tensor<?x?x4x128xbf16>
}

// -----

// Nor is a row of what a map makes gathered: it is the elementwise role's.
// CHECK-LABEL: func.func private @map_kernel(
// CHECK-NOT: fgla_tile.gather
// CHECK: fgla_tile.exchange
func.func @map(%zk: tensor<?x?x4x128xbf16>, %q: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %k = fgla.feature_map elu1 %zk : tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  %o = fgla.attention %q, %k, %q stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 64, cluster = 2>} : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x128xbf16>)
  return %o : tensor<?x?x4x128xbf16>
}
