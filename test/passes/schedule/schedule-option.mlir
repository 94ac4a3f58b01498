// RUN: fgla-opt %s --fgla-assign-schedule="segments=1 schedule=stages=4,matrix=8" | FileCheck %s
// RUN: fgla-opt %s --fgla-assign-schedule='schedule="#fgla.schedule<tile = 32, load = 4>"' | FileCheck %s --check-prefix=ATTR
// RUN: fgla-opt %s --fgla-assign-schedule="segments=2 schedule=cluster=2" | FileCheck %s --check-prefix=CLUSTER
// RUN: not fgla-opt %s --fgla-assign-schedule="schedule=stages=4,warps=8" 2>&1 | FileCheck %s --check-prefix=MEMBER
// RUN: not fgla-opt %s --fgla-assign-schedule="schedule=stages" 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not fgla-opt %s --fgla-assign-schedule="schedule=matrix=3" 2>&1 | FileCheck %s --check-prefix=POWER
// RUN: not fgla-opt %s --fgla-assign-schedule="schedule=stages=1" 2>&1 | FileCheck %s --check-prefix=STAGES

// What is named replaces what would have been chosen.
// CHECK: fgla.schedule = #fgla.schedule<tile = 16, stages = 4, elementwise = 2x4, matrix = 8, epilogue = 4>
// ATTR: fgla.schedule = #fgla.schedule<tile = 32, segments = 0, cluster = 2, load = 4, elementwise = 2x4, matrix = 4, epilogue = 4>
// Where the number of segments is given, nothing is decided at launch.
// CLUSTER: fgla.schedule = #fgla.schedule<tile = 16, segments = 2, key_slice = 64, cluster = 2, elementwise
// MEMBER: error: schedule has no member 'warps' (known: tile, segments, key_slice, value_slice, cluster, stages, load, elementwise, matrix, epilogue)
// NUMBER: error: 'stages' must be a number, got ''
// POWER: error: 'matrix' must be 0 or a power of two up to 32, got 3
// STAGES: error: 'stages' must be 0 or between 2 and 16, got 1
module attributes {fgla.target = #fgla.target<"sm_90a">} {
  func.func @gpu(%q: tensor<?x?x2x128xbf16>, %v: tensor<?x?x2x128xbf16>) -> tensor<?x?x2x128xbf16> {
    %o = fgla.attention %q, %q, %v : (tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> (tensor<?x?x2x128xbf16>)
    return %o : tensor<?x?x2x128xbf16>
  }
}
