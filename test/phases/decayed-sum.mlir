// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=layout | FileCheck %s

// f32 values come from their channel as they are: a map reads them, so that what is added up has one layout.
// CHECK: %[[VALUES:.+]] = fgla_warp.get %{{.+}} -> tensor<16x64xf32>
// CHECK: %[[READ:.+]] = fgla_tile.map(%[[VALUES]]) : (tensor<16x64xf32>) -> tensor<16x64xf32, [[COLUMNS:#columns[0-9]*]]> {
// CHECK: fgla_tile.decayed_sum %{{.+}}, %[[READ]], %{{.+}} : tensor<16x16xf32, {{.+}}>, tensor<16x64xf32, [[COLUMNS]]>
func.func @f(%q: tensor<?x?x2x64xf32>, %v: tensor<?x?x2x64xf32>, %d: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
  %o = fgla.attention %q, %q, %v decay(%d) axis(value)
    : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
  return %o : tensor<?x?x2x64xf32>
}
