// RUN: fgla-opt %s --fgla-form-kernels=roles --fgla-pad-tiles --canonicalize --cse -split-input-file | FileCheck %s
// RUN: fgla-opt %s --fgla-form-kernels --fgla-pad-tiles=widen=false --canonicalize --cse -split-input-file | FileCheck %s --check-prefix=CPU

// 100 keys and 36 values in tiles of 128 and 64. What combines channels gets neutral elements after the last one. What was loaded is zero there, and so is
// a state that is made of it.

// CHECK-LABEL: func.func private @odd_kernel(
// CHECK-SAME: %[[ZQ:[^ ]+]]: memref<?x?x4x100xbf16>, %[[ZK:[^ ]+]]: memref<?x?x4x100xbf16>, %[[V:[^ ]+]]: memref<?x?x4x36xbf16>, %[[F:[^ ]+]]: memref<?x?x4x100xbf16>,
// CHECK-DAG: %[[MINUSINF:.+]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ONE:.+]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0.000000e+00 : f32
// CHECK: fgla_tile.walk {{.*}} -> (tensor<128x64xf32>, tensor<1x1xf32>)
// CHECK:   fgla_tile.load %[[ZK]][{{.*}}] rows(%{{.+}}) cols(%c100) dims [1, 3] : memref<?x?x4x100xbf16> -> tensor<16x128xbf16>
// CHECK:   %[[THERE:.+]] = fgla_tile.valid cols(%c100) : tensor<1x128xi1>
// CHECK:   %[[LOGITS:.+]] = fgla_tile.map(%{{.+}}, %[[THERE]])
// CHECK:     arith.select %{{.+}}, %{{.+}}, %[[MINUSINF]]
// CHECK:   fgla_tile.reduce max %[[LOGITS]] dim 1
// CHECK:   %[[KEY:.+]] = fgla_tile.map(%{{.+}}, %[[THERE]])
// CHECK:     arith.select %{{.+}}, %{{.+}}, %[[ZERO]]
// CHECK:   %[[DECAY:.+]] = fgla_tile.map({{.*}}%[[THERE]])
// CHECK:     arith.select %{{.+}}, %{{.+}}, %[[ONE]]
// CHECK:   fgla_tile.scan mul %[[DECAY]]
// CHECK:   fgla_tile.decayed_scores %{{.+}}, %[[KEY]], %[[DECAY]] bounded : tensor<16x128xf32>
// The state and the values need no mask, and the norm, of sums of zeros, neither; it is that of 36 values.
// CHECK:   %[[O:.+]] = fgla_tile.dot %{{.+}} lower, %{{.+}} : tensor<16x16xf32>, tensor<16x64xf32> -> tensor<16x64xf32>
// CHECK:   %[[SUM:.+]] = fgla_tile.dot %{{.+}}, %{{.+}} acc(%[[O]] : tensor<16x64xf32>) : tensor<16x128xf32>, tensor<128x64xf32>
// CHECK:   fgla_tile.row_norm %[[SUM]]
// CHECK:   fgla_tile.store {{.*}} rows(%{{.+}}) cols(%c36) dims [1, 3] : tensor<16x64xbf16>
// CHECK: fgla_tile.store {{.*}} rows(%c100) cols(%c36) dims [2, 3] : tensor<128x64xf32>, memref<?x4x100x36xf32>

// CPU-LABEL: func.func private @odd_kernel(
// CPU-NOT: cols
func.func @odd(%zq: tensor<?x?x4x100xbf16>, %zk: tensor<?x?x4x100xbf16>, %v: tensor<?x?x4x36xbf16>, %f: tensor<?x?x4x100xbf16>) -> (tensor<?x?x4x36xbf16>, tensor<?x4x100x36xf32>, tensor<?x4xf32>) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x100xbf16> -> tensor<?x?x4x100xbf16>
  %o, %s, %m = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x4x100xbf16>, tensor<?x?x4x100xbf16>, tensor<?x?x4x36xbf16>, tensor<?x?x4x100xbf16>) -> (tensor<?x?x4x36xbf16>, tensor<?x4x100x36xf32>, tensor<?x4xf32>)
  %y = fgla.norm rms %o eps(1.0e-6) : tensor<?x?x4x36xbf16>
  return %y, %s, %m : tensor<?x?x4x36xbf16>, tensor<?x4x100x36xf32>, tensor<?x4xf32>
}

// -----

// The last slice of 24 keys has 8: how many are there is known when the program runs, and zero is not what a map makes of zero.

// CHECK-LABEL: func.func private @last_kernel(
// CHECK: %[[LEFT:.+]] = arith.subi %c24, %{{.+}} : index
// CHECK: %[[COUNT:.+]] = arith.minsi %[[LEFT]], %c16 : index
// CHECK: %[[K:.+]] = fgla_tile.load {{.*}} cols(%[[COUNT]]) dims [1, 3] : memref<?x?x4x24xf32> -> tensor<16x16xf32>
// CHECK: fgla_tile.valid cols(%[[COUNT]]) : tensor<1x16xi1>
// CPU-LABEL: func.func private @last_kernel(
// CPU: %[[LEFT:.+]] = arith.subi %c24, %{{.+}} : index
// CPU: %[[COUNT:.+]] = arith.minsi %[[LEFT]], %c16 : index
// CPU: fgla_tile.load {{.*}} cols(%[[COUNT]]) dims [1, 3] : memref<?x?x4x24xf32> -> tensor<16x16xf32>
// CPU: fgla_tile.valid cols(%[[COUNT]]) : tensor<1x16xi1>
func.func @last(%zq: tensor<?x?x4x24xf32>, %zk: tensor<?x?x4x24xf32>, %v: tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32> {
  %k = fgla.feature_map exp %zk : tensor<?x?x4x24xf32> -> tensor<?x?x4x24xf32>
  %o = fgla.attention %zq, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, key_slice = 16>} : (tensor<?x?x4x24xf32>, tensor<?x?x4x24xf32>, tensor<?x?x4x16xf32>) -> (tensor<?x?x4x16xf32>)
  return %o : tensor<?x?x4x16xf32>
}

// -----

// Powers of two stay as they are.
// CHECK-LABEL: func.func private @even_kernel(
// CHECK-NOT: cols
func.func @even(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x4x16xf32>, %v: tensor<?x?x4x32xf32>) -> tensor<?x?x4x32xf32> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x?x4x32xf32>) -> (tensor<?x?x4x32xf32>)
  return %o : tensor<?x?x4x32xf32>
}
