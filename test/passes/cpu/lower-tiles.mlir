// RUN: fgla-opt %s --fgla-lower-tiles --canonicalize -split-input-file | FileCheck %s

module attributes {fgla.target = #fgla.target<"cpu", vector_bits = 256>} {
  // Rows that are there are copied, the others are zero.
  // CHECK-LABEL: func.func @load
  // CHECK-SAME: (%[[A:.+]]: memref<?x?x4x16xbf16>, %[[T:.+]]: index, %[[N:.+]]: index)
  // CHECK: scf.for %[[R:.+]] = %c0 to %[[N]]
  // CHECK:   scf.for %[[C:.+]] = %c0 to %c16 step %c8
  // CHECK:     %[[ROW:.+]] = arith.addi %[[T]], %[[R]]
  // CHECK:     vector.transfer_read %[[A]][%c0, %[[ROW]], %c0, %[[C]]], {{.*}} : memref<?x?x4x16xbf16>, vector<8xbf16>
  // CHECK: scf.for %{{.+}} = %[[N]] to %c8
  // CHECK:   vector.transfer_write %cst
  func.func @load(%a: memref<?x?x4x16xbf16>, %t: index, %n: index) -> tensor<8x16xbf16> {
    %zero = arith.constant 0 : index
    %x = fgla_tile.load %a[%zero, %t, %zero, %zero] rows(%n) dims [1, 3] : memref<?x?x4x16xbf16> -> tensor<8x16xbf16>
    return %x : tensor<8x16xbf16>
  }

  // CHECK-LABEL: func.func @store
  // CHECK-SAME: (%[[X:.+]]: tensor<8x16xf32>, %[[A:.+]]: memref<?x?x4x16xf32>, %[[N:.+]]: index)
  // CHECK: scf.for %[[R:.+]] = %c0 to %[[N]]
  // CHECK:   %[[V:.+]] = vector.transfer_read %[[X]]
  // CHECK:   vector.transfer_write %[[V]], %[[A]]
  func.func @store(%x: tensor<8x16xf32>, %a: memref<?x?x4x16xf32>, %n: index) {
    %zero = arith.constant 0 : index
    fgla_tile.store %x, %a[%zero, %zero, %zero, %zero] rows(%n) dims [1, 3] : tensor<8x16xf32>, memref<?x?x4x16xf32>
    return
  }

  // Columns of an array that are not next to each other go one by one.
  // CHECK-LABEL: func.func @load_column
  // CHECK: memref.load
  // CHECK: tensor.insert
  func.func @load_column(%a: memref<?x?x4x1xf32>) -> tensor<8x1xf32> {
    %zero = arith.constant 0 : index
    %x = fgla_tile.load %a[%zero, %zero, %zero, %zero] dims [1, 3] : memref<?x?x4x1xf32> -> tensor<8x1xf32>
    return %x : tensor<8x1xf32>
  }

  // CHECK-LABEL: func.func @map
  // CHECK: scf.for %[[R:.+]] = %c0 to %c4
  // CHECK:   scf.for %[[C:.+]] = %c0 to %c16 step %c8
  // CHECK:     %[[X:.+]] = vector.transfer_read %arg0[%[[R]], %[[C]]]
  // CHECK:     %[[M:.+]] = tensor.extract %arg1[%[[R]], %c0]
  // CHECK:     %[[MV:.+]] = vector.broadcast %[[M]] : f32 to vector<8xf32>
  // CHECK:     %[[W:.+]] = vector.transfer_read %arg2[%c0, %[[C]]]
  // CHECK:     %[[D:.+]] = arith.subf %[[X]], %[[MV]] : vector<8xf32>
  // CHECK:     arith.mulf %[[D]], %[[W]] : vector<8xf32>
  func.func @map(%x: tensor<4x16xf32>, %m: tensor<4x1xf32>, %w: tensor<1x16xf32>) -> tensor<4x16xf32> {
    %y = fgla_tile.map(%x, %m, %w) : (tensor<4x16xf32>, tensor<4x1xf32>, tensor<1x16xf32>) -> tensor<4x16xf32> {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %d = arith.subf %a, %b : f32
      %e = arith.mulf %d, %c : f32
      fgla_tile.yield %e : f32
    }
    return %y : tensor<4x16xf32>
  }

  // A column is one vector after the other too.
  // CHECK-LABEL: func.func @map_column
  // CHECK: tensor.collapse_shape %arg0 {{\[\[}}0, 1]]
  // CHECK: arith.negf %{{.+}} : vector<8xf32>
  func.func @map_column(%x: tensor<16x1xf32>) -> tensor<16x1xf32> {
    %y = fgla_tile.map(%x) : (tensor<16x1xf32>) -> tensor<16x1xf32> {
    ^bb0(%a: f32):
      %d = arith.negf %a : f32
      fgla_tile.yield %d : f32
    }
    return %y : tensor<16x1xf32>
  }

  // CHECK-LABEL: func.func @mask
  // CHECK-SAME: (%{{.+}}: tensor<4x16xf32>, %[[N:.+]]: index)
  // CHECK: %[[IN:.+]] = arith.cmpi slt, %{{.+}}, %[[N]]
  // CHECK: vector.broadcast %[[IN]] : i1 to vector<8xi1>
  // CHECK: arith.select
  func.func @mask(%x: tensor<4x16xf32>, %n: index) -> tensor<4x16xf32> {
    %v = fgla_tile.valid rows(%n) : tensor<4x1xi1>
    %one = arith.constant 1.0 : f32
    %y = fgla_tile.map(%x, %v) : (tensor<4x16xf32>, tensor<4x1xi1>) -> tensor<4x16xf32> {
    ^bb0(%a: f32, %b: i1):
      %s = arith.select %b, %a, %one : f32
      fgla_tile.yield %s : f32
    }
    return %y : tensor<4x16xf32>
  }

  // CHECK-LABEL: func.func @reduce_row
  // CHECK: %[[ACC:.+]] = scf.for {{.*}} iter_args(%{{.+}} = %{{.+}}) -> (vector<8xf32>)
  // CHECK:   arith.maximumf
  // CHECK: vector.reduction <maximumf>, %[[ACC]] : vector<8xf32> into f32
  func.func @reduce_row(%x: tensor<4x16xf32>) -> tensor<4x1xf32> {
    %m = fgla_tile.reduce max %x dim 1 : tensor<4x16xf32> -> tensor<4x1xf32>
    return %m : tensor<4x1xf32>
  }

  // a + b - ab, the same for (b, a).
  // CHECK-LABEL: func.func @reduce_rows
  // CHECK: scf.for {{.*}} -> (vector<8xf32>)
  // CHECK:   %[[SUM:.+]] = arith.addf %[[A:.+]], %[[B:.+]] :
  // CHECK:   %[[PRODUCT:.+]] = arith.mulf %[[A]], %[[B]] :
  // CHECK:   arith.subf %[[SUM]], %[[PRODUCT]]
  // CHECK-NOT: vector.reduction
  func.func @reduce_rows(%x: tensor<4x16xf32>) -> tensor<1x16xf32> {
    %m = fgla_tile.reduce prob_or %x dim 0 : tensor<4x16xf32> -> tensor<1x16xf32>
    return %m : tensor<1x16xf32>
  }

  // Exclusive: what came before is written, then combined. Reverse: from the last row.
  // CHECK-LABEL: func.func @scan
  // CHECK: scf.for %[[I:.+]] = %c0 to %c4 step %c1 iter_args(%[[T:.+]] = %{{.+}}, %[[ACC:.+]] = %{{.+}})
  // CHECK:   %[[R:.+]] = arith.subi %c3, %[[I]]
  // CHECK:   %[[X:.+]] = vector.transfer_read %arg0[%[[R]]
  // CHECK:   %[[NEXT:.+]] = arith.mulf %[[ACC]], %[[X]]
  // CHECK:   %[[W:.+]] = vector.transfer_write %[[ACC]], %[[T]][%[[R]]
  // CHECK:   scf.yield %[[W]], %[[NEXT]]
  func.func @scan(%x: tensor<4x16xf32>) -> tensor<4x16xf32> {
    %p = fgla_tile.scan mul %x exclusive reverse : tensor<4x16xf32>
    return %p : tensor<4x16xf32>
  }

  // Eight rows by a vector in registers; b^T is transposed once, in registers.
  // CHECK-LABEL: func.func @dot
  // CHECK-COUNT-8: vector.from_elements
  // CHECK: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
  // CHECK-COUNT-8: vector.fma
  func.func @dot(%a: tensor<16x8xf32>, %b: tensor<8x8xf32>, %c: tensor<16x8xf32>) -> tensor<16x8xf32> {
    %d = fgla_tile.dot %a, %b transposed acc(%c : tensor<16x8xf32>) : tensor<16x8xf32>, tensor<8x8xf32> -> tensor<16x8xf32>
    return %d : tensor<16x8xf32>
  }

  // Columns that are no multiple of a vector: element by element.
  // CHECK-LABEL: func.func @odd_transpose
  // CHECK: tensor.extract %arg0
  // CHECK-NOT: vector.transpose
  // CHECK: return
  func.func @odd_transpose(%x: tensor<16x7xf32>) -> tensor<7x16xf32> {
    %y = fgla_tile.transpose %x : tensor<16x7xf32> -> tensor<7x16xf32>
    return %y : tensor<7x16xf32>
  }

  // CHECK-LABEL: func.func @decayed_scores
  // CHECK-COUNT-10: vector.reduction <add>
  // CHECK-NOT: vector.reduction
  func.func @decayed_scores(%q: tensor<4x16xf32>, %k: tensor<4x16xf32>, %f: tensor<4x16xf32>) -> tensor<4x4xf32> {
    %a = fgla_tile.decayed_scores %q, %k, %f : tensor<4x16xf32> -> tensor<4x4xf32>
    return %a : tensor<4x4xf32>
  }

  // Ten pairs of rows: one multiply-add each for queries, and two for keys and decays of all but the last.
  // CHECK-LABEL: func.func @decayed_scores_grad
  // CHECK: scf.for {{.*}} -> (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>)
  // CHECK-COUNT-22: vector.fma
  // CHECK-NOT: vector.fma
  func.func @decayed_scores_grad(%q: tensor<4x16xf32>, %k: tensor<4x16xf32>, %f: tensor<4x16xf32>, %a: tensor<4x4xf32>)
      -> (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) {
    %dq, %dk, %df = fgla_tile.decayed_scores_grad %q, %k, %f, %a : tensor<4x16xf32>, tensor<4x4xf32>
    return %dq, %dk, %df : tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>
  }

  // On the way back a row meets the decay of the row after it.
  // CHECK-LABEL: func.func @decayed_scan
  // CHECK: scf.for %[[R:.+]] = %{{.+}} iter_args({{.+}}, %[[SUM:.+]] = %{{.+}}, %[[AFTER:.+]] = %{{.+}})
  // CHECK:   %[[ROW:.+]] = arith.subi %{{.+}}, %[[R]]
  // CHECK:   %[[OWN:.+]] = vector.transfer_read %arg1[%[[ROW]], %{{.+}}]
  // CHECK:   %[[NEXT:.+]] = vector.fma %[[AFTER]], %[[SUM]]
  // CHECK:   scf.yield %{{.+}}, %[[NEXT]], %[[OWN]]
  func.func @decayed_scan(%x: tensor<8x16xf32>, %f: tensor<8x16xf32>) -> tensor<8x16xf32> {
    %u = fgla_tile.decayed_scan %x, %f reverse : tensor<8x16xf32>, tensor<8x16xf32>
    return %u : tensor<8x16xf32>
  }

  // CHECK-LABEL: func.func @decay_matrix
  // CHECK: vector.step
  // CHECK: arith.select
  func.func @decay_matrix(%f: tensor<8x1xf32>) -> tensor<8x8xf32> {
    %d = fgla_tile.decay_matrix %f : tensor<8x1xf32> -> tensor<8x8xf32>
    return %d : tensor<8x8xf32>
  }

  // CHECK-LABEL: func.func @decayed_sum
  // CHECK: scf.for %[[J:.+]] = %c0 to %c8
  // CHECK:   %[[BELOW:.+]] = arith.addi %[[J]], %c1
  // CHECK:   scf.for %{{.+}} = %[[BELOW]] to %c8
  func.func @decayed_sum(%a: tensor<8x8xf32>, %v: tensor<8x16xf32>, %f: tensor<8x16xf32>) -> tensor<8x16xf32> {
    %o = fgla_tile.decayed_sum %a, %v, %f : tensor<8x8xf32>, tensor<8x16xf32>
    return %o : tensor<8x16xf32>
  }

  // The next value of what a loop carries is written where the loop keeps it.
  // CHECK-LABEL: func.func @carried
  // CHECK: scf.for {{.*}} iter_args(%[[S:.+]] = %arg0)
  // CHECK:   scf.for {{.*}} iter_args(%{{.+}} = %[[S]])
  func.func @carried(%s: tensor<4x8xf32>, %n: index) -> tensor<4x8xf32> {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %r = scf.for %i = %zero to %n step %one iter_args(%x = %s) -> (tensor<4x8xf32>) {
      %y = fgla_tile.map(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
      ^bb0(%a: f32):
        %d = arith.negf %a : f32
        fgla_tile.yield %d : f32
      }
      scf.yield %y : tensor<4x8xf32>
    }
    return %r : tensor<4x8xf32>
  }

  // CHECK-LABEL: func.func @workers
  // CHECK: llvm.call @omp_get_max_threads
  func.func @workers() -> index {
    %n = fgla_tile.workers : index
    return %n : index
  }
}
