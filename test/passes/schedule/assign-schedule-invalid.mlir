// RUN: not fgla-opt %s --fgla-assign-schedule="tile=24" -split-input-file 2>&1 | FileCheck %s

// CHECK: error: 'tile' must be a power of two up to 1024, got 24
module attributes {fgla.target = #fgla.target<"cpu">} {
}

// -----

// CHECK: error: module must carry the attribute 'fgla.target'
module {
}

// -----

// CHECK: error: 'fgla.target' must be one of cpu, sm_80, {{.*}}, got 'sm_70'
module attributes {fgla.target = #fgla.target<"sm_70">} {
}

// -----

// CHECK: error: 'tile' must be a power of two up to 1024, got 2048
func.func private @f() attributes {s = #fgla.schedule<tile = 2048>}

// -----

// CHECK: error: 'tile' must be a power of two up to 1024, got 12
func.func private @f() attributes {s = #fgla.schedule<tile = 12>}

// -----

// CHECK: error: 'segments' must not be negative, got -1
func.func private @f() attributes {s = #fgla.schedule<tile = 16, segments = -1>}
