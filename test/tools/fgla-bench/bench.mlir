// RUN: fgla-bench %s --shape B=1,T=64 --seconds=0.01 --json=%t.json | FileCheck %s
// RUN: FileCheck %s --check-prefix=JSON < %t.json
// RUN: fgla-bench %s --shape B=1,T=64 --seconds=0.01 --no-ceilings --lowering=reference | FileCheck %s --check-prefix=PLAIN
// RUN: not fgla-bench %s --shape B=1 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not fgla-bench %s --shape B=1,T=64,X=1 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not fgla-bench %s --shape B=1,T=-4 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not fgla-bench %s --shape B=1,B=2 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not fgla-bench %s --shape B=1,T=4 --seconds=-1 2>&1 | FileCheck %s --check-prefix=SECONDS
// RUN: not fgla-bench %s --shape B=1,T=4 --precision=half 2>&1 | FileCheck %s --check-prefix=PRECISION
// PRECISION: error: unknown precision 'half' (known: f32, tf32)
// MISSING: error: --shape must give a size for 'T' of argument 'q' (shape [B, T, 2, 16])
// UNKNOWN: error: --shape gives a size for 'X', which no argument has
// NUMBER: error: --shape must be NAME=SIZE, with commas between, got 'T=-4'
// TWICE: error: --shape gives 'B' twice
// SECONDS: error: --seconds must lie between 0 and 3600

// 64 tokens, 2 heads, 5 * 16 * 16 operations; three arguments and a result of 64 * 2 * 16 floats.
// CHECK: f: B=1 T=64
// CHECK: time {{.*}}(median of {{[0-9]+}} calls; 10% below {{.*}}, 90% below {{.*}})
// CHECK: tokens {{.*}} per second
// CHECK: memory {{.*}} GB/s for 0.03277 MB of arguments and results, {{.*}}% of the {{.*}} GB/s that copying reaches
// CHECK: work {{.*}} GFLOP/s for 0.0001638 GFLOP, {{.*}}% of the {{.*}} GFLOP/s that f32 multiply-adds reach
// CHECK: threads {{[0-9]+}}
// JSON: "flops": 163840
// JSON: "lowering": "tiled"
// JSON: "T": 64
// PLAIN-NOT: that copying reaches
func.func @f(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32> {
  %o = fgla.attention %q, %k, %v : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
