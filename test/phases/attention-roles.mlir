// Which roles and channels the attentions get, from the graph.
// RUN: rm -rf %t && split-file %s %t
// RUN: fgla-compile %t/key.mlir --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=KEY
// RUN: fgla-compile %t/key.mlir --target=sm_90a --segments=4 --compile-to=roles | FileCheck %s --check-prefix=SEGMENTS
// RUN: fgla-compile %t/none.mlir --target=sm_80 --segments=1 --compile-to=roles | FileCheck %s --check-prefix=NONE
// RUN: fgla-compile %t/head.mlir --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=HEAD
// RUN: fgla-compile %t/value.mlir --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=VALUE
// RUN: fgla-compile %t/softmax.mlir --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=SOFTMAX
// RUN: fgla-compile %t/weight.mlir --target=sm_90a --segments=1 --compile-to=roles | FileCheck %s --check-prefix=WEIGHT

//--- weight.mlir
func.func @weight(%q: tensor<?x?x2x32xbf16>, %x: tensor<?x?x2x16xbf16>, %w: tensor<2x16x32xbf16>, %v: tensor<?x?x2x16xbf16>) -> tensor<?x?x2x16xbf16> {
  %k = fgla.feature_map identity %x weight(%w : tensor<2x16x32xbf16>) : tensor<?x?x2x16xbf16> -> tensor<?x?x2x32xbf16>
  %o = fgla.attention %q, %k, %v stabilizer(running) : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>)
  return %o : tensor<?x?x2x16xbf16>
}
// The running maximum of keys that the elementwise role makes is its own, and what it hands from turn to turn stays in one
// instance.
// WEIGHT: fgla_warp.role "elementwise" warps({{[0-9]+}}) instances(1)
// WEIGHT: fgla_tile.walk {{.*}} -> (tensor<1x1xf32>)
// WEIGHT: fgla_tile.scan max
// WEIGHT: fgla_warp.role "matrix"

//--- softmax.mlir
func.func @softmax(%zq: tensor<?x?x2x32xbf16>, %k: tensor<?x?x2x32xbf16>, %v: tensor<?x?x2x16xbf16>) -> tensor<?x?x2x16xbf16> {
  %q = fgla.feature_map softmax %zq : tensor<?x?x2x32xbf16> -> tensor<?x?x2x32xbf16>
  %o = fgla.attention %q, %k, %v : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>)
  return %o : tensor<?x?x2x16xbf16>
}
// Maximum and sum are of the rows, whose warps take turns; the exponentials are made for the sum and again for products.
// SOFTMAX: fgla_warp.role "rows.0" warps(1) instances(3)
// SOFTMAX: fgla_tile.reduce max
// SOFTMAX: math.exp
// SOFTMAX: fgla_tile.reduce add
// SOFTMAX: arith.divf
// SOFTMAX: fgla_warp.role "elementwise"
// SOFTMAX-NOT: {{divf|fgla_tile.reduce}}
// SOFTMAX: math.exp
// SOFTMAX: fgla_warp.role "matrix"

//--- key.mlir
func.func @key(%zq: tensor<?x?x2x32xbf16>, %zk: tensor<?x?x2x32xbf16>, %v: tensor<?x?x2x16xbf16>, %f: tensor<?x?x2x32xbf16>)
    -> (tensor<?x?x2x16xbf16>, tensor<?x2x32x16xf32>, tensor<?x2xf32>) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x2x32xbf16> -> tensor<?x?x2x32xbf16>
  %o, %s, %m = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running)
    : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x32xbf16>)
    -> (tensor<?x?x2x16xbf16>, tensor<?x2x32x16xf32>, tensor<?x2xf32>)
  return %o, %s, %m : tensor<?x?x2x16xbf16>, tensor<?x2x32x16xf32>, tensor<?x2xf32>
}
// KEY-LABEL: func.func private @key_kernel
// KEY: scf.forall
// The decay is dead when what is made of the keys is put.
// KEY: %[[TO_END:.*]] = fgla_warp.channel reuses(%[[DECAY:.*]] : !fgla_warp.channel<tensor<16x32xbf16>>) : <tensor<16x32xbf16>>
// KEY-NOT: reuses
// KEY: fgla_warp.role "load" warps({{[0-9]+}}) instances(1)
// KEY-COUNT-4: fgla_warp.put
// Two reductions that do not depend on each other: the running maximum of the keys, the maximum of the queries.
// KEY: fgla_warp.role "rows.0" warps({{[0-9]+}}) instances(1)
// KEY: fgla_tile.walk {{.*}} -> (tensor<1x1xf32>)
// KEY: fgla_tile.reduce max
// KEY: fgla_tile.store {{.*}} memref<?x2xf32>
// KEY: fgla_warp.role "rows.1" warps({{[0-9]+}}) instances(1)
// KEY: fgla_tile.reduce max
// KEY: fgla_warp.role "elementwise" warps(1) instances(8)
// KEY: %[[F:.*]] = fgla_warp.get %[[DECAY]]
// KEY: fgla_tile.decayed_scores
// KEY: fgla_warp.put %{{.*}}, %[[TO_END]]
// KEY: fgla_warp.role "matrix" warps({{[0-9]+}}) instances(1)
// KEY: fgla_tile.walk {{.*}} -> (tensor<32x16xf32>)
// KEY: fgla_tile.dot
// KEY: fgla_tile.dot {{.*}} acc(
// KEY: fgla_tile.dot {{.*}} transposed, {{.*}} acc(
// KEY-NEXT: fgla_warp.release
// KEY: fgla_tile.store {{.*}} memref<?x?x2x16xbf16>
// KEY: fgla_tile.store {{.*}} memref<?x2x32x16xf32>
// KEY-LABEL: func.func @key

// First what each segment adds to the state, without outputs; then outputs, from the merged states of earlier segments.
// SEGMENTS-LABEL: func.func private @key_kernel
// SEGMENTS: scf.forall (%[[B:.*]], %[[H:.*]], %[[S:.*]]) in
// SEGMENTS: fgla_warp.role "load" warps({{[0-9]+}}) instances(1)
// SEGMENTS-COUNT-3: fgla_warp.put
// SEGMENTS-NOT: fgla_warp.put
// SEGMENTS: fgla_warp.role "rows.0"
// SEGMENTS-NOT: fgla_warp.role "rows.1"
// SEGMENTS: fgla_warp.role "elementwise"
// SEGMENTS-NOT: fgla_tile.decayed_scores
// SEGMENTS: fgla_warp.role "matrix"
// The state and the segment's decay.
// SEGMENTS: fgla_tile.walk {{.*}} -> (tensor<32x16xf32>, tensor<1x32xf32>)
// What segments start from: no turns, so one role.
// SEGMENTS: scf.forall
// SEGMENTS: fgla_warp.role "state" warps(4) instances(1)
// SEGMENTS: scf.for {{.*}} -> (tensor<16x16xf32>, tensor<1x1xf32>)
// SEGMENTS: fgla_tile.store {{.*}} memref<?x2x?x32x16xf32>
// SEGMENTS: scf.forall
// SEGMENTS: fgla_warp.role "load"
// Each role reads what it starts from: here the maximum, there the state.
// SEGMENTS: fgla_warp.role "rows.0"
// SEGMENTS: %[[MAX:.*]] = scf.for %{{.*}} = %c0 to %{{.*}} -> (tensor<1x1xf32>) {
// SEGMENTS-NEXT: fgla_tile.load {{.*}} memref<?x2x?x1xf32> -> tensor<1x1xf32>
// SEGMENTS-NOT: fgla_tile.load
// SEGMENTS: fgla_tile.walk {{.*}} iter_args(%{{.*}} = %[[MAX]]) -> (tensor<1x1xf32>)
// SEGMENTS: scf.if
// SEGMENTS-NEXT: fgla_tile.store {{.*}} memref<?x2xf32>
// SEGMENTS: fgla_warp.role "elementwise"
// SEGMENTS: fgla_tile.decayed_scores
// SEGMENTS: fgla_warp.role "matrix"
// SEGMENTS: %[[STATE:.*]] = scf.for %{{.*}} = %c0 to %{{.*}} -> (tensor<32x16xf32>)
// SEGMENTS: fgla_tile.walk {{.*}} iter_args(%{{.*}} = %[[STATE]]) -> (tensor<32x16xf32>)
// SEGMENTS: scf.if
// SEGMENTS-NEXT: fgla_tile.store {{.*}} memref<?x2x32x16xf32>

//--- none.mlir
func.func @none(%q: tensor<?x?x2x32xbf16>, %k: tensor<?x?x2x32xbf16>, %v: tensor<?x?x2x16xbf16>) -> tensor<?x?x2x16xbf16> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>)
  return %o : tensor<?x?x2x16xbf16>
}
// Nothing of one number a row; queries and keys are read by the products too and keep their memory.
// NONE-LABEL: func.func private @none_kernel
// NONE-NOT: reuses
// NONE-NOT: fgla_warp.role "rows
// NONE: fgla_warp.role "load"
// NONE-COUNT-3: fgla_warp.put
// NONE-NOT: fgla_warp.role "rows
// NONE: fgla_warp.role "elementwise"
// NONE: fgla_tile.dot
// NONE: fgla_tile.decay_matrix
// NONE: fgla_warp.put
// NONE: fgla_warp.role "matrix"
// NONE: fgla_tile.dot {{.*}} transposed, {{.*}} acc(
// NONE-NEXT: fgla_warp.release

//--- head.mlir
func.func @head(%q: tensor<?x?x2x32xbf16>, %k: tensor<?x?x2x32xbf16>, %v: tensor<?x?x2x16xbf16>, %f: tensor<?x?x2x1xbf16>) -> tensor<?x?x2x16xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(head)
    : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x1xbf16>) -> (tensor<?x?x2x16xbf16>)
  return %o : tensor<?x?x2x16xbf16>
}
// Running products of one decay a row are of the rows; the two directions have a role each.
// HEAD-LABEL: func.func private @head_kernel
// HEAD: fgla_warp.role "rows.0"
// HEAD: fgla_tile.scan mul %{{[^ ]*}} : tensor<16x1xf32>
// HEAD: fgla_warp.role "rows.1"
// HEAD: fgla_tile.scan mul %{{[^ ]*}} exclusive reverse : tensor<16x1xf32>
// HEAD: fgla_warp.role "elementwise"
// HEAD: fgla_tile.decay_matrix
// HEAD: fgla_warp.role "matrix"

//--- value.mlir
func.func @value(%q: tensor<?x?x2x32xbf16>, %k: tensor<?x?x2x32xbf16>, %v: tensor<?x?x2x16xbf16>, %f: tensor<?x?x2x16xbf16>) -> tensor<?x?x2x16xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(value)
    : (tensor<?x?x2x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>)
  return %o : tensor<?x?x2x16xbf16>
}
// The decayed values take the memory of the decay.
// VALUE-LABEL: func.func private @value_kernel
// VALUE: reuses
// VALUE: fgla_warp.role "elementwise"
// VALUE: fgla_tile.scan mul %{{[^ ]*}} : tensor<16x16xf32>
// VALUE: fgla_tile.decayed_sum
// VALUE: fgla_warp.role "matrix"
