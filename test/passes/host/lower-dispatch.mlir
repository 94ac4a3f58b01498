// RUN: fgla-opt %s --fgla-lower-dispatch --canonicalize --cse | FileCheck %s

gpu.module @code {
  llvm.func @helper() { llvm.return }
  llvm.func @first() attributes {nvvm.kernel} { llvm.return }
  llvm.func @second(%x: !llvm.ptr<1>, %n: i64, %a: f32) attributes {nvvm.kernel} { llvm.return }
}

// Values are passed by pointers to them, memory by its address; the kernel by its place in the list.
// CHECK-LABEL: func.func @dispatch
// CHECK-SAME: (%[[X:.+]]: memref<?xf32>, %[[N:.+]]: index, %[[A:.+]]: f32, %[[SERVICES:.+]]: !llvm.ptr)
// CHECK-DAG: %[[KERNEL:.+]] = llvm.mlir.constant(1 : i64)
// CHECK-DAG: %[[SIZE:.+]] = builtin.unrealized_conversion_cast %[[N]] : index to i64
// CHECK-DAG: %[[POINTER:.+]] = llvm.extractvalue %{{.+}}[1]
// CHECK: llvm.store %[[POINTER]], %[[P0:.+]] :
// CHECK: llvm.store %[[P0]], %[[ARGS:.+]] :
// CHECK: llvm.store %[[SIZE]], %[[P1:.+]] :
// CHECK: %[[SLOT1:.+]] = llvm.getelementptr %[[ARGS]][1]
// CHECK: llvm.store %[[P1]], %[[SLOT1]]
// CHECK: llvm.store %[[A]], %[[P2:.+]] :
// CHECK: %[[SLOT2:.+]] = llvm.getelementptr %[[ARGS]][2]
// CHECK: llvm.store %[[P2]], %[[SLOT2]]
// CHECK: %[[LAUNCH:.+]] = llvm.load %[[SERVICES]]
// CHECK: llvm.call %[[LAUNCH]](%[[SERVICES]], %[[KERNEL]], %[[SIZE]], %[[SIZE]], %[[SIZE]], %[[ARGS]]) : !llvm.ptr, (!llvm.ptr, i64, i64, i64, i64, !llvm.ptr) -> ()
func.func @dispatch(%x: memref<?xf32>, %n: index, %a: f32) {
  fgla_warp.dispatch @code::@second grid(%n, %n, %n) args(%x, %n, %a : memref<?xf32>, index, f32)
  return
}

// The stack does not grow with a loop.
// CHECK-LABEL: func.func @loop
// CHECK: llvm.alloca
// CHECK: scf.for
// CHECK-NOT: llvm.alloca
// CHECK: llvm.call
// CHECK: return
func.func @loop(%n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    fgla_warp.dispatch @code::@second grid(%i, %one, %one) args(%i, %i, %i : index, index, index)
  }
  return
}

// CHECK-LABEL: func.func @memory
// CHECK-SAME: %[[SERVICES:[^ ]+]]: !llvm.ptr)
// CHECK: %[[BYTES:.+]] = llvm.ptrtoint
// CHECK: %[[ALLOCATE_AT:.+]] = llvm.getelementptr %[[SERVICES]][1]
// CHECK: %[[ALLOCATE:.+]] = llvm.load %[[ALLOCATE_AT]]
// CHECK: %[[MEMORY:.+]] = llvm.call %[[ALLOCATE]](%[[SERVICES]], %[[BYTES]]) : !llvm.ptr, (!llvm.ptr, i64) -> !llvm.ptr
// CHECK: %[[COPY_AT:.+]] = llvm.getelementptr %[[SERVICES]][3]
// CHECK: %[[COPY:.+]] = llvm.load %[[COPY_AT]]
// CHECK: llvm.call %[[COPY]](%[[SERVICES]], %[[MEMORY]], %{{.+}}, %{{.+}})
// CHECK: %[[RELEASE_AT:.+]] = llvm.getelementptr %[[SERVICES]][2]
// CHECK: %[[RELEASE:.+]] = llvm.load %[[RELEASE_AT]]
// CHECK: llvm.call %[[RELEASE]](%[[SERVICES]], %[[MEMORY]])
func.func @memory(%x: memref<?x4xf32>) {
  %zero = arith.constant 0 : index
  %n = memref.dim %x, %zero : memref<?x4xf32>
  %y = memref.alloc(%n) : memref<?x4xf32>
  memref.copy %x, %y : memref<?x4xf32> to memref<?x4xf32>
  memref.dealloc %y : memref<?x4xf32>
  return
}

// CHECK-LABEL: func.func @calls
// CHECK-SAME: %[[SERVICES:[^ ]+]]: !llvm.ptr) -> index
// CHECK: %[[WORKERS_AT:.+]] = llvm.getelementptr %[[SERVICES]][4]
// CHECK: %[[WORKERS:.+]] = llvm.load %[[WORKERS_AT]]
// CHECK: llvm.call %[[WORKERS]](%[[SERVICES]]) : !llvm.ptr, (!llvm.ptr) -> i64
// CHECK: call @dispatch({{.+}}, %[[SERVICES]])
func.func @calls(%x: memref<?xf32>, %a: f32) -> index {
  %n = fgla_tile.workers : index
  call @dispatch(%x, %n, %a) : (memref<?xf32>, index, f32) -> ()
  return %n : index
}

// An array's address, its sizes and what one copy moves; the map is passed as it is.
// CHECK-LABEL: func.func @map
// CHECK-SAME: %[[SERVICES:[^ ]+]]: !llvm.ptr)
// CHECK-DAG: %[[MAP:.+]] = llvm.alloca %{{.+}} x i8 {alignment = 64 : i64}
// CHECK-DAG: %[[TWO:.+]] = llvm.mlir.constant(2 : i64)
// CHECK-DAG: %[[FOUR:.+]] = llvm.mlir.constant(4 : i64)
// CHECK-DAG: %[[POINTER:.+]] = llvm.extractvalue %{{.+}}[1]
// CHECK: %[[DESCRIBE_AT:.+]] = llvm.getelementptr %[[SERVICES]][5]
// CHECK: %[[DESCRIBE:.+]] = llvm.load %[[DESCRIBE_AT]]
// CHECK: llvm.call %[[DESCRIBE]](%[[SERVICES]], %[[MAP]], %[[POINTER]], %[[TWO]], %[[FOUR]], %{{.+}}, %{{.+}})
// CHECK: llvm.store %[[MAP]], %[[ARGS:.+]] :
// CHECK: llvm.call %{{.+}}, %[[ARGS]])
func.func @map(%x: memref<?x?x4x128xbf16>, %n: index) {
  %m = fgla_warp.tensor_map %x box [1, 16, 1, 128] : memref<?x?x4x128xbf16> -> !fgla_warp.tensor_map
  fgla_warp.dispatch @code::@second grid(%n, %n, %n) args(%m, %n, %n : !fgla_warp.tensor_map, index, index)
  return
}

// What gives shapes runs without a device.
// CHECK-LABEL: func.func @shapes
// CHECK-SAME: (%{{.+}}: memref<?xindex>) attributes
func.func @shapes(%x: memref<?xindex>) attributes {fgla.shape_function} {
  return
}
