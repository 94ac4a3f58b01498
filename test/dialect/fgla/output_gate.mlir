// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @output_gate
func.func @output_gate(%x: tensor<?x?x4x64xf32>, %z: tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32> {
  // CHECK: fgla.output_gate %{{.*}}, %{{.*}} : tensor<?x?x4x64xf32>
  %y = fgla.output_gate %x, %z : tensor<?x?x4x64xf32>
  return %y : tensor<?x?x4x64xf32>
}
