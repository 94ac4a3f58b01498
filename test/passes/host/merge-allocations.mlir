// RUN: fgla-opt %s --pass-pipeline='builtin.module(func.func(fgla-merge-allocations),canonicalize,cse)' | FileCheck %s

func.func private @use(memref<?x128xf32>, memref<?x3xbf16>, memref<10xf32>)
func.func private @use_one(memref<?x128xf32>)

// Three in one: the sizes that are not multiples of 256 bytes are filled up; released with the last.
// CHECK-LABEL: func.func @together
// CHECK-SAME: (%[[N:.+]]: index)
// CHECK-DAG: %[[ZERO:.+]] = arith.constant 0 : index
// CHECK-DAG: %[[SIX:.+]] = arith.constant 6 : index
// CHECK-DAG: %[[LESS:.+]] = arith.constant 255 : index
// CHECK-DAG: %[[MASK:.+]] = arith.constant -256 : index
// CHECK-DAG: %[[ROW:.+]] = arith.constant 512 : index
// CHECK-DAG: %[[FIXED:.+]] = arith.constant 256 : index
// CHECK: %[[BYTES0:.+]] = arith.muli %[[N]], %[[ROW]]
// CHECK: %[[BYTES1:.+]] = arith.muli %[[N]], %[[SIX]]
// CHECK: %[[MORE1:.+]] = arith.addi %[[BYTES1]], %[[LESS]]
// CHECK: %[[FULL1:.+]] = arith.andi %[[MORE1]], %[[MASK]]
// CHECK: %[[END1:.+]] = arith.addi %[[BYTES0]], %[[FULL1]]
// CHECK: %[[END:.+]] = arith.addi %[[END1]], %[[FIXED]]
// CHECK: %[[MEMORY:.+]] = memref.alloc(%[[END]]) {alignment = 256 : i64} : memref<?xi8>
// CHECK-NOT: memref.alloc
// CHECK-DAG: %[[A:.+]] = memref.view %[[MEMORY]][%[[ZERO]]][%[[N]]] : memref<?xi8> to memref<?x128xf32>
// CHECK-DAG: %[[B:.+]] = memref.view %[[MEMORY]][%[[BYTES0]]][%[[N]]] : memref<?xi8> to memref<?x3xbf16>
// CHECK-DAG: %[[C:.+]] = memref.view %[[MEMORY]][%[[END1]]][] : memref<?xi8> to memref<10xf32>
// CHECK: call @use(%[[A]], %[[B]], %[[C]])
// CHECK-NOT: dealloc
// CHECK: call @use_one(%[[A]])
// CHECK-NEXT: memref.dealloc %[[MEMORY]]
// CHECK-NEXT: return
func.func @together(%n: index) {
  %a = memref.alloc(%n) : memref<?x128xf32>
  %b = memref.alloc(%n) : memref<?x3xbf16>
  %c = memref.alloc() : memref<10xf32>
  call @use(%a, %b, %c) : (memref<?x128xf32>, memref<?x3xbf16>, memref<10xf32>) -> ()
  memref.dealloc %b : memref<?x3xbf16>
  memref.dealloc %c : memref<10xf32>
  call @use_one(%a) : (memref<?x128xf32>) -> ()
  memref.dealloc %a : memref<?x128xf32>
  return
}

// What is allocated after a release is not alive with what was released: it would only take more memory.
// CHECK-LABEL: func.func @one_after_the_other
// CHECK: memref.alloc(%{{.+}}) : memref<?x128xf32>
// CHECK: memref.dealloc
// CHECK: memref.alloc(%{{.+}}) : memref<?x128xf32>
// CHECK: memref.dealloc
func.func @one_after_the_other(%n: index) {
  %a = memref.alloc(%n) : memref<?x128xf32>
  call @use_one(%a) : (memref<?x128xf32>) -> ()
  memref.dealloc %a : memref<?x128xf32>
  %b = memref.alloc(%n) : memref<?x128xf32>
  call @use_one(%b) : (memref<?x128xf32>) -> ()
  memref.dealloc %b : memref<?x128xf32>
  return
}

// A size that is known later.
// CHECK-LABEL: func.func @known_later
// CHECK-COUNT-2: memref.alloc(%{{.+}}) : memref<?x128xf32>
func.func @known_later(%n: index) {
  %a = memref.alloc(%n) : memref<?x128xf32>
  call @use_one(%a) : (memref<?x128xf32>) -> ()
  %m = fgla_tile.workers : index
  %b = memref.alloc(%m) : memref<?x128xf32>
  call @use_one(%b) : (memref<?x128xf32>) -> ()
  memref.dealloc %a : memref<?x128xf32>
  memref.dealloc %b : memref<?x128xf32>
  return
}

// Released in another block, or not here.
// CHECK-LABEL: func.func @left_alone
// CHECK-COUNT-3: memref.alloc(%{{.+}}) : memref<?x128xf32>
func.func @left_alone(%n: index, %condition: i1) -> memref<?x128xf32> {
  %a = memref.alloc(%n) : memref<?x128xf32>
  %b = memref.alloc(%n) : memref<?x128xf32>
  %c = memref.alloc(%n) : memref<?x128xf32>
  call @use_one(%a) : (memref<?x128xf32>) -> ()
  call @use_one(%b) : (memref<?x128xf32>) -> ()
  scf.if %condition {
    memref.dealloc %b : memref<?x128xf32>
  }
  memref.dealloc %a : memref<?x128xf32>
  return %c : memref<?x128xf32>
}
