// RUN: fgla-opt %s --fgla-threads-to-openmp --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: llvm.func @omp_get_thread_num() -> i32
// CHECK-LABEL: func.func @team
func.func @team(%x: memref<?xf32>, %v: f32) {
  // CHECK: %[[N:.*]] = arith.constant 12 : i32
  // CHECK: omp.parallel num_threads(%[[N]] : i32) {
  // CHECK-NEXT: %[[I32:.*]] = llvm.call @omp_get_thread_num() : () -> i32
  // CHECK-NEXT: %[[I:.*]] = arith.index_cast %[[I32]] : i32 to index
  // CHECK-NEXT: memref.store %{{.*}}, %{{.*}}[%[[I]]]
  // CHECK-NEXT: omp.terminator
  scf.forall (%i) in (12) {
    memref.store %v, %x[%i] : memref<?xf32>
  } {fgla.threads}
  // Other loops are shared out as OpenMP likes.
  // CHECK: scf.forall
  scf.forall (%i) in (12) {
    memref.store %v, %x[%i] : memref<?xf32>
  }
  return
}

// -----

func.func @unknown(%n: index) {
  // expected-error @+1 {{must count a known number of threads from 0}}
  scf.forall (%i) in (%n) {
  } {fgla.threads}
  return
}
