// f32 keys come to the scores as they were loaded, without a map between. A loop over segments with barriers in it cannot
// be unrolled; that is nothing to tell.
// RUN: env FGLA_PTXAS= fgla-compile %s --target=sm_90a -o %t.ptx 2>&1 | FileCheck %s --allow-empty
// CHECK-NOT: {{.}}
func.func @attention(%q: tensor<?x?x2x64xf32>, %k: tensor<?x?x2x64xf32>, %v: tensor<?x?x2x64xf32>, %f: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
  %o = fgla.attention %q, %k, %v decay(%f) axis(key) : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
  return %o : tensor<?x?x2x64xf32>
}
