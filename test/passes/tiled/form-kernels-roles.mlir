// Kernels that are to be split into roles.
// RUN: fgla-opt %s --fgla-form-kernels=roles --canonicalize --cse -split-input-file | FileCheck %s

// A program for each query head; the first of a group stores the state of its key/value head.
// CHECK-LABEL: func.func private @grouped_kernel(
// CHECK: scf.forall (%[[B:.+]], %[[Q:.+]]) in (%{{.+}}, 8)
// CHECK:   %[[H:.+]] = arith.divui %[[Q]], %{{.+}}
// CHECK:   fgla_tile.walk
// CHECK:     fgla_tile.load %{{.+}}[%[[B]], %{{.+}}, %[[H]], %{{.+}}]
// CHECK-NOT: fgla_tile.walk
// CHECK:     fgla_tile.load %arg0[%[[B]], %{{.+}}, %[[Q]], %{{.+}}]
// CHECK:     fgla_tile.store %{{.+}}, %{{.+}}[%[[B]], %{{.+}}, %[[Q]], %{{.+}}]
// CHECK:   %[[R:.+]] = arith.remui %[[Q]]
// CHECK:   %[[FIRST:.+]] = arith.cmpi eq, %[[R]]
// CHECK:   scf.if %[[FIRST]]
// CHECK:     fgla_tile.store %{{.+}}, %{{.+}}[%[[B]], %[[H]], %{{.+}}, %{{.+}}] dims [2, 3]
func.func @grouped(%q: tensor<?x?x8x16xbf16>, %k: tensor<?x?x2x16xbf16>, %v: tensor<?x?x2x16xbf16>)
    -> (tensor<?x?x8x16xbf16>, tensor<?x2x16x16xf32>) {
  %o, %s = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, segments = 1>}
    : (tensor<?x?x8x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x8x16xbf16>, tensor<?x2x16x16xf32>)
  return %o, %s : tensor<?x?x8x16xbf16>, tensor<?x2x16x16xf32>
}

// -----

// One token: no loop and no products of matrices. The state is read once, and the output is made of what is written.
// CHECK-LABEL: func.func private @one_kernel(
// CHECK: scf.forall (%[[B:.+]], %[[H:.+]]) in (%{{.+}}, 2)
// CHECK-NOT: fgla_tile.walk
// CHECK-NOT: fgla_tile.dot
// CHECK:   %[[S:.+]] = fgla_tile.load %{{.+}}[%[[B]], %[[H]], %c0, %c0] dims [2, 3] {{.*}} -> tensor<16x16xf32>
// CHECK:   %[[F:.+]] = fgla_tile.transpose %{{.+}} : tensor<1x16xf32> -> tensor<16x1xf32>
// CHECK:   %[[K:.+]] = fgla_tile.transpose
// CHECK:   %[[NEXT:.+]] = fgla_tile.map(%[[S]], %[[F]], %[[K]], %{{.+}}) : {{.*}} -> tensor<16x16xf32>
// CHECK:   %[[Q:.+]] = fgla_tile.transpose
// CHECK:   %[[READ:.+]] = fgla_tile.map(%[[NEXT]], %[[Q]])
// CHECK:   %[[Y:.+]] = fgla_tile.reduce add %[[READ]] dim 0
// CHECK:   fgla_tile.store %{{.+}}, %{{.+}}[%[[B]], %c0, %[[H]], %c0] dims [1, 3] : tensor<1x16xbf16>
// CHECK:   fgla_tile.store %[[NEXT]], %{{.+}}[%[[B]], %[[H]], %c0, %c0] dims [2, 3]
func.func @one(%q: tensor<?x1x2x16xbf16>, %k: tensor<?x1x2x16xbf16>, %v: tensor<?x1x2x16xbf16>, %f: tensor<?x1x2x16xbf16>,
               %s: tensor<?x2x16x16xf32>) -> (tensor<?x1x2x16xbf16>, tensor<?x2x16x16xf32>) {
  %o, %n = fgla.attention %q, %k, %v decay(%f) axis(key) state(%s) {fgla.schedule = #fgla.schedule<tile = 16, segments = 1>}
    : (tensor<?x1x2x16xbf16>, tensor<?x1x2x16xbf16>, tensor<?x1x2x16xbf16>, tensor<?x1x2x16xbf16>, tensor<?x2x16x16xf32>)
    -> (tensor<?x1x2x16xbf16>, tensor<?x2x16x16xf32>)
  return %o, %n : tensor<?x1x2x16xbf16>, tensor<?x2x16x16xf32>
}

// -----

// A head whose state fits no layout: a walk, of one turn.
// CHECK-LABEL: func.func private @odd_kernel(
// CHECK: fgla_tile.walk {{.*}} = %c0 to %c1 by 16
func.func @odd(%q: tensor<?x1x2x24xbf16>, %k: tensor<?x1x2x24xbf16>, %v: tensor<?x1x2x16xbf16>) -> tensor<?x1x2x16xbf16> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, segments = 1>}
    : (tensor<?x1x2x24xbf16>, tensor<?x1x2x24xbf16>, tensor<?x1x2x16xbf16>) -> (tensor<?x1x2x16xbf16>)
  return %o : tensor<?x1x2x16xbf16>
}
