// RUN: fgla-opt %s --fgla-form-kernels --canonicalize --cse -split-input-file | FileCheck %s

// The block between the pre-activations and the norm is one kernel: five tiles in, one out, nothing else touches memory.

// CHECK-LABEL: func.func private @fgla_kernel(
// CHECK-SAME: %[[ZQ:.+]]: memref<?x?x4x64xf32>, %[[ZK:.+]]: memref<?x?x4x64xf32>, %[[V:.+]]: memref<?x?x4x32xf32>,
// CHECK-SAME: %[[ZG:.+]]: memref<?x?x4x64xf32>, %[[ZR:.+]]: memref<?x?x4x64xf32>, %[[W:.+]]: memref<32xf32>,
// CHECK-SAME: %[[Y:.+]]: memref<?x?x4x32xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 32>}
// CHECK: %[[T:.+]] = memref.dim %[[Y]]
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]]) in (%{{.+}}, 4)
// CHECK:   fgla_tile.load %[[W]]
// CHECK:   fgla_tile.walk (%[[T0:.+]], %[[N:.+]], %{{.+}}) = %c0 to %{{.+}} by 32 iter_args(%[[S:.+]] = %{{.+}}, %[[LOST:.+]] = %{{.+}}, %[[M:.+]] = %{{.+}}) -> (tensor<64x32xf32>, tensor<64x32xf32>, tensor<1x1xf32>)
// The running maximum, and its growth as a decay.
// CHECK:     fgla_tile.load %[[ZK]][%[[B]], %[[T0]], %[[H]], %{{.+}}] rows(%[[N]]) dims [1, 3]
// (What is after the end would change the last state alone, which is not asked for: no masks.)
// CHECK-NOT: fgla_tile.valid
// CHECK:     %[[ROWMAX:.+]] = fgla_tile.reduce max
// CHECK:     %[[RUNNING:.+]] = fgla_tile.scan max %[[ROWMAX]] init(%[[M]] : tensor<1x1xf32>)
// CHECK:     fgla_tile.scan max %[[ROWMAX]] exclusive init(%[[M]] : tensor<1x1xf32>)
// What is subtracted is never -inf.
// CHECK:     %[[FINITE:.+]] = fgla_tile.map(%[[RUNNING]])
// CHECK:       arith.maximumf
// CHECK:     %[[K:[0-9]+]] = fgla_tile.map(%{{.+}}, %[[FINITE]]) : (tensor<32x64xf32>, tensor<32x1xf32>) -> tensor<32x64xf32>
// CHECK:       math.exp
// CHECK:     %[[VT:.+]] = fgla_tile.load %[[V]]
// The gate and the growth are one map with two results, f and 1 - f.
// CHECK:     fgla_tile.load %[[ZG]]
// CHECK:     fgla_tile.load %[[ZR]]
// CHECK:     %[[F:.+]]:2 = fgla_tile.map
// CHECK:     %[[P:.+]] = fgla_tile.scan mul %[[F]]#0 : tensor<32x64xf32>
// CHECK:     %[[R:.+]] = fgla_tile.scan mul %[[F]]#0 exclusive reverse : tensor<32x64xf32>
// CHECK:     fgla_tile.reduce prob_or %[[F]]#1 dim 0
// CHECK:     fgla_tile.load %[[ZQ]]
// CHECK:     %[[Q:.+]] = fgla_tile.map({{.*}}) : (tensor<32x64xf32>, tensor<32x1xf32>) -> tensor<32x64xf32>
// CHECK:     %[[A:.+]] = fgla_tile.decayed_scores %[[Q]], %[[K]], %[[F]]#0
// CHECK:     %[[QP:.+]] = fgla_tile.map(%[[Q]], %[[P]])
// CHECK:     %[[O0:.+]] = fgla_tile.dot %[[A]] lower, %[[VT]] :
// CHECK:     %[[O:.+]] = fgla_tile.dot %[[QP]], %[[S]] acc(%[[O0]] : tensor<32x32xf32>)
// CHECK:     math.sqrt
// CHECK:     fgla_tile.store %{{.+}}, %[[Y]][%[[B]], %[[T0]], %[[H]], %{{.+}}] rows(%[[N]]) dims [1, 3]
// What rounding lost of the state before is added first.
// CHECK:     %[[LOSTG:.+]] = fgla_tile.map(%[[LOST]],
// CHECK:     %[[KR:.+]] = fgla_tile.map(%[[K]], %[[R]])
// CHECK:     %[[ADDED:.+]] = fgla_tile.dot %[[KR]] transposed, %[[VT]] acc(%[[LOSTG]] :
// CHECK:     %[[NEXT:.+]]:2 = fgla_tile.map({{.*}}%[[ADDED]]
// CHECK:     fgla_tile.yield %[[NEXT]]#0, %[[NEXT]]#1, %{{.+}}

// CHECK-LABEL: func.func @fgla(
// CHECK-NOT: fgla.
// CHECK: fgla_tile.launch @fgla_kernel ins(
func.func @fgla(%zq: tensor<?x?x4x64xf32>, %zk: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x32xf32>, %zg: tensor<?x?x4x64xf32>, %zr: tensor<?x?x4x64xf32>, %w: tensor<32xf32>) -> tensor<?x?x4x32xf32> {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x64xf32> -> tensor<?x?x4x64xf32>
  %f = fgla.gate refined(%zg, %zr) : tensor<?x?x4x64xf32>
  %o = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 32>} : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x32xf32>)
  %y = fgla.norm rms %o weight(%w : tensor<32xf32>) eps(1.0e-6) : tensor<?x?x4x32xf32>
  return %y : tensor<?x?x4x32xf32>
}

// -----

// A decay of the head: one matrix of decays within the tile.
// CHECK-LABEL: func.func private @head_kernel(
// CHECK: fgla_tile.map({{.*}} -> (tensor<16x1xf32>, tensor<16x1xf32>)
// CHECK: %[[A:.+]] = fgla_tile.dot %{{.+}}, %{{.+}} transposed
// CHECK: %[[D:.+]] = fgla_tile.decay_matrix %{{.+}} : tensor<16x1xf32> -> tensor<16x16xf32>
// Keys of later tokens may be no numbers: zero times those would not be zero.
// CHECK: fgla_tile.map(%[[A]], %[[D]])
// CHECK:   arith.cmpf oeq
// CHECK:   arith.select
// CHECK-NOT: decayed_scores
func.func @head(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %a: tensor<?x?x2x1xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %k, %v log_decay(%a) axis(head) {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x1xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}

// -----

// A decay of the values: scores without decay, values decayed.
// CHECK-LABEL: func.func private @value_kernel(
// CHECK: %[[A:.+]] = fgla_tile.dot %{{.+}}, %{{.+}} transposed
// CHECK: fgla_tile.decayed_sum %[[A]]
func.func @value(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x32xf32>, %f: tensor<?x?x2x32xf32>) -> tensor<?x?x2x32xf32> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(value) {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32>) -> (tensor<?x?x2x32xf32>)
  return %o : tensor<?x?x2x32xf32>
}

// -----

// Four query heads read one state: a loop over them inside the tile.
// CHECK-LABEL: func.func private @grouped_kernel(
// CHECK: scf.forall (%{{.+}}, %[[H:.+]]) in (%{{.+}}, 2)
// CHECK: %[[FIRST:.+]] = arith.muli %[[H]], %c4
// CHECK: scf.for %[[G:.+]] = %c0 to %c4 step %c1
// CHECK:   %[[QH:.+]] = arith.addi %[[FIRST]], %[[G]]
// CHECK:   fgla_tile.load %arg0[%{{.+}}, %{{.+}}, %[[QH]], %c0]
func.func @grouped(%q: tensor<?x?x8x16xbf16>, %k: tensor<?x?x2x16xbf16>, %v: tensor<?x?x2x16xbf16>) -> tensor<?x?x8x16xbf16> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x8x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x8x16xbf16>)
  return %o : tensor<?x?x8x16xbf16>
}

// -----

// Segments: first the states of all but the last, then for each piece the state after it, then the outputs, which
// start from one of these.
// Workers that are left in the first pass, which has one segment less, share the segments' pieces.
// CHECK-LABEL: func.func private @segmented_kernel(
// CHECK: fgla_tile.workers
// CHECK: memref.alloc(%{{.+}}, %{{.+}}) : memref<?x2x?x16x16xf32>
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %[[P:.+]]) in (%{{.+}}, 2, %{{.+}})
// CHECK:   arith.divui %[[P]], %[[PIECES:.+]] : index
// CHECK:   arith.remui %[[P]], %[[PIECES]] : index
// CHECK:   fgla_tile.walk {{.*}} -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<1x16xf32>, tensor<1x16xf32>)
// CHECK-NOT: fgla_tile.decayed_scores
// CHECK:   fgla_tile.store %{{.+}}, %[[STATES:.+]][%{{.+}}, %{{.+}}, %[[P]], %c0, %c0] dims [3, 4]
// CHECK: %[[STARTS:.+]] = memref.alloc(%{{.+}}, %{{.+}}) : memref<?x2x?x16x16xf32>
// With one segment there is nothing to do.
// CHECK: %[[ANY:.+]] = arith.minsi %{{.+}}, %c1
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %{{.+}}) in (%{{.+}}, 2, %[[ANY]])
// CHECK:   scf.for %[[I:.+]] = %c0 to %{{.+}} step %c1 iter_args(%[[BEFORE:.+]] = %{{.+}}) -> (tensor<16x16xf32>)
// CHECK:     %[[PART:.+]] = fgla_tile.load %[[STATES]][%{{.+}}, %{{.+}}, %[[I]], %c0, %c0] dims [3, 4]
// CHECK:     %[[AFTER:.+]] = fgla_tile.map(%[[BEFORE]], {{.*}}%[[PART]])
// CHECK:     fgla_tile.store %[[AFTER]], %[[STARTS]][%{{.+}}, %{{.+}}, %[[I]], %c0, %c0] dims [3, 4]
// CHECK:     scf.yield %[[AFTER]]
// CHECK: scf.forall (%{{.+}}, %{{.+}}, %[[S:.+]]) in (%{{.+}}, 2, %{{.+}})
// CHECK:   %[[EARLIER:.+]] = arith.muli %[[S]], %[[PIECES]]
// CHECK:   %[[ONCE:.+]] = arith.minsi %[[S]], %c1
// CHECK:   scf.for %{{.+}} = %c0 to %[[ONCE]] step %c1 iter_args
// CHECK:     %[[LAST:.+]] = arith.subi %[[EARLIER]], %c1
// CHECK:     fgla_tile.load %[[STARTS]][%{{.+}}, %{{.+}}, %[[LAST]], %c0, %c0] dims [3, 4]
// CHECK:   fgla_tile.walk
// CHECK:     fgla_tile.decayed_scores
func.func @segmented(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %f: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) {fgla.schedule = #fgla.schedule<tile = 16, segments = 0>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}

// -----

// A feature map with another user stays outside; a norm whose weight depends on nothing is moved in.
// CHECK-LABEL: func.func private @shared_kernel(
// CHECK-NOT: math.exp
// CHECK: return
// CHECK-LABEL: func.func @shared(
// CHECK: %[[Q:.+]] = fgla.feature_map exp
// CHECK: fgla_tile.launch @shared_kernel ins(%[[Q]]
func.func @shared(%z: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) {
  %q = fgla.feature_map exp %z : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  %o = fgla.attention %q, %z, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %q, %o : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
}

// -----

// An op that consumes the output and is computed from something after the attention: that moves in front of it.
// CHECK-LABEL: func.func private @late_kernel(
// CHECK: fgla_tile.store
// CHECK-LABEL: func.func @late(
// CHECK: %[[G:.+]] = arith.negf
// CHECK: fgla_tile.launch @late_kernel ins({{.*}}%[[G]]
// CHECK-NOT: fgla.output_gate
func.func @late(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %z: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %q, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  %g = arith.negf %z : tensor<?x?x2x16xf32>
  %y = fgla.output_gate %o, %g : tensor<?x?x2x16xf32>
  return %y : tensor<?x?x2x16xf32>
}

// -----

// The output has two users: it leaves the kernel as it is.
// CHECK-LABEL: func.func private @two_users_kernel(
// CHECK-NOT: math.sqrt
// CHECK: return
// CHECK-LABEL: func.func @two_users(
// CHECK: fgla_tile.launch
// CHECK: fgla.norm
func.func @two_users(%q: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) {
  %o = fgla.attention %q, %q, %v {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  %y = fgla.norm rms %o : tensor<?x?x2x16xf32>
  return %o, %y : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
}

// -----

// Where the last state is wanted, keys after the end are zero, since their maximum is infinite, and decays are one: two
// numbers a row, what they do to an element is one multiply-add.
// CHECK-LABEL: func.func private @last_kernel(
// CHECK: fgla_tile.walk
// CHECK: %[[VALID:.+]] = fgla_tile.valid rows(%{{.+}}) : tensor<16x1xi1>
// CHECK: %[[RUNNING:.+]] = fgla_tile.scan max %{{.+}} init
// CHECK: %[[BEFORE:.+]] = fgla_tile.scan max %{{.+}} exclusive init
// CHECK: %[[FINITE:.+]] = fgla_tile.map(%[[RUNNING]])
// CHECK: %[[PADDED:.+]] = fgla_tile.map(%[[FINITE]], %[[VALID]]) : (tensor<16x1xf32>, tensor<16x1xi1>) -> tensor<16x1xf32>
// CHECK: fgla_tile.map(%{{.+}}, %[[PADDED]]) : (tensor<16x64x{{.+}}>, tensor<16x1xf32>) -> tensor<16x64xf32>
// CHECK: %[[NUMBERS:.+]]:2 = fgla_tile.map(%[[BEFORE]], %[[FINITE]], %[[VALID]])
// CHECK: fgla_tile.map({{.*}}%[[NUMBERS]]#0, %[[NUMBERS]]#1)
// CHECK: %[[SCALED:.+]] = arith.mulf
// CHECK-NEXT: arith.addf %[[SCALED]]
func.func @last(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>, %z: tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>) {
  %f = fgla.gate sigmoid(%z) : tensor<?x?x2x64xbf16>
  %o, %s, %m = fgla.attention %q, %k, %v decay(%f) axis(key) stabilizer(running) {fgla.schedule = #fgla.schedule<tile = 16>} : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>, tensor<?x2xf32>)
  return %o, %s : tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>
}
