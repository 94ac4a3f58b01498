// A line of the table of tuned schedules stands between what is given and what is chosen.
// RUN: rm -rf %t && split-file %s %t
// RUN: fgla-opt %t/program.mlir --fgla-assign-schedule="tuned=%t/table.txt" | FileCheck %s --check-prefix=TUNED
// RUN: fgla-opt %t/program.mlir --fgla-assign-schedule="tuned=none" | FileCheck %s --check-prefix=NONE
// RUN: fgla-opt %t/program.mlir --fgla-assign-schedule="tuned=%t/table.txt schedule=stages=5" | FileCheck %s --check-prefix=GIVEN
// RUN: fgla-opt %t/program.mlir --fgla-assign-schedule="tuned=%t/table.txt segments=3" | FileCheck %s --check-prefix=SEGMENTS

// What a line leaves open is chosen.
// TUNED-LABEL: func.func @dynamic
// TUNED: #fgla.schedule<tile = 16, segments = 0, cluster = 2, stages = 6, load = 1, elementwise = 2x4, matrix = 8, epilogue = 4>
// NONE-LABEL: func.func @dynamic
// NONE: #fgla.schedule<tile = 16, segments = 0, cluster = 2, elementwise = 2x4, matrix = 4, epilogue = 4>
// Members of --schedule are of another schedule.
// GIVEN-LABEL: func.func @dynamic
// GIVEN: #fgla.schedule<tile = 16, segments = 0, cluster = 2, stages = 5, elementwise = 2x4, matrix = 4, epilogue = 4>
// SEGMENTS-LABEL: func.func @dynamic
// SEGMENTS: #fgla.schedule<tile = 16, segments = 3, stages = 6, load = 1, elementwise = 2x4, matrix = 8, epilogue = 4>

// A shape that is known has a line of its own.
// TUNED-LABEL: func.func @long
// TUNED: #fgla.schedule<tile = 16, segments = 0, cluster = 2, load = 4, elementwise
// TUNED-LABEL: func.func @wide
// TUNED: #fgla.schedule<tile = 16, segments = 0, cluster = 2, stages = 6, load = 1, elementwise
// An attribute on the op goes before the table, and other kernels are not of it.
// TUNED-LABEL: func.func @attribute
// TUNED: #fgla.schedule<tile = 16, segments = 2, elementwise
// TUNED-LABEL: func.func @head
// TUNED: #fgla.schedule<tile = 16, segments = 0, cluster = 2, elementwise
// A sequence of one tile is not cut, whatever the table says.
// TUNED-LABEL: func.func @short
// TUNED: #fgla.schedule<tile = 16, load = 4, elementwise

//--- table.txt
# A comment, and a line of another target.
sm_80  128 128 bf16 key any  | load=8 | - | -
sm_90a 128 128 bf16 key any  | stages=6,load=1,matrix=8 | B=8,T=2048 1 us | made up # for this test
sm_90a 128 128 bf16 key long | load=4 | - | -
//--- program.mlir
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @dynamic(%q: tensor<?x?x2x128xbf16>, %f: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(key) : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  func.func @long(%q: tensor<1x4096x2x128xbf16>, %f: tensor<1x4096x2x128xbf16>) -> tensor<1x4096x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(key) : (tensor<1x4096x2x128xbf16>, tensor<1x4096x2x128xbf16>, tensor<1x4096x2x128xbf16>, tensor<1x4096x2x128xbf16>) -> (tensor<1x4096x2x128xbf16>)
    return %o : tensor<1x4096x2x128xbf16>
  }
  func.func @wide(%q: tensor<64x4096x2x128xbf16>, %f: tensor<64x4096x2x128xbf16>) -> tensor<64x4096x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(key) : (tensor<64x4096x2x128xbf16>, tensor<64x4096x2x128xbf16>, tensor<64x4096x2x128xbf16>, tensor<64x4096x2x128xbf16>) -> (tensor<64x4096x2x128xbf16>)
    return %o : tensor<64x4096x2x128xbf16>
  }
  func.func @attribute(%q: tensor<?x?x2x128xbf16>, %f: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(key) {fgla.schedule = #fgla.schedule<tile = 16, segments = 2>} : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  func.func @head(%q: tensor<?x?x2x128xbf16>, %f: tensor<?x?x2x1xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(head) : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x1xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
  func.func @short(%q: tensor<1x16x2x128xbf16>, %f: tensor<1x16x2x128xbf16>) -> tensor<1x16x2x128xbf16> {
    %o = fgla.attention %q, %q, %q decay(%f) axis(key) : (tensor<1x16x2x128xbf16>, tensor<1x16x2x128xbf16>, tensor<1x16x2x128xbf16>, tensor<1x16x2x128xbf16>) -> (tensor<1x16x2x128xbf16>)
    return %o : tensor<1x16x2x128xbf16>
  }
}
