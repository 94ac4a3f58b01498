// RUN: fgla-opt %s --fgla-emit-entry-points | FileCheck %s

// The services come last, in the call and in what it calls; the shape function has none.
module attributes {fgla.manifest = "{\22abi\22: 2, \22target\22: \22sm_80\22, \22functions\22: [{\22name\22: \22f\22, \22entry\22: \22fgla_fn_f\22, \22shape\22: \22fgla_shape_f\22, \22args\22: [{\22name\22: \22x\22, \22dtype\22: \22f32\22, \22shape\22: [4]}], \22results\22: []}]}"} {
  llvm.func @_mlir_ciface_fgla.f(%x: !llvm.ptr, %services: !llvm.ptr) { llvm.return }
  llvm.func @_mlir_ciface_fgla.fgla_shapes_f(%x: !llvm.ptr, %dims: !llvm.ptr) { llvm.return }
}
// CHECK: llvm.func @fgla_fn_f(%[[P:.+]]: !llvm.ptr, %[[SERVICES:.+]]: !llvm.ptr) -> i32
// CHECK: %[[X:.+]] = llvm.load
// CHECK-NOT: llvm.load
// CHECK: llvm.call @_mlir_ciface_fgla.f(%[[X]], %[[SERVICES]])
// CHECK: llvm.func @fgla_shape_f(%{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr)
