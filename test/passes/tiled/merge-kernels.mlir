// Two attentions that are alike are launches of one kernel; one of another size has its own.
// RUN: fgla-opt %s --fgla-form-kernels --fgla-merge-kernels | FileCheck %s
// CHECK-COUNT-2: func.func private @{{.*}}_kernel
// CHECK-NOT: func.func private
// CHECK: @f
// CHECK: %[[FIRST:.*]] = fgla_tile.launch @[[KERNEL:f_kernel.*]] ins
// CHECK: fgla_tile.launch @[[KERNEL]] ins(%[[FIRST]]
// CHECK: fgla_tile.launch @{{.*}}tensor<?x?x2x8xf32>
#s = #fgla.schedule<tile = 16, segments = 1>
module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @f(%q: tensor<?x?x2x16xf32>, %r: tensor<?x?x2x8xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>) {
    %a = fgla.attention %q, %q, %q {fgla.schedule = #s} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    %b = fgla.attention %a, %a, %a {fgla.schedule = #s} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
    %c = fgla.attention %r, %r, %r {fgla.schedule = #s} : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) -> (tensor<?x?x2x8xf32>)
    return %b, %c : tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>
  }
}
