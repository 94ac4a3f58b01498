// The diagonal block: from the middle of the tile, from those of its halves, or by levels.
// RUN: fgla-compile %s --target=sm_90a --segments=1 --compile-to=kernel -o - | FileCheck %s

// All threads know whether the tile's middle will do. Where it does not, X is computed again for each half: its first
// value, and one over its last, of two columns; and it is seen whether that will do. One product is eight instructions.
// CHECK: nvvm.vote.sync any
// CHECK: llvm.cond_br
// CHECK-COUNT-8: nvvm.rcp.approx
// CHECK-NOT: nvvm.rcp.approx
// Queries and keys of any size: 16 rows of two columns of each are looked at.
// CHECK-COUNT-64: llvm.intr.fabs
// CHECK: %[[EXACT:.*]] = nvvm.vote.sync any
// CHECK: llvm.br
// CHECK-COUNT-4: nvvm.rcp.approx
// CHECK-NOT: nvvm.rcp.approx
// By levels: five products.
// CHECK: llvm.cond_br
// CHECK: has_side_effects asm_dialect = att "mov.b32
// CHECK-COUNT-40: nvvm.mma.sync
// CHECK-NOT: {{nvvm.mma.sync|llvm.cond_br}}
// CHECK: llvm.br
// From the middles, of whatever: operands and companions are written once.
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: llvm.cond_br
// Across: half of the queries are read, and multiplied twice, two columns at a time.
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-16: llvm.fmul %{{.*}} : vector<2xbf16>
// CHECK-NOT: llvm.fmul
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: llvm.br
func.func @f(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>, %f: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
  return %o : tensor<?x?x2x64xbf16>
}

// Features that are at most one are not.
// CHECK-LABEL: llvm.func @bounded_kernel_0
// CHECK-NOT: llvm.intr.fabs
func.func @bounded(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>, %f: tensor<?x?x2x64xbf16>) -> tensor<?x?x2x64xbf16> {
  %query = fgla.feature_map softmax %q : tensor<?x?x2x64xbf16> -> tensor<?x?x2x64xbf16>
  %o = fgla.attention %query, %k, %v decay(%f) axis(key) stabilizer(token) : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> (tensor<?x?x2x64xbf16>)
  return %o : tensor<?x?x2x64xbf16>
}
