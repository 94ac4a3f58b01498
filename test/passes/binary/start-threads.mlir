// RUN: fgla-opt %s --fgla-start-threads --split-input-file | FileCheck %s

// An entry function starts the threads of its team first: as many as a team asks for, or as OpenMP's library would start.
// CHECK-LABEL: llvm.func @entry
// CHECK: %[[TEAM:.*]] = llvm.mlir.constant(7 : i32)
// CHECK: %[[FAILED:.*]] = llvm.call @fgla.threads.start(%[[TEAM]])
// CHECK: llvm.cond_br %[[FAILED]], ^[[FAILURE:.*]], ^[[REST:.*]]
// CHECK: ^[[REST]]:
// CHECK: llvm.call @parallel
// CHECK: ^[[FAILURE]]:
// CHECK: %[[STATUS:.*]] = llvm.mlir.constant(6 : i32)
// CHECK: llvm.return %[[STATUS]]
// CHECK-LABEL: llvm.func internal @parallel
// CHECK-NEXT: llvm.mlir.constant(7
// CHECK-LABEL: llvm.func internal @fgla.threads.try
// CHECK: llvm.call @pthread_create
// CHECK: llvm.call @pthread_join
// CHECK-LABEL: llvm.func internal @fgla.threads.start
// CHECK: %[[MOST:.*]] = llvm.call @omp_get_max_threads
// CHECK: llvm.intr.umax(%[[MOST]], %
// CHECK: omp.parallel num_threads
llvm.func @entry() -> i32 {
  llvm.call @parallel() : () -> ()
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}
llvm.func internal @parallel() {
  %count = llvm.mlir.constant(7 : i32) : i32
  omp.parallel num_threads(%count : i32) {
    omp.terminator
  }
  llvm.return
}

// -----

// Without parallel code there is nothing to start.
// CHECK-LABEL: llvm.func @plain
// CHECK-NEXT: llvm.mlir.constant
// CHECK-NEXT: llvm.return
// CHECK-NOT: threads
llvm.func @plain() -> i32 {
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}
