// RUN: fgla-compile %s --target=sm_90a --segments=1 --schedule=cluster=2 --compile-to=kernel -o - | FileCheck %s
// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=kernel -o - | FileCheck %s --check-prefix=ALONE

// Blocks that read each other's memory: they meet when barriers are there, and before one ends. What a role writes for others it says in all blocks, after
// a fence; who has waited for that has a fence in front of the first read. What an instance waits for, it waits for when the turn's memory was free: else it
// may take the turn before for its own.
// CHECK-LABEL: llvm.func @f_kernel_0
// CHECK-SAME: nvvm.cluster_dim = array<i32: 2, 1, 1>
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.cluster.arrive
// CHECK-NEXT: nvvm.cluster.wait
// CHECK-NOT: nvvm.barrier0
// Elementwise: four instances start together, then wait for the turn, then for the copies.
// CHECK: llvm.nvvm.barrier.cta.sync.aligned.count
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.mbarrier.try_wait
// Matrix.
// CHECK: nvvm.mma.sync
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.fence.sync_restrict {order = #nvvm.mem_order<release>}
// CHECK: nvvm.mbarrier.arrive {{.*}}relaxed = true, scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>
// Epilogue.
// CHECK: nvvm.mbarrier.try_wait {{.*}}relaxed = true, scope = #nvvm.mem_scope<cluster>}
// CHECK: nvvm.fence.sync_restrict {order = #nvvm.mem_order<acquire>}
// CHECK: nvvm.mapa
// CHECK: nvvm.mapa
// CHECK: llvm.load {{.*}} : !llvm.ptr<7> -> vector<4xi32>
// CHECK: llvm.load {{.*}} : !llvm.ptr<7> -> vector<4xi32>
// What was only read needs no fence.
// CHECK-NOT: nvvm.fence.sync_restrict
// CHECK: nvvm.mbarrier.arrive {{.*}}relaxed = true, scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>
// CHECK: nvvm.cluster.arrive
// CHECK-NEXT: nvvm.cluster.wait
// CHECK: llvm.return

// ALONE-NOT: cluster_dim
// ALONE-NOT: nvvm.mapa
func.func @f(%q: tensor<?x?x4x128xbf16>, %k: tensor<?x?x4x128xbf16>, %v: tensor<?x?x4x128xbf16>, %f: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>) -> (tensor<?x?x4x128xbf16>)
  return %o : tensor<?x?x4x128xbf16>
}
