// RUN: not fgla-opt %s --fgla-assign-precision --split-input-file 2>&1 | FileCheck %s

// CHECK: error: module must carry the attribute 'fgla.target'
module {
}

// -----

// CHECK: error: expected ::fgla::Precision to be one of: f32, tf32
func.func private @g() attributes {fgla.precision = #fgla.precision<fp8>}
