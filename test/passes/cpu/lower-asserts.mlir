// RUN: fgla-opt %s --fgla-lower-asserts --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-DAG: llvm.mlir.global internal constant @fgla_message_0("too large\00")
// CHECK-DAG: llvm.mlir.global internal constant @fgla_message_1("too small\00")
// CHECK-LABEL: func.func @two
// CHECK-SAME: (%[[LOW:.*]]: i1, %[[HIGH:.*]]: i1, %{{.*}}: memref<4xf32>, %[[FAILURE:.*]]: !llvm.ptr)
// CHECK: %[[TEXT:.*]] = llvm.getelementptr
// CHECK: %[[BEFORE:.*]] = llvm.load %[[FAILURE]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[AFTER:.*]] = arith.select %[[LOW]], %[[BEFORE]], %[[TEXT]] : !llvm.ptr
// CHECK: llvm.store %[[AFTER]], %[[FAILURE]]
// CHECK: arith.select %[[HIGH]]
// CHECK-NOT: cf.assert
func.func @two(%low: i1, %high: i1, %result: memref<4xf32>) {
  cf.assert %low, "too large"
  cf.assert %high, "too small"
  return
}

// CHECK-LABEL: func.func @none
// CHECK-SAME: (%{{.*}}: memref<4xf32>)
func.func @none(%result: memref<4xf32>) {
  return
}

// -----

func.func private @inner(%low: i1) {
  // expected-error@+1 {{'cf.assert' op must be in an entry function, whose call can fail}}
  cf.assert %low, "too large"
  return
}
