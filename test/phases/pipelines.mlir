// The passes of each phase, in order, with the options of our own: what a phase does is what stands here.
// RUN: fgla-opt %s --fgla-phase-graph --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=GRAPH
// RUN: fgla-opt %s --fgla-phase-schedule=tile=16 --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: fgla-opt %s --fgla-phase-tiled --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=TILED
// RUN: fgla-opt %s --fgla-phase-tiled=gpu --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=GPU-TILED
// RUN: fgla-opt %s --fgla-phase-roles=gpu --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=ROLES
// RUN: not fgla-opt %s --fgla-phase-layout=gpu --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: fgla-opt %s --fgla-phase-reference=widen-to-f64 --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=REFERENCE
// RUN: fgla-opt %s --fgla-phase-kernel --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=KERNEL
module attributes {fgla.target = #fgla.target<"cpu">} {
  func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// GRAPH: builtin.module(
// GRAPH-NEXT:   fgla-raise-attention
// GRAPH-NEXT:   fgla-simplify-masks
// GRAPH-NEXT:   fgla-convert-onnx{folder= raise=true}
// GRAPH-NEXT:   inline{{.*}}
// GRAPH-NEXT:   symbol-dce
// GRAPH-NEXT:   fgla-name-dims
// GRAPH-NEXT:   fgla-expand-block
// GRAPH-NEXT:   fgla-expand-softmax-attention
// GRAPH-NEXT:   func.func(
// GRAPH-NEXT:     convert-elementwise-to-linalg
// GRAPH-NEXT:   )
// GRAPH-NEXT:   canonicalize{{.*}}
// GRAPH-NEXT:   cse
// GRAPH-NEXT:   fgla-make-shape-functions
// GRAPH-NEXT:   fgla-check-phase{phase=graph}
// GRAPH-NEXT: )

// SCHEDULE: builtin.module(
// SCHEDULE-NEXT:   fgla-assign-schedule{schedule= segments=-1 tile=16 tuned=}
// SCHEDULE-NEXT:   fgla-assign-precision{precision=f32}
// SCHEDULE-NEXT:   fgla-check-phase{phase=schedule}
// SCHEDULE-NEXT: )

// TILED: builtin.module(
// TILED-NEXT:   fgla-form-kernels
// TILED-NEXT:   fgla-merge-kernels
// TILED-NEXT:   fgla-pad-tiles{widen=false}
// TILED-NEXT:   fgla-expand-decays{base=8}
// TILED-NEXT:   fgla-expand-row-norms
// TILED-NEXT:   fgla-expand-sequences
// TILED-NEXT:   fgla-lower-to-reference
// TILED-NEXT:   canonicalize{{.*}}
// TILED-NEXT:   cse
// TILED-NEXT:   fgla-check-phase{phase=tiled}
// TILED-NEXT: )

// Matrix instructions take the diagonal block whole.
// GPU-TILED: builtin.module(
// GPU-TILED-NEXT:   fgla-form-kernels
// GPU-TILED-NEXT:   fgla-merge-kernels
// GPU-TILED-NEXT:   fgla-pad-tiles{widen=true}
// GPU-TILED-NEXT:   fgla-check-host
// GPU-TILED-NEXT:   fgla-expand-sequences
// GPU-TILED-NEXT:   fgla-lower-to-reference
// GPU-TILED-NEXT:   canonicalize{{.*}}
// GPU-TILED-NEXT:   cse
// GPU-TILED-NEXT:   fgla-check-phase{phase=tiled}
// GPU-TILED-NEXT: )

// ROLES: builtin.module(
// ROLES-NEXT:   fgla-narrow-operands
// ROLES-NEXT:   canonicalize{{.*}}
// ROLES-NEXT:   cse
// ROLES-NEXT:   fgla-share-loads
// ROLES-NEXT:   fgla-assign-roles
// ROLES-NEXT:   canonicalize{{.*}}
// ROLES-NEXT:   cse
// ROLES-NEXT:   fgla-check-phase{phase=roles}
// ROLES-NEXT: )

// The module of this test is a CPU's, so the run fails after the list.
// LAYOUT: builtin.module(
// LAYOUT-NEXT:   fgla-assign-layouts
// LAYOUT-NEXT:   fgla-link-companions
// LAYOUT-NEXT:   fgla-size-stages
// LAYOUT-NEXT:   fgla-check-phase{phase=layout}
// LAYOUT-NEXT: )

// REFERENCE: builtin.module(
// REFERENCE-NEXT:   fgla-widen-to-f64
// REFERENCE-NEXT:   fgla-expand-sequences
// REFERENCE-NEXT:   fgla-lower-to-reference
// REFERENCE-NEXT:   canonicalize{{.*}}
// REFERENCE-NEXT:   cse
// REFERENCE-NEXT:   fgla-check-phase{phase=reference}
// REFERENCE-NEXT: )

// KERNEL: builtin.module(
// KERNEL-NEXT:   fgla-make-shape-functions
// KERNEL-NEXT:   fgla-record-manifest
// KERNEL-NEXT:   func.func(
// KERNEL-NEXT:     fgla-fuse-elementwise
// KERNEL-NEXT:   )
// KERNEL-NEXT:   fgla-lower-walks
// KERNEL-NEXT:   fgla-lower-tiles
// KERNEL-NEXT:   fgla-destination-results
// KERNEL-NEXT:   one-shot-bufferize{{.*}}
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   cse
// KERNEL-NEXT:   func.func(
// KERNEL-NEXT:     buffer-hoisting
// KERNEL-NEXT:   )
// KERNEL-NEXT:   func.func(
// KERNEL-NEXT:     buffer-loop-hoisting
// KERNEL-NEXT:   )
// KERNEL-NEXT:   expand-realloc{{.*}}
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   ownership-based-buffer-deallocation{{.*}}
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   buffer-deallocation-simplification
// KERNEL-NEXT:   bufferization-lower-deallocations
// KERNEL-NEXT:   cse
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   fgla-lower-launches
// KERNEL-NEXT:   fgla-vectorize-linalg
// KERNEL-NEXT:   fgla-approximate-math
// KERNEL-NEXT:   fgla-round-once
// KERNEL-NEXT:   fgla-lower-asserts
// KERNEL-NEXT:   fgla-threads-to-openmp
// KERNEL-NEXT:   scf-forall-to-parallel
// KERNEL-NEXT:   convert-scf-to-openmp{{.*}}
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   convert-scf-to-cf{{.*}}
// KERNEL-NEXT:   fgla-lower-expand-shapes
// KERNEL-NEXT:   expand-strided-metadata
// KERNEL-NEXT:   lower-affine
// KERNEL-NEXT:   arith-expand{{.*}}
// KERNEL-NEXT:   convert-math-to-llvm{{.*}}
// KERNEL-NEXT:   convert-math-to-libm
// KERNEL-NEXT:   convert-vector-to-llvm{{.*}}
// KERNEL-NEXT:   convert-arith-to-llvm{{.*}}
// KERNEL-NEXT:   convert-index-to-llvm{{.*}}
// KERNEL-NEXT:   finalize-memref-to-llvm{{.*}}
// KERNEL-NEXT:   convert-func-to-llvm{{.*}}
// KERNEL-NEXT:   convert-cf-to-llvm{{.*}}
// KERNEL-NEXT:   convert-openmp-to-llvm
// KERNEL-NEXT:   reconcile-unrealized-casts
// KERNEL-NEXT:   canonicalize{{.*}}
// KERNEL-NEXT:   cse
// KERNEL-NEXT:   fgla-emit-entry-points
// KERNEL-NEXT:   fgla-check-allocations
// KERNEL-NEXT:   fgla-start-threads
// KERNEL-NEXT:   fgla-check-phase{phase=kernel}
// KERNEL-NEXT: )
