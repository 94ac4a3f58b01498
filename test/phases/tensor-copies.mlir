// Which loads are the copy engine's: tiles of 16-bit elements whose rows, in the array too, are lines of 128 bytes, on targets that have one.
// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=kernel -o - | FileCheck %s --check-prefix=ENGINE
// RUN: fgla-compile %s --target=sm_120a --segments=1 --compile-to=kernel -o - | FileCheck %s --check-prefix=ENGINE
// RUN: fgla-compile %s --target=sm_80 --segments=1 --compile-to=kernel -o - | FileCheck %s --check-prefix=THREADS
// RUN: fgla-compile %s --target=sm_89 --segments=1 --compile-to=kernel -o - | FileCheck %s --check-prefix=THREADS

// THREADS-NOT: cp.async.bulk
// THREADS: nvvm.cp.async.shared.global
// THREADS-NOT: cp.async.bulk

// Three arrays, a tensor map each, and no thread copies.
// ENGINE-LABEL: llvm.func @lines_kernel_0
// ENGINE-COUNT-3: nvvm.grid_constant
// ENGINE-NOT: nvvm.cp.async.shared.global
// ENGINE: nvvm.cp.async.bulk.tensor.shared.cluster.global
// ENGINE-NOT: nvvm.cp.async.shared.global
// ENGINE: nvvm.cp.async.bulk.tensor.shared.cluster.global
// ENGINE-NOT: nvvm.cp.async.shared.global
// ENGINE: nvvm.cp.async.bulk.tensor.shared.cluster.global
// ENGINE-NOT: nvvm.cp.async.shared.global
func.func @lines(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>, %v: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x128xbf16>)
  return %o : tensor<?x?x4x128xbf16>
}

// Rows of 96 values are a line and a half: threads copy them, beside the engine.
// ENGINE-LABEL: llvm.func @mixed_kernel_0
// ENGINE-COUNT-2: nvvm.grid_constant
// ENGINE-NOT: nvvm.grid_constant
// ENGINE-DAG: nvvm.cp.async.bulk.tensor.shared.cluster.global
// ENGINE-DAG: nvvm.cp.async.shared.global
func.func @mixed(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x4x64xbf16>, %v: tensor<?x?x4x96xbf16>) -> tensor<?x?x4x96xbf16> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x96xbf16>) -> (tensor<?x?x4x96xbf16>)
  return %o : tensor<?x?x4x96xbf16>
}

// Rows of 64 bytes.
// ENGINE-LABEL: llvm.func @short_rows_kernel_0
// ENGINE-NOT: cp.async.bulk
// ENGINE: nvvm.cp.async.shared.global
// ENGINE-NOT: cp.async.bulk
func.func @short_rows(%q: tensor<?x?x4x32xf16>, %k: tensor<?x?x4x32xf16>, %v: tensor<?x?x4x32xf16>) -> tensor<?x?x4x32xf16> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x4x32xf16>, tensor<?x?x4x32xf16>, tensor<?x?x4x32xf16>) -> (tensor<?x?x4x32xf16>)
  return %o : tensor<?x?x4x32xf16>
}

// f32.
// ENGINE-LABEL: llvm.func @wide_kernel_0
// ENGINE-NOT: cp.async.bulk
// ENGINE: nvvm.cp.async.shared.global
// ENGINE-NOT: cp.async.bulk
func.func @wide(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) -> (tensor<?x?x4x64xf32>)
  return %o : tensor<?x?x4x64xf32>
}
