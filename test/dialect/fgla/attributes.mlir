// RUN: fgla-opt %s --verify-roundtrip | FileCheck %s
// RUN: fgla-opt %s --emit-bytecode | fgla-opt | FileCheck %s

// CHECK: module attributes
// CHECK-SAME: test.a = #fgla.target<"cpu">
// CHECK-SAME: test.b = #fgla.target<"cpu", vector_bits = 512, cpu = "sapphirerapids", features = "+avx512f">
// CHECK-SAME: test.c = #fgla.schedule<tile = 32>
// CHECK-SAME: test.d = #fgla.schedule<tile = 1, segments = 0>
// CHECK-SAME: test.e = #fgla<feature hedgehog>
// CHECK-SAME: test.f = #fgla<gate_kind refined>
// CHECK-SAME: test.g = #fgla<axis constant>
// CHECK-SAME: test.h = #fgla<stabilizer sequence>
// CHECK-SAME: test.i = #fgla<rule gated_delta>
// CHECK-SAME: test.j = #fgla<norm_kind layer>
module attributes {
  test.a = #fgla.target<"cpu">,
  test.b = #fgla.target<"cpu", vector_bits = 512, cpu = "sapphirerapids", features = "+avx512f">,
  test.c = #fgla.schedule<tile = 32, segments = 1>,
  test.d = #fgla.schedule<tile = 1, segments = 0>,
  test.e = #fgla<feature hedgehog>, test.f = #fgla<gate_kind refined>, test.g = #fgla<axis constant>,
  test.h = #fgla<stabilizer sequence>, test.i = #fgla<rule gated_delta>, test.j = #fgla<norm_kind layer>
} {}
