// RUN: fgla-opt %s --fgla-vectorize-linalg --canonicalize --cse -split-input-file | FileCheck %s

// Loops without gaps become one, with a mask at its end; there is too little to do for several threads.
#id = affine_map<(a, b, c) -> (a, b, c)>
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 256>} {
  // CHECK-LABEL: func.func @elementwise
  // CHECK-SAME: (%[[X:.+]]: memref<3x5x7xf32>, %[[Y:.+]]: memref<3x5x7xf32>)
  // CHECK-DAG: %[[X1:.+]] = memref.collapse_shape %[[X]] {{.*}} : memref<3x5x7xf32> into memref<105xf32>
  // CHECK-DAG: %[[Y1:.+]] = memref.collapse_shape %[[Y]]
  // CHECK-NOT: omp.parallel
  // CHECK: scf.for %[[I:.+]] = %c0 to %c104 step %c8
  // CHECK:   %[[V:.+]] = vector.load %[[X1]][%[[I]]] : memref<105xf32>, vector<8xf32>
  // CHECK:   %[[N:.+]] = arith.negf %[[V]] : vector<8xf32>
  // CHECK:   vector.store %[[N]], %[[Y1]][%[[I]]]
  // CHECK: vector.maskedload %[[X1]][%c104]
  // CHECK: vector.maskedstore %[[Y1]][%c104]
  func.func @elementwise(%x: memref<3x5x7xf32>, %y: memref<3x5x7xf32>) {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x : memref<3x5x7xf32>) outs(%y : memref<3x5x7xf32>) {
    ^bb0(%a: f32, %b: f32):
      %n = arith.negf %a : f32
      linalg.yield %n : f32
    }
    return
  }
}

// -----

// Where nothing is known of the size, OpenMP decides when it runs.
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 512>} {
  // CHECK-LABEL: func.func @copy
  // CHECK: %[[ENOUGH:.+]] = arith.cmpi sge, %{{.+}}, %c32768
  // CHECK: omp.parallel if(%[[ENOUGH]])
  // CHECK: omp.wsloop
  // CHECK: omp.loop_nest ({{.+}}) : index = (%c0) to (%{{.+}}) step (%c4096)
  // CHECK: vector.load {{.*}} vector<16xf32>
  // CHECK-NOT: memref.copy
  func.func @copy(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
    memref.copy %x, %y : memref<?x64xf32> to memref<?x64xf32>
    return
  }

  // In a loop that is shared out already, there is nothing more to share.
  // CHECK-LABEL: func.func @nested
  // CHECK: scf.forall
  // CHECK-NOT: omp.parallel
  // CHECK: vector.store
  func.func @nested(%x: memref<?x?x64xf32>, %n: index) {
    %zero = arith.constant 0.0 : f32
    scf.forall (%i) in (%n) {
      %part = memref.subview %x[%i, 0, 0] [1, 8, 64] [1, 1, 1] : memref<?x?x64xf32> to memref<8x64xf32, strided<[64, 1], offset: ?>>
      linalg.fill ins(%zero : f32) outs(%part : memref<8x64xf32, strided<[64, 1], offset: ?>>)
    }
    return
  }
}

// -----

// A reduction along the contiguous dim: four sums of vectors, then one number.
#id = affine_map<(a, b) -> (a, b)>
#row = affine_map<(a, b) -> (a)>
#column = affine_map<(a, b) -> (b)>
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 512>} {
  // CHECK-LABEL: func.func @row_sums
  // CHECK: scf.for {{.*}} iter_args(%{{.+}} = %[[ZERO:.+]], %{{.+}} = %[[ZERO]], %{{.+}} = %[[ZERO]], %{{.+}} = %[[ZERO]])
  // CHECK-COUNT-4: arith.addf %{{.+}}, %{{.+}} : vector<16xf32>
  // CHECK: vector.reduction <add>, %{{.+}}, %{{.+}} fastmath<reassoc> : vector<16xf32> into f32
  func.func @row_sums(%x: memref<4x256xf32>, %y: memref<4xf32>) {
    linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : memref<4x256xf32>) outs(%y : memref<4xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %b, %a : f32
      linalg.yield %s : f32
    }
    return
  }

  // Along the other dim: what the rows combine to stays in a register.
  // CHECK-LABEL: func.func @column_maxima
  // CHECK: scf.for %{{.+}} = %c0 to %c256 step %c16
  // CHECK:   %[[FIRST:.+]] = vector.load
  // CHECK:   %[[MAX:.+]] = scf.for %{{.+}} = %c0 to %c4 step %c1 iter_args(%{{.+}} = %[[FIRST]])
  // CHECK:     arith.maximumf %{{.+}}, %{{.+}} : vector<16xf32>
  // CHECK:   vector.store %[[MAX]]
  func.func @column_maxima(%x: memref<4x256xf32>, %y: memref<256xf32>) {
    linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
        ins(%x : memref<4x256xf32>) outs(%y : memref<256xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.maximumf %b, %a : f32
      linalg.yield %s : f32
    }
    return
  }

  // A boolean is a byte in memory but a bit in a vector; a division by what lies after the end could trap.
  // CHECK-LABEL: func.func @scalars
  // CHECK-NOT: vector.
  // CHECK: return
  func.func @scalars(%x: memref<4x5xi1>, %y: memref<4x5xi1>, %i: memref<4x5xi32>, %j: memref<4x5xi32>) {
    linalg.copy ins(%x : memref<4x5xi1>) outs(%y : memref<4x5xi1>)
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%i : memref<4x5xi32>) outs(%j : memref<4x5xi32>) {
    ^bb0(%a: i32, %b: i32):
      %q = arith.divsi %b, %a : i32
      linalg.yield %q : i32
    }
    return
  }
}

// -----

// Products of one kind are one function. Twelve rows of two vectors in registers, then what is left over; nothing is read of a result
// that is zero.
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 512>} {
  // CHECK-LABEL: func.func @matmul
  // CHECK-NEXT: call @fgla_product_0(%arg0, %arg1, %arg2)
  // CHECK-NEXT: call @fgla_product_0(%arg0, %arg1, %arg3)
  // CHECK-NEXT: call @fgla_product_1(%arg0, %arg1, %arg2)
  // CHECK-NEXT: return
  func.func @matmul(%a: memref<13x7xf32>, %b: memref<7x64xf32>, %c: memref<13x64xf32>, %d: memref<13x64xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.matmul ins(%a, %b : memref<13x7xf32>, memref<7x64xf32>) outs(%c : memref<13x64xf32>)
    linalg.matmul ins(%a, %b : memref<13x7xf32>, memref<7x64xf32>) outs(%d : memref<13x64xf32>)
    linalg.fill ins(%zero : f32) outs(%c : memref<13x64xf32>)
    linalg.matmul ins(%a, %b : memref<13x7xf32>, memref<7x64xf32>) outs(%c : memref<13x64xf32>)
    return
  }
  // CHECK-LABEL: func.func private @fgla_product_0
  // CHECK: scf.for %{{.+}} = %c0 to %c64 step %c32
  // CHECK: vector.load %arg2
  // CHECK: scf.for %{{.+}} = %c0 to %c7 step %c1 iter_args
  // CHECK-COUNT-24: vector.fma {{.*}} : vector<16xf32>
  // CHECK: scf.for
  // CHECK-COUNT-2: vector.fma
  // CHECK-NOT: vector.maskedload
  // CHECK-LABEL: func.func private @fgla_product_1
  // CHECK-NOT: vector.load %arg2
  // CHECK: return
}

// -----

// A narrower type is widened on its way into a register; many rows get panels without gaps, few do not.
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 512>} {
  // CHECK-LABEL: func.func private @fgla_product_0
  // CHECK: omp.parallel if
  // CHECK: %[[MANY:.+]] = arith.cmpi sge, %{{.+}}, %c36
  // CHECK: scf.if %[[MANY]]
  // CHECK:   %[[PANEL:.+]] = memref.alloc() {alignment = 64 : i64} : memref<128x32xf32>
  // CHECK:   arith.extf %{{.+}} : vector<16xbf16> to vector<16xf32>
  // CHECK:   vector.store %{{.+}}, %[[PANEL]]
  // CHECK:   vector.load %[[PANEL]]
  // CHECK:   arith.extf %{{.+}} : bf16 to f32
  // CHECK:   vector.fma
  // CHECK:   memref.dealloc %[[PANEL]]
  // CHECK: } else {
  // CHECK:   arith.extf %{{.+}} : vector<16xbf16> to vector<16xf32>
  func.func @widening(%a: memref<?x?xbf16>, %b: memref<?x?xbf16>, %c: memref<?x?xf32>) {
    linalg.matmul ins(%a, %b : memref<?x?xbf16>, memref<?x?xbf16>) outs(%c : memref<?x?xf32>)
    return
  }
}

// -----

// Several loops of one kind are one: (b t) and (h d), also where the reduction stands between them.
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 512>} {
  // CHECK-LABEL: func.func @projection
  // CHECK-DAG: memref.collapse_shape %{{.+}} {{\[\[0, 1\], \[2\]\]}}
  // CHECK-DAG: memref.collapse_shape %{{.+}} {{\[\[0\], \[1, 2\]\]}}
  // CHECK-DAG: memref.collapse_shape %{{.+}} {{\[\[0, 1\], \[2, 3\]\]}}
  // CHECK: call @fgla_product_0({{.+}}) : (memref<?x256xf32>, memref<256x256xf32>, memref<?x256xf32>) -> ()
  func.func @projection(%x: memref<?x?x256xf32>, %w: memref<256x4x64xf32>, %y: memref<?x?x4x64xf32>) {
    linalg.generic {indexing_maps = [affine_map<(b, t, h, m, d) -> (b, t, m)>, affine_map<(b, t, h, m, d) -> (m, h, d)>,
                                     affine_map<(b, t, h, m, d) -> (b, t, h, d)>],
                    iterator_types = ["parallel", "parallel", "parallel", "reduction", "parallel"]}
        ins(%x, %w : memref<?x?x256xf32>, memref<256x4x64xf32>) outs(%y : memref<?x?x4x64xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    }
    return
  }
}

// -----

// What is broadcast along a dim of size one has no loop there: positions [1, T, D] are [T, D], and (t d) is one loop. A number for each
// row is one for all of its vectors. Heads that share something (h floordiv 2) leave the loops as they are.
#id = affine_map<(b, t, d) -> (b, t, d)>
module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 256>} {
  // CHECK-LABEL: func.func @positions
  // CHECK-SAME: (%[[X:.+]]: memref<2x3x8xf32>, %[[P:.+]]: memref<1x3x8xf32>, %[[Y:.+]]: memref<2x3x8xf32>)
  // CHECK-DAG: %[[X1:.+]] = memref.collapse_shape %[[X]] {{\[\[0\], \[1, 2\]\]}} : memref<2x3x8xf32> into memref<2x24xf32>
  // CHECK-DAG: %[[P1:.+]] = memref.collapse_shape %[[P]] {{\[\[0, 1, 2\]\]}} : memref<1x3x8xf32> into memref<24xf32>
  // CHECK: scf.for %[[B:.+]] = %c0 to %c2
  // CHECK:   scf.for %[[I:.+]] = %c0 to %c24 step %c8
  // CHECK:     vector.load %[[X1]][%[[B]], %[[I]]]
  // CHECK:     vector.load %[[P1]][%[[I]]]
  func.func @positions(%x: memref<2x3x8xf32>, %p: memref<1x3x8xf32>, %y: memref<2x3x8xf32>) {
    linalg.generic {indexing_maps = [#id, affine_map<(b, t, d) -> (0, t, d)>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %p : memref<2x3x8xf32>, memref<1x3x8xf32>) outs(%y : memref<2x3x8xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %s = arith.addf %a, %b : f32
      linalg.yield %s : f32
    }
    return
  }

  // CHECK-LABEL: func.func @mask
  // CHECK-DAG: %[[P1:.+]] = memref.collapse_shape %{{.+}} {{\[\[0, 1, 2\]\]}} : memref<2x1x1xf32> into memref<2xf32>
  // CHECK: scf.for %[[B:.+]] = %c0 to %c2
  // CHECK:   scf.for %{{.+}} = %c0 to %c24 step %c8
  // CHECK:     memref.load %[[P1]][%[[B]]]
  func.func @mask(%x: memref<2x3x8xf32>, %p: memref<2x1x1xf32>, %y: memref<2x3x8xf32>) {
    linalg.generic {indexing_maps = [#id, affine_map<(b, t, d) -> (b, 0, 0)>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %p : memref<2x3x8xf32>, memref<2x1x1xf32>) outs(%y : memref<2x3x8xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %s = arith.mulf %a, %b : f32
      linalg.yield %s : f32
    }
    return
  }

  // CHECK-LABEL: func.func @groups
  // CHECK-NOT: collapse_shape
  // CHECK: scf.for %[[H:.+]] = %c0 to %c4
  // CHECK:   scf.for %[[T:.+]] = %c0 to %c3
  // CHECK:     vector.load %arg0[%[[H]], %[[T]], %c0]
  // CHECK:     %[[G:.+]] = affine.apply {{.+}}(%[[H]])
  // CHECK:     vector.load %arg1[%[[G]], %[[T]], %c0]
  func.func @groups(%x: memref<4x3x8xf32>, %p: memref<2x3x8xf32>, %y: memref<4x3x8xf32>) {
    linalg.generic {indexing_maps = [#id, affine_map<(h, t, d) -> (h floordiv 2, t, d)>, #id], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %p : memref<4x3x8xf32>, memref<2x3x8xf32>) outs(%y : memref<4x3x8xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %s = arith.mulf %a, %b : f32
      linalg.yield %s : f32
    }
    return
  }
}
