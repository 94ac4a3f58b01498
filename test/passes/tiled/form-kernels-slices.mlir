// RUN: fgla-opt %s --fgla-form-kernels=roles --canonicalize --cse -split-input-file | FileCheck %s

// Two programs share the keys of a head and two its values. Each computes the elements of its own channels; maxima are of all channels.

// CHECK-LABEL: func.func private @both_kernel(
// CHECK-SAME: %[[ZQ:.+]]: memref<?x?x4x32xbf16>, %[[ZK:.+]]: memref<?x?x4x32xbf16>, %[[V:.+]]: memref<?x?x4x64xbf16>, %[[F:.+]]: memref<?x?x4x32xbf16>, %[[W:.+]]: memref<64xf32>, %[[Y:.+]]: memref<?x?x4x64xbf16>, %[[STATE:.+]]: memref<?x4x32x64xf32>, %{{.+}}: memref<?x4xf32>)
// A part of an output for each slice of the keys, by heads.
// CHECK: %[[PARTS:.+]] = memref.alloc(%{{.+}}, %{{.+}}) : memref<?x?x8x64xbf16>
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]], %[[S:.+]]) in (%{{.+}}, 4, 4)
// CHECK-DAG: %[[KEYS:.+]] = arith.divui %[[S]], %[[TWO:.+]] :
// CHECK-DAG: %[[VALUES:.+]] = arith.remui %[[S]], %[[TWO]] :
// CHECK-DAG: %[[K0:.+]] = arith.muli %[[KEYS]], %c16
// CHECK-DAG: %[[V0:.+]] = arith.muli %[[VALUES]], %c32
// CHECK: fgla_tile.walk (%[[T:[^ ]+]], %{{.*}}, %{{.*}}) = {{.*}} -> (tensor<16x32xf32>, tensor<1x1xf32>)
// CHECK:   fgla_tile.load %[[ZK]][%[[B]], %[[T]], %[[H]], %c0] {{.*}} -> tensor<16x32xbf16>
// CHECK:   fgla_tile.load %[[ZK]][%[[B]], %[[T]], %[[H]], %[[K0]]] {{.*}} -> tensor<16x16xbf16>
// CHECK:   fgla_tile.reduce max %{{.+}} dim 1 : tensor<16x32xf32>
// CHECK:   fgla_tile.load %[[V]][%[[B]], %[[T]], %[[H]], %[[V0]]] {{.*}} -> tensor<16x32xbf16>
// CHECK:   fgla_tile.load %[[F]][%[[B]], %[[T]], %[[H]], %[[K0]]] {{.*}} -> tensor<16x16xbf16>
// CHECK:   fgla_tile.load %[[ZQ]][%[[B]], %[[T]], %[[H]], %c0] {{.*}} -> tensor<16x32xbf16>
// CHECK:   fgla_tile.load %[[ZQ]][%[[B]], %[[T]], %[[H]], %[[K0]]] {{.*}} -> tensor<16x16xbf16>
// CHECK:   fgla_tile.decayed_scores {{.*}} : tensor<16x16xf32> -> tensor<16x16xf32>
// CHECK:   %[[HEAD:.+]] = arith.addi %{{.+}}, %[[H]]
// CHECK:   fgla_tile.store %{{.+}}, %[[PARTS]][%[[B]], %[[T]], %[[HEAD]], %[[V0]]] {{.*}} : tensor<16x32xbf16>
// CHECK: fgla_tile.store %{{.+}}, %[[STATE]][%[[B]], %[[H]], %[[K0]], %[[V0]]]
// The norm is of sums of all channels.
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]], %{{.+}}) in (%{{.+}}, 4, %{{.+}})
// CHECK:   fgla_tile.walk (%[[T:[^ ]+]], %{{.*}}, %{{.*}}) =
// CHECK:     fgla_tile.load %[[PARTS]][%[[B]], %[[T]], %[[H]], %c0] {{.*}} -> tensor<16x64xbf16>
// CHECK:     %[[OTHER:.+]] = arith.addi %[[H]], %c4
// CHECK:     fgla_tile.load %[[PARTS]][%[[B]], %[[T]], %[[OTHER]], %c0] {{.*}} -> tensor<16x64xbf16>
// CHECK:     arith.addf
// CHECK:     fgla_tile.row_norm
// CHECK:     fgla_tile.store %{{.+}}, %[[Y]][%[[B]], %[[T]], %[[H]], %c0]
func.func @both(%zq: tensor<?x?x4x32xbf16>, %zk: tensor<?x?x4x32xbf16>, %v: tensor<?x?x4x64xbf16>, %f: tensor<?x?x4x32xbf16>, %w: tensor<64xf32>) -> (tensor<?x?x4x64xbf16>, tensor<?x4x32x64xf32>, tensor<?x4xf32>) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x32xbf16> -> tensor<?x?x4x32xbf16>
  %o, %s, %m = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 16, value_slice = 32>} : (tensor<?x?x4x32xbf16>, tensor<?x?x4x32xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x32xbf16>) -> (tensor<?x?x4x64xbf16>, tensor<?x4x32x64xf32>, tensor<?x4xf32>)
  %y = fgla.norm rms %o weight(%w : tensor<64xf32>) eps(1.0e-6) : tensor<?x?x4x64xbf16>
  return %y, %s, %m : tensor<?x?x4x64xbf16>, tensor<?x4x32x64xf32>, tensor<?x4xf32>
}

// -----

// Slices of values alone: the output holds what is normalized in place.

// CHECK-LABEL: func.func private @values_kernel(
// CHECK-SAME: %[[Y:[^ ]+]]: memref<?x?x4x64xbf16>) attributes
// CHECK-NOT: memref.alloc
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %[[S:.+]]) in (%{{.+}}, 4, 2)
// CHECK:   %[[V0:.+]] = arith.muli %[[S]], %c32
// CHECK:   fgla_tile.store %{{.+}}, %[[Y]][%{{.+}}, %{{.+}}, %{{.+}}, %[[V0]]] {{.*}} : tensor<16x32xbf16>
// CHECK: scf.forall
// CHECK:   fgla_tile.load %[[Y]]
// CHECK:   fgla_tile.row_norm
// CHECK:   fgla_tile.store %{{.+}}, %[[Y]]
func.func @values(%q: tensor<?x?x4x32xbf16>, %k: tensor<?x?x4x32xbf16>, %v: tensor<?x?x4x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, value_slice = 32>} : (tensor<?x?x4x32xbf16>, tensor<?x?x4x32xbf16>, tensor<?x?x4x64xbf16>) -> (tensor<?x?x4x64xbf16>)
  %y = fgla.norm rms %o eps(1.0e-6) : tensor<?x?x4x64xbf16>
  return %y : tensor<?x?x4x64xbf16>
}

// -----

// Nothing follows: nothing is left to do. bf16 has the range of sums that f16 lacks, but the output is what was asked for.

// CHECK-LABEL: func.func private @alone_kernel(
// CHECK: scf.forall
// CHECK-NOT: scf.forall
// CHECK: return
func.func @alone(%q: tensor<?x?x4x32xf16>, %k: tensor<?x?x4x32xf16>, %v: tensor<?x?x4x64xf16>) -> tensor<?x?x4x64xf16> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, value_slice = 32>} : (tensor<?x?x4x32xf16>, tensor<?x?x4x32xf16>, tensor<?x?x4x64xf16>) -> (tensor<?x?x4x64xf16>)
  return %o : tensor<?x?x4x64xf16>
}
