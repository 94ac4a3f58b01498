// Products of f32: six of bf16 parts of the factors. Where tf32 was asked for, one of factors that are rounded once, and exponentials of one
// instruction.
// RUN: fgla-compile %s --target=sm_80 --segments=1 --compile-to=kernel -o - | FileCheck %s
// RUN: fgla-compile %s --target=sm_80 --segments=1 --compile-to=kernel --precision=tf32 -o - | FileCheck %s --check-prefix=FAST
// RUN: fgla-compile %s --target=sm_80 --segments=1 --precision=tf32 -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: fgla-compile %s --target=sm_90a --segments=1 --precision=tf32 -o %t.new.ptx
// RUN: FileCheck %s --check-prefix=NEW < %t.new.ptx
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_80 --segments=1 --report=md | FileCheck %s --check-prefix=REMARK
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_80 --segments=1 --precision=tf32 --report=md | FileCheck %s --check-prefix=NO-REMARK
// RUN: fgla-compile %s --lowering=roles --compile-to=kernel --precision=tf32 -o - 2>&1 >/dev/null | FileCheck %s --check-prefix=CPU

// CHECK: llvm.func @f_kernel_0({{.*}}fgla.precise
// CHECK-NOT: {{convert.float.to.tf32|mma_type<tf32>}}
// CHECK: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>{{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK-NOT: {{convert.float.to.tf32|mma_type<tf32>}}

// FAST-NOT: fgla.precise
// FAST: nvvm.convert.float.to.tf32 %{{.+}} {rnd = #nvvm.fp_rnd_mode<rna>}
// FAST-NOT: mma_type<bf16>
// FAST: nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<tf32>, multiplicandBPtxType = #nvvm.mma_type<tf32>, shape = #nvvm.shape<m = 16, n = 8, k = 8>
// FAST-NOT: mma_type<bf16>

// PTX: cvt.rna.tf32.f32
// PTX: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32

// Ties to even are one instruction, but only from sm_90 on.
// NEW-NOT: cvt.rna.tf32.f32
// NEW: cvt.rn.tf32.f32
// NEW: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// NEW-NOT: cvt.rna.tf32.f32

// REMARK: - a product of f32 is six of bf16 parts; with --precision=tf32 it is one, and less exact
// REMARK-NOT: a product of f32
// NO-REMARK: remarks:
// NO-REMARK-NOT: a product of f32

// CPU: remark: {{.*}}precision 'tf32' is for GPUs: 'cpu' multiplies f32 as it is
func.func @f(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %f: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) stabilizer(running) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
