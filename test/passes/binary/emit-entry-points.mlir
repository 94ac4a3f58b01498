// RUN: fgla-opt %s --fgla-emit-entry-points | FileCheck %s

// CHECK-NOT: fgla.manifest
module attributes {fgla.manifest = "{\22abi\22: 2, \22target\22: \22cpu\22, \22functions\22: [{\22name\22: \22f\22, \22entry\22: \22fgla_fn_f\22, \22shape\22: \22fgla_shape_f\22, \22args\22: [{\22name\22: \22x\22, \22dtype\22: \22f32\22, \22shape\22: [\22?\22, 4]}], \22results\22: [{\22name\22: \22y\22, \22dtype\22: \22f32\22, \22shape\22: [\22?\22, 4]}]}]}"} {
  // CHECK: llvm.func internal @_mlir_ciface_fgla.f
  llvm.func @_mlir_ciface_fgla.f(%x: !llvm.ptr, %y: !llvm.ptr) { llvm.return }
  // CHECK: llvm.func internal @_mlir_ciface_fgla.fgla_shapes_f
  llvm.func @_mlir_ciface_fgla.fgla_shapes_f(%x: !llvm.ptr, %dims: !llvm.ptr) { llvm.return }
  // CHECK: llvm.mlir.global internal @table
  llvm.mlir.global external @table(1 : i32) : i32
  // CHECK: llvm.func @free(!llvm.ptr)
  llvm.func @free(!llvm.ptr)
}
// CHECK: llvm.func @fgla_fn_f(%[[P:.+]]: !llvm.ptr) -> i32
// CHECK: %[[P0:.+]] = llvm.getelementptr %[[P]][0]
// CHECK: %[[X:.+]] = llvm.load %[[P0]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[P1:.+]] = llvm.getelementptr %[[P]][1]
// CHECK: %[[Y:.+]] = llvm.load %[[P1]] : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.call @_mlir_ciface_fgla.f(%[[X]], %[[Y]])
// CHECK: %[[OK:.+]] = llvm.mlir.constant(0 : i32)
// CHECK: llvm.return %[[OK]]

// CHECK: llvm.func @fgla_shape_f(%[[P:.+]]: !llvm.ptr, %[[DIMS:.+]]: !llvm.ptr)
// CHECK: llvm.insertvalue %[[DIMS]], %{{.+}}[1]
// CHECK: %[[TWO:.+]] = llvm.mlir.constant(2 : i64)
// CHECK: llvm.insertvalue %[[TWO]], %{{.+}}[3, 0]
// CHECK: llvm.call @_mlir_ciface_fgla.fgla_shapes_f(%{{.+}}, %{{.+}})

// CHECK: llvm.mlir.global external constant @fgla_manifest("{\22abi\22: 2, {{.*}}}]}\00")
