// RUN: fgla-opt %s --fgla-check-allocations --split-input-file --verify-diagnostics | FileCheck %s

llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)

// What does not allocate stays as it is.
// CHECK-LABEL: llvm.func internal @plain(%{{.*}}: !llvm.ptr) {
// CHECK-NOT: fgla.list
llvm.func internal @plain(%x: !llvm.ptr) {
  llvm.return
}

// The list comes last. A call can fail as an allocation does.
// CHECK-LABEL: llvm.func internal @inner
// CHECK-SAME: (%{{.*}}: !llvm.ptr, %[[SIZE:.*]]: i64, %[[LIST:.*]]: !llvm.ptr) -> i1
// CHECK: %[[MEMORY:.*]] = llvm.call @fgla.list.allocate(%[[LIST]], %[[SIZE]])
// CHECK: %[[FAILED:.*]] = llvm.icmp "eq" %[[MEMORY]]
// CHECK: llvm.cond_br %[[FAILED]], ^[[FAILURE:.*]], ^[[REST:.*]]
// CHECK: ^[[REST]]:
// CHECK: llvm.call @plain
// CHECK: llvm.call @fgla.list.release(%[[MEMORY]])
// CHECK: %[[FALSE:.*]] = llvm.mlir.constant(false)
// CHECK: llvm.return %[[FALSE]]
// CHECK: ^[[FAILURE]]:
// CHECK: %[[TRUE:.*]] = llvm.mlir.constant(true)
// CHECK: llvm.return %[[TRUE]]
llvm.func internal @inner(%x: !llvm.ptr, %size: i64) {
  %memory = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
  llvm.call @plain(%memory) : (!llvm.ptr) -> ()
  llvm.call @free(%memory) : (!llvm.ptr) -> ()
  llvm.return
}

// Each thread has a list. A turn that fails says so to all, and ends.
// CHECK-LABEL: llvm.func internal @parallel
// CHECK-SAME: %[[LIST:.*]]: !llvm.ptr) -> i1
// CHECK: %[[FLAG:.*]] = llvm.alloca %{{.*}} x i8
// CHECK: omp.parallel {
// CHECK:   %[[MINE:.*]] = llvm.alloca %{{.*}} x !llvm.ptr
// CHECK:   llvm.call @fgla.list.begin(%[[MINE]])
// CHECK:   omp.loop_nest
// CHECK:     %[[VALUE:.*]] = llvm.load %[[FLAG]] atomic monotonic
// CHECK:     %[[SET:.*]] = llvm.icmp "ne" %[[VALUE]]
// CHECK:     llvm.cond_br %[[SET]], ^[[FAILURE:.*]], ^[[TURN:.*]]
// CHECK:   ^[[TURN]]:
// CHECK:     llvm.call @fgla.list.allocate(%[[MINE]], %{{.*}})
// CHECK:     llvm.cond_br %{{.*}}, ^[[FAILURE]], ^
// CHECK:     %[[INNER:.*]] = llvm.call @inner(%{{.*}}, %{{.*}}, %[[MINE]])
// CHECK:     llvm.cond_br %[[INNER]], ^[[FAILURE]], ^
// CHECK:     llvm.call @fgla.list.release
// CHECK:     llvm.br ^[[EXIT:.*]]
// CHECK:   ^[[FAILURE]]:
// CHECK:     llvm.atomicrmw _or %[[FLAG]]
// CHECK:     llvm.br ^[[EXIT]]
// CHECK:   ^[[EXIT]]:
// CHECK:     omp.yield
// CHECK:   llvm.call @fgla.list.end(%[[MINE]])
// CHECK:   omp.terminator
// CHECK: llvm.load %[[FLAG]] atomic monotonic
// CHECK: llvm.cond_br
llvm.func internal @parallel(%size: i64) {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : i64 = (%zero) to (%size) step (%one) {
        %memory = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
        llvm.call @inner(%memory, %size) : (!llvm.ptr, i64) -> ()
        llvm.call @free(%memory) : (!llvm.ptr) -> ()
        omp.yield
      }
    }
    omp.terminator
  }
  llvm.return
}

// An entry function owns the list.
// CHECK-LABEL: llvm.func @entry
// CHECK-SAME: (%{{.*}}: i64) -> i32
// CHECK: %[[LIST:.*]] = llvm.alloca
// CHECK: llvm.call @fgla.list.begin(%[[LIST]])
// CHECK: %[[FAILED:.*]] = llvm.call @parallel(%{{.*}}, %[[LIST]])
// CHECK: llvm.cond_br %[[FAILED]], ^[[FAILURE:.*]], ^[[REST:.*]]
// CHECK: ^[[REST]]:
// CHECK: llvm.mlir.constant(0 : i32)
// CHECK: ^[[FAILURE]]:
// CHECK: llvm.call @fgla.list.end(%[[LIST]])
// CHECK: %[[STATUS:.*]] = llvm.mlir.constant(6 : i32)
// CHECK: llvm.return %[[STATUS]]
llvm.func @entry(%size: i64) -> i32 {
  llvm.call @parallel(%size) : (i64) -> ()
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}

// Where sums and products overflow, the size is as large as can be.
// CHECK-LABEL: llvm.func @sizes
// CHECK: llvm.intr.umul.with.overflow
// CHECK: %[[COUNT:.*]] = llvm.select
// CHECK: %[[BYTES:.*]] = "llvm.intr.umul.with.overflow"(%[[COUNT]]
// CHECK: %[[ALL:.*]] = llvm.intr.uadd.sat
// CHECK: llvm.call @fgla.list.allocate(%{{.*}}, %[[ALL]])
llvm.func @sizes(%m: i64, %n: i64) -> i32 {
  %align = llvm.mlir.constant(64 : i64) : i64
  %null = llvm.mlir.zero : !llvm.ptr
  %count = llvm.mul %m, %n : i64
  %end = llvm.getelementptr %null[%count] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %bytes = llvm.ptrtoint %end : !llvm.ptr to i64
  %all = llvm.add %bytes, %align : i64
  %memory = llvm.call @malloc(%all) : (i64) -> !llvm.ptr
  llvm.call @free(%memory) : (!llvm.ptr) -> ()
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}

// A thread of a team goes on, with memory that all such threads share.
// CHECK-LABEL: llvm.func @team
// CHECK: %[[BLOCK:.*]] = llvm.call @fgla.list.allocate
// CHECK: llvm.call @fgla.list.begin(%[[BLOCK]])
// CHECK: %[[SPARE:.*]] = llvm.getelementptr %[[BLOCK]][16]
// CHECK: omp.parallel {
// CHECK:   %[[MEMORY:.*]] = llvm.call @fgla.list.allocate
// CHECK:   %[[FAILED:.*]] = llvm.icmp "eq" %[[MEMORY]]
// CHECK:   llvm.atomicrmw _or
// CHECK:   %[[USED:.*]] = llvm.select %[[FAILED]], %[[SPARE]], %[[MEMORY]]
// CHECK:   llvm.call @plain(%[[USED]])
// CHECK: llvm.call @fgla.list.release(%[[BLOCK]])
llvm.func @team(%size: i64) -> i32 {
  omp.parallel {
    %memory = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
    llvm.call @plain(%memory) : (!llvm.ptr) -> ()
    llvm.call @free(%memory) : (!llvm.ptr) -> ()
    omp.terminator
  }
  %ok = llvm.mlir.constant(0 : i32) : i32
  llvm.return %ok : i32
}

// -----

llvm.func @malloc(i64) -> !llvm.ptr

llvm.func @inside(%size: !llvm.ptr) {
  omp.parallel {
    %bytes = llvm.load %size : !llvm.ptr -> i64
    // expected-error@+1 {{must allocate a number of bytes that is known outside of its team}}
    %memory = llvm.call @malloc(%bytes) : (i64) -> !llvm.ptr
    omp.terminator
  }
  llvm.return
}

// -----

llvm.func @malloc(i64) -> !llvm.ptr

// expected-error@+1 {{must have no result to return whether it had memory}}
llvm.func internal @gives(%size: i64) -> !llvm.ptr {
  %memory = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
  llvm.return %memory : !llvm.ptr
}
