// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --mlir-print-op-generic | fgla-opt | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK-LABEL: func.func @rms
func.func @rms(%x: tensor<?x?x4x64xf32>, %w: tensor<64xf32>) -> tensor<?x?x4x64xf32> {
  // CHECK: fgla.norm rms %{{.*}} weight(%{{.*}} : tensor<64xf32>) : tensor<?x?x4x64xf32>
  %y = fgla.norm rms %x weight(%w : tensor<64xf32>) eps(1.0e-5) : tensor<?x?x4x64xf32>
  return %y : tensor<?x?x4x64xf32>
}

// CHECK-LABEL: func.func @layer
func.func @layer(%x: tensor<2x?x4x64xbf16>, %w: tensor<4x64xbf16>, %b: tensor<4x64xbf16>) -> tensor<2x?x4x64xbf16> {
  // CHECK: fgla.norm layer %{{.*}} weight(%{{.*}} : tensor<4x64xbf16>) bias(%{{.*}} : tensor<4x64xbf16>) eps(1.0e-6) : tensor<2x?x4x64xbf16>
  %y = fgla.norm layer %x weight(%w : tensor<4x64xbf16>) bias(%b : tensor<4x64xbf16>) eps(1.0e-6) : tensor<2x?x4x64xbf16>
  return %y : tensor<2x?x4x64xbf16>
}

// Numbers print as the shortest decimal that reads back the same.
// CHECK-LABEL: func.func @numbers
func.func @numbers(%x: tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32> {
  // CHECK-NEXT: eps(0.0)
  %0 = fgla.norm rms %x eps(0.0) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: eps(0.3)
  %1 = fgla.norm rms %0 eps(3.0e-1) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: eps(0.30000000000000004)
  %2 = fgla.norm rms %1 eps(0.30000000000000004) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: eps(1.0e+100)
  %3 = fgla.norm rms %2 eps(1.0e100) : tensor<?x?x4x64xf32>
  // CHECK-NEXT: eps(12.5)
  %4 = fgla.norm rms %3 eps(12.5) : tensor<?x?x4x64xf32>
  return %4 : tensor<?x?x4x64xf32>
}
