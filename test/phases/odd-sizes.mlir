// RUN: fgla-compile %s --target=sm_80 --segments=1 --compile-to=kernel -o - | FileCheck %s

// Rows of 36 bf16 are multiples of 8 bytes: 8 at a time, and none after the last. Outputs are stored the same way.
// CHECK: nvvm.cp.async.shared.global %{{.+}}, %{{.+}}, 8, cache =  ca
// CHECK-NOT: nvvm.cp.async.shared.global %{{.+}}, %{{.+}}, 16
// CHECK: llvm.store %{{.+}}, %{{.+}} {alignment = {{[48]}} : i64} : {{.*}}, !llvm.ptr<1>
func.func @odd(%q: tensor<?x?x4x36xbf16>, %k: tensor<?x?x4x36xbf16>, %v: tensor<?x?x4x36xbf16>) -> tensor<?x?x4x36xbf16> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x4x36xbf16>, tensor<?x?x4x36xbf16>, tensor<?x?x4x36xbf16>) -> (tensor<?x?x4x36xbf16>)
  return %o : tensor<?x?x4x36xbf16>
}
