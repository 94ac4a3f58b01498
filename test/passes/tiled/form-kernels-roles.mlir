// Kernels that are to be split into roles.
// RUN: fgla-opt %s --fgla-form-kernels=roles --canonicalize --cse -split-input-file | FileCheck %s

// A program for each query head; the first of a group stores the state of its key/value head.
// CHECK-LABEL: func.func private @grouped_kernel(
// CHECK: scf.forall (%[[B:.+]], %[[Q:.+]]) in (%{{.+}}, 8)
// CHECK:   %[[H:.+]] = arith.divui %[[Q]], %{{.+}}
// CHECK:   scf.for
// CHECK:     fgla_tile.load %{{.+}}[%[[B]], %{{.+}}, %[[H]], %{{.+}}]
// CHECK-NOT: scf.for
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

// One token: the loop over tiles stays one.
// CHECK-LABEL: func.func private @one_kernel(
// CHECK: %[[T:.+]] = fgla_tile.keep %c1 : index
// CHECK: scf.for %{{.+}} = %{{.+}} to %[[T]]
func.func @one(%q: tensor<?x1x2x16xbf16>, %k: tensor<?x1x2x16xbf16>, %v: tensor<?x1x2x16xbf16>) -> tensor<?x1x2x16xbf16> {
  %o = fgla.attention %q, %k, %v {fgla.schedule = #fgla.schedule<tile = 16, segments = 1>}
    : (tensor<?x1x2x16xbf16>, tensor<?x1x2x16xbf16>, tensor<?x1x2x16xbf16>) -> (tensor<?x1x2x16xbf16>)
  return %o : tensor<?x1x2x16xbf16>
}
