// Packed sequences: offsets that fit, and states that do not.
// RUN: fgla-run %s --inputs=random --shape=T=9,N=3,offsets=4 --compare=reference 2>&1 | FileCheck %s
// RUN: not fgla-run %s --inputs=random --shape=T=9,N=3,offsets=3 2>&1 | FileCheck %s --check-prefix=COUNT
// CHECK: o: {{.*}} (bound 1e-05)
// COUNT: error: 'sequences' must have one offset more than there are states (attention_c12) (function 'packed')
func.func @packed(%q: tensor<1x?x4x8xf32>, %k: tensor<1x?x2x8xf32>, %v: tensor<1x?x2x6xf32>, %n: tensor<?xi32>, %s: tensor<?x2x8x6xf32>)
    -> (tensor<1x?x4x6xf32> {fgla.name = "o"}, tensor<?x2x8x6xf32>) {
  %o, %t = fgla.attention %q, %k, %v state(%s) sequences(%n)
    : (tensor<1x?x4x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x6xf32>, tensor<?x2x8x6xf32>, tensor<?xi32>) -> (tensor<1x?x4x6xf32>, tensor<?x2x8x6xf32>)
  return %o, %t : tensor<1x?x4x6xf32>, tensor<?x2x8x6xf32>
}
