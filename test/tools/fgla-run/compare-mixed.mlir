// The bound of --compare is that of the least exact type on the way to a result: f32 at both ends, bf16 between them.
// RUN: fgla-run %s --inputs=random --compare=reference | FileCheck %s
// CHECK: rounded: {{.*}} (bound 0.01)
// CHECK: exact: {{.*}} (bound 1e-05)
func.func @f(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {fgla.name = "rounded"}, tensor<?x8xf32> {fgla.name = "exact"}) {
  %narrow = arith.truncf %x : tensor<?x8xf32> to tensor<?x8xbf16>
  %square = arith.mulf %narrow, %narrow : tensor<?x8xbf16>
  %rounded = arith.extf %square : tensor<?x8xbf16> to tensor<?x8xf32>
  %exact = arith.mulf %x, %x : tensor<?x8xf32>
  return %rounded, %exact : tensor<?x8xf32>, tensor<?x8xf32>
}
