// Stock mlir-opt knows our dialects and passes through the plugin.
// UNSUPPORTED: sanitizer
// REQUIRES: fgla-plugin
// RUN: mlir-opt --load-dialect-plugin=%fgla_plugin %s | FileCheck %s --check-prefix=PARSE
// RUN: mlir-opt --load-dialect-plugin=%fgla_plugin --load-pass-plugin=%fgla_plugin %s --pass-pipeline='builtin.module(fgla-phase-graph,fgla-phase-reference)' | FileCheck %s
// RUN: not mlir-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT
// PARSE: fgla.feature_map relu
// CHECK-NOT: fgla.feature_map
// CHECK: arith.select
// WITHOUT: Dialect `fgla' not found
func.func @f(%x: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %y = fgla.feature_map relu %x : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  return %y : tensor<?x?x2x16xf32>
}
