// RUN: fgla-opt %s --fgla-expand-block --split-input-file | FileCheck %s

// The parts of a block, and what flows between them.
// CHECK-LABEL: func.func @block
// CHECK-SAME: %[[X:.*]]: tensor<?x?x6xf32>, %[[WQ:.*]]: tensor<6x2x5xf32>, %[[WK:.*]]: tensor<6x2x5xf32>, %[[WV:.*]]: tensor<6x2x3xf32>
// CHECK-SAME: %[[WG:.*]]: tensor<6x2x5xf32>, %[[BG:.*]]: tensor<2x5xf32>, %[[WR:.*]]: tensor<6x2x5xf32>, %[[BR:.*]]: tensor<2x5xf32>
// CHECK-SAME: %[[W:.*]]: tensor<3xf32>, %[[WO:.*]]: tensor<2x3x6xf32>
// CHECK: %[[ZQ:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[WQ]]
// CHECK: %[[ZK:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[WK]]
// CHECK: %[[V:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[WV]]
// CHECK: %[[PG:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[WG]]
// CHECK: %[[ZG:.*]] = linalg.generic {{.*}} ins(%[[PG]], %[[BG]]
// CHECK: %[[PR:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[WR]]
// CHECK: %[[ZR:.*]] = linalg.generic {{.*}} ins(%[[PR]], %[[BR]]
// CHECK: %[[Q:.*]] = fgla.feature_map safe_exp %[[ZQ]] : tensor<?x?x2x5xf32> -> tensor<?x?x2x5xf32>
// CHECK: %[[F:.*]] = fgla.gate refined(%[[ZG]], %[[ZR]]) : tensor<?x?x2x5xf32>
// CHECK: %[[O:.*]] = fgla.attention %[[Q]], %[[ZK]], %[[V]] decay(%[[F]]) axis(key) stabilizer(running) :
// CHECK: %[[N:.*]] = fgla.norm rms %[[O]] weight(%[[W]] : tensor<3xf32>) eps(0.001) : tensor<?x?x2x3xf32>
// CHECK-NOT: fgla.output_gate
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[N]], %[[WO]]
// CHECK: return %[[Y]] : tensor<?x?x6xf32>
func.func @block(%x: tensor<?x?x6xf32>, %wq: tensor<6x2x5xf32>, %wk: tensor<6x2x5xf32>, %wv: tensor<6x2x3xf32>,
    %wg: tensor<6x2x5xf32>, %bg: tensor<2x5xf32>, %wr: tensor<6x2x5xf32>, %br: tensor<2x5xf32>, %w: tensor<3xf32>,
    %wo: tensor<2x3x6xf32>) -> tensor<?x?x6xf32> {
  %y = fgla.block %x query(%wq) key(%wk) value(%wv) gate(%wg, %bg) refine(%wr, %br) norm(%w) output(%wo) eps(1.0e-3)
    : (tensor<?x?x6xf32>, tensor<6x2x5xf32>, tensor<6x2x5xf32>, tensor<6x2x3xf32>, tensor<6x2x5xf32>, tensor<2x5xf32>,
       tensor<6x2x5xf32>, tensor<2x5xf32>, tensor<3xf32>, tensor<2x3x6xf32>) -> (tensor<?x?x6xf32>)
  return %y : tensor<?x?x6xf32>
}

// -----

// States, the output gate, a layer norm; sums in f32, stored as bf16.
// CHECK-LABEL: func.func @everything
// CHECK-SAME: %[[S:[a-z0-9]*]]: tensor<?x2x5x3xf32>, %[[M:[a-z0-9]*]]: tensor<?x2xf32>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins({{.*}} : tensor<2x?x6xbf16>, tensor<6x2x5xbf16>) outs(%{{.*}} : tensor<2x?x2x5xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[P]] : tensor<2x?x2x5xf32>) outs(%{{.*}} : tensor<2x?x2x5xbf16>)
// CHECK: fgla.attention {{.*}} state(%[[S]]) max(%[[M]]) stabilizer(sequence) scale(0.5)
// CHECK: %[[N:.*]] = fgla.norm layer
// CHECK: fgla.output_gate %[[N]]
func.func @everything(%x: tensor<2x?x6xbf16>, %w: tensor<6x2x5xbf16>, %wv: tensor<6x2x3xbf16>, %b: tensor<2x5xbf16>,
    %n: tensor<2x3xbf16>, %wo: tensor<2x3x6xbf16>, %s: tensor<?x2x5x3xf32>, %m: tensor<?x2xf32>)
    -> (tensor<2x?x6xbf16>, tensor<?x2x5x3xf32>, tensor<?x2xf32>) {
  %y:3 = fgla.block %x query(%w) key(%w) value(%wv) gate(%w, %b) refine(%w, %b) norm(%n) output_gate(%wv) output(%wo)
      state(%s) max(%m) kind(layer) stabilizer(sequence) scale(0.5)
    : (tensor<2x?x6xbf16>, tensor<6x2x5xbf16>, tensor<6x2x5xbf16>, tensor<6x2x3xbf16>, tensor<6x2x5xbf16>, tensor<2x5xbf16>,
       tensor<6x2x5xbf16>, tensor<2x5xbf16>, tensor<2x3xbf16>, tensor<6x2x3xbf16>, tensor<2x3x6xbf16>, tensor<?x2x5x3xf32>,
       tensor<?x2xf32>) -> (tensor<2x?x6xbf16>, tensor<?x2x5x3xf32>, tensor<?x2xf32>)
  return %y#0, %y#1, %y#2 : tensor<2x?x6xbf16>, tensor<?x2x5x3xf32>, tensor<?x2xf32>
}

// -----

// A step is an attention on one token.
// CHECK-LABEL: func.func @step
// CHECK-SAME: %[[Q:.*]]: tensor<?x4x5xf32>, %[[K:.*]]: tensor<?x2x5xf32>, %[[V:.*]]: tensor<?x2x3xf32>, %[[F:.*]]: tensor<?x2x5xf32>, %[[S:.*]]: tensor<?x2x5x3xf32>, %[[M:.*]]: tensor<?x2xf32>
// CHECK-DAG: %[[Q1:.*]] = tensor.expand_shape %[[Q]] {{.*}} : tensor<?x4x5xf32> into tensor<?x1x4x5xf32>
// CHECK-DAG: %[[K1:.*]] = tensor.expand_shape %[[K]] {{.*}} : tensor<?x2x5xf32> into tensor<?x1x2x5xf32>
// CHECK-DAG: %[[V1:.*]] = tensor.expand_shape %[[V]] {{.*}} : tensor<?x2x3xf32> into tensor<?x1x2x3xf32>
// CHECK-DAG: %[[F1:.*]] = tensor.expand_shape %[[F]] {{.*}} : tensor<?x2x5xf32> into tensor<?x1x2x5xf32>
// CHECK: %[[O:.*]], %[[S1:.*]], %[[M1:.*]] = fgla.attention %[[Q1]], %[[K1]], %[[V1]] decay(%[[F1]]) axis(key) state(%[[S]]) max(%[[M]]) stabilizer(running) :
// CHECK: %[[R:.*]] = tensor.collapse_shape %[[O]] {{.*}} : tensor<?x1x4x3xf32> into tensor<?x4x3xf32>
// CHECK: return %[[R]], %[[S1]], %[[M1]]
func.func @step(%q: tensor<?x4x5xf32>, %k: tensor<?x2x5xf32>, %v: tensor<?x2x3xf32>, %f: tensor<?x2x5xf32>, %s: tensor<?x2x5x3xf32>,
    %m: tensor<?x2xf32>) -> (tensor<?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>) {
  %o:3 = fgla.step %q, %k, %v decay(%f) axis(key) state(%s) max(%m) stabilizer(running)
    : (tensor<?x4x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>)
    -> (tensor<?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>)
  return %o#0, %o#1, %o#2 : tensor<?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>
}

// -----

// A constant decay has no token axis to get; beta does.
// CHECK-LABEL: func.func @delta_step
// CHECK-SAME: %[[A:[a-z0-9]*]]: tensor<2xf32>, %[[B:[a-z0-9]*]]: tensor<?x1xf32>
// CHECK: %[[B1:.*]] = tensor.expand_shape %[[B]] {{.*}} : tensor<?x1xf32> into tensor<?x1x1xf32>
// CHECK: fgla.attention {{.*}} log_decay(%[[A]]) axis(constant) beta(%[[B1]]) state(%{{.*}}) rule(gated_delta)
func.func @delta_step(%q: tensor<?x2x5xf32>, %a: tensor<2xf32>, %b: tensor<?x1xf32>, %s: tensor<?x2x5x5xf32>)
    -> (tensor<?x2x5xf32>, tensor<?x2x5x5xf32>) {
  %o:2 = fgla.step %q, %q, %q log_decay(%a) axis(constant) beta(%b) state(%s) rule(gated_delta)
    : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<2xf32>, tensor<?x1xf32>, tensor<?x2x5x5xf32>)
    -> (tensor<?x2x5xf32>, tensor<?x2x5x5xf32>)
  return %o#0, %o#1 : tensor<?x2x5xf32>, tensor<?x2x5x5xf32>
}
