// RUN: fgla-compile %s --target=sm_90a --segments=1 --schedule=cluster=2 --compile-to=roles -o - | FileCheck %s

// What a program gives to the others of its cluster is one role's, what is made of theirs another's: it goes through memory in between. Outputs cross as
// bf16 and are exchanged so; of half the rows, two instances have two warps each.
// CHECK-LABEL: func.func private @f_kernel(
// CHECK-DAG: %[[OUTPUT:.+]] = fgla_warp.channel reuses(%{{.+}}) : <tensor<16x128xbf16>>
// CHECK: fgla_warp.role "load" warps(1)
// CHECK: fgla_warp.role "rows.0" warps(1) instances(1)
// CHECK:   fgla_tile.reduce max
// CHECK:   fgla_warp.put %{{.+}}, %[[KEYS:.+]][%{{.+}}]
// CHECK:   fgla_tile.reduce max
// CHECK:   fgla_warp.put %{{.+}}, %[[QUERIES:.+]][%{{.+}}]
// CHECK: fgla_warp.role "rows.1"
// CHECK:   %[[GOT:.+]] = fgla_warp.get %[[KEYS]][%{{.+}}]
// CHECK:   fgla_tile.gather %[[GOT]]
// CHECK:   fgla_tile.scan max
// CHECK: fgla_warp.role "rows.2"
// CHECK:   %[[GOT:.+]] = fgla_warp.get %[[QUERIES]][%{{.+}}]
// CHECK:   fgla_tile.gather %[[GOT]]
// CHECK: fgla_warp.role "elementwise" warps(1) instances(8)
// CHECK: fgla_warp.role "matrix" warps(4) instances(1)
// CHECK:   fgla_warp.put %{{.+}}, %[[OUTPUT]][%{{.+}}]
// CHECK: fgla_warp.role "epilogue" warps(2) instances(2)
// CHECK:   %[[WHOLE:.+]] = fgla_warp.get %[[OUTPUT]][%{{.+}}] : <tensor<16x128xbf16>> -> tensor<16x128xbf16>
// CHECK:   fgla_tile.exchange %[[WHOLE]] rank(%{{.+}}) : tensor<16x128xbf16> -> tensor<8x128xbf16>, tensor<8x128xbf16>
// CHECK:   fgla_tile.store
// CHECK:   fgla_warp.release
func.func @f(%zq: tensor<?x?x4x128xbf16>, %zk: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x128xbf16>, %f: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %q = fgla.feature_map safe_exp %zq : tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  %o = fgla.attention %q, %zk, %v decay(%f) axis(key) stabilizer(running) : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x128xbf16>)
  return %o : tensor<?x?x4x128xbf16>
}
