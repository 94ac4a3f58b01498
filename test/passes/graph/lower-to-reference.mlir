// RUN: fgla-opt %s --fgla-lower-to-reference --split-input-file | FileCheck %s
// RUN: fgla-opt %s --fgla-lower-to-reference --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: fgla-opt %s --fgla-lower-to-reference --split-input-file --one-shot-bufferize=bufferize-function-boundaries -o /dev/null

// NONE-NOT: fgla.{{attention|feature_map|gate|norm|output_gate|yield}}

// A loop over the tokens that carries the output, the state and the maximum.
// CHECK-LABEL: func.func @running
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4x5xf32>, %[[K:.*]]: tensor<?x?x2x5xf32>, %[[V:.*]]: tensor<?x?x2x3xf32>, %[[F:.*]]: tensor<?x?x2x5xf32>
// Two queries read one state: they are split by the states that they read.
// CHECK-DAG: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1], [2, 3], [4]] {{.*}} into tensor<?x?x2x2x5xf32>
// CHECK-DAG: %[[S0:.*]] = linalg.fill {{.*}} -> tensor<?x2x5x3xf32>
// CHECK-DAG: %[[INF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[M0:.*]] = linalg.fill ins(%[[INF]] : f32) {{.*}} -> tensor<?x2xf32>
// CHECK-DAG: %[[O0:.*]] = tensor.empty({{.*}}) : tensor<?x?x2x2x3xf32>
// CHECK: %[[LOOP:.*]]:3 = scf.for %[[T:.*]] = {{.*}} iter_args(%[[O:.*]] = %[[O0]], %[[S:.*]] = %[[S0]], %[[M:.*]] = %[[M0]])
// CHECK: %[[QT:.*]] = tensor.extract_slice %[[Q4]][0, %[[T]], 0, 0, 0]
// CHECK: %[[KT:.*]] = tensor.extract_slice %[[K]][0, %[[T]], 0, 0]
// CHECK: %[[VT:.*]] = tensor.extract_slice %[[V]][0, %[[T]], 0, 0]
// CHECK: %[[FT:.*]] = tensor.extract_slice %[[F]][0, %[[T]], 0, 0]
//        the token's maximum, the factor of the state, the state, the maximum
// CHECK: %[[MT:.*]] = linalg.generic {{.*}} ins(%[[KT]]
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[M]], %[[MT]]
// CHECK: %[[S1:.*]] = linalg.generic {{.*}} ins(%[[R]] {{.*}} outs(%[[S]]
// CHECK: %[[M1:.*]] = linalg.generic {{.*}} ins(%[[MT]] {{.*}} outs(%[[M]]
//        features, decay, update, read-out
// CHECK: %[[PHI:.*]] = linalg.generic {{.*}} ins(%[[KT]], %[[M1]]
// CHECK: %[[S2:.*]] = linalg.generic {{.*}} ins(%[[FT]] {{.*}} outs(%[[S1]]
// CHECK: %[[S3:.*]] = linalg.generic {{.*}} ins(%[[PHI]], %[[VT]] {{.*}} outs(%[[S2]]
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[S3]], %[[QT]]
// CHECK: %[[OT:.*]] = linalg.generic {{.*}} ins(%[[SUM]]
// CHECK: %[[O1:.*]] = tensor.insert_slice %[[OT]] into %[[O]][0, %[[T]], 0, 0, 0]
// CHECK: scf.yield %[[O1]], %[[S3]], %[[M1]]
// CHECK: %[[MERGED:.*]] = tensor.collapse_shape %[[LOOP]]#0 {{\[\[}}0], [1], [2, 3], [4]]
// CHECK: return %[[MERGED]], %[[LOOP]]#1, %[[LOOP]]#2
func.func @running(%q: tensor<?x?x4x5xf32>, %k: tensor<?x?x2x5xf32>, %v: tensor<?x?x2x3xf32>, %f: tensor<?x?x2x5xf32>)
    -> (tensor<?x?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>) {
  %o:3 = fgla.attention %q, %k, %v decay(%f) axis(key) stabilizer(running)
    : (tensor<?x?x4x5xf32>, tensor<?x?x2x5xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x5xf32>)
    -> (tensor<?x?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>)
  return %o#0, %o#1, %o#2 : tensor<?x?x4x3xf32>, tensor<?x2x5x3xf32>, tensor<?x2xf32>
}

// -----

// `sequence` looks at all keys before the first token; the initial state becomes relative to their maximum.
// CHECK-LABEL: func.func @sequence
// CHECK-SAME: %[[K:[a-z0-9]*]]: tensor<?x?x2x5xf32>, %[[S:[a-z0-9]*]]: tensor<?x2x5x5xf32>, %[[M:[a-z0-9]*]]: tensor<?x2xf32>
// A token whose maximum is no number below infinity has no part in it.
// CHECK: %[[OF:.*]] = linalg.generic {{.*}} ins(%[[K]] : tensor<?x?x2x5xf32>) outs({{.*}} : tensor<?x?x2xf32>)
// CHECK: %[[MS:.*]] = linalg.generic {{.*}} ins(%[[OF]] : tensor<?x?x2xf32>) outs({{.*}} : tensor<?x2xf32>)
// CHECK: arith.cmpf olt
// CHECK: arith.select
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[M]], %[[MS]]
// CHECK: %[[S1:.*]] = linalg.generic {{.*}} ins(%[[R]] {{.*}} outs(%[[S]]
// CHECK: %[[M1:.*]] = linalg.generic {{.*}} ins(%[[MS]] {{.*}} outs(%[[M]]
// CHECK: %[[LOOP:.*]]:2 = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %[[S1]])
// CHECK: %[[MERGED:.*]] = tensor.collapse_shape %[[LOOP]]#0
// CHECK: return %[[MERGED]], %[[LOOP]]#1, %[[M1]]
func.func @sequence(%q: tensor<?x?x4x5xf32>, %k: tensor<?x?x2x5xf32>, %s: tensor<?x2x5x5xf32>, %m: tensor<?x2xf32>)
    -> (tensor<?x?x4x5xf32>, tensor<?x2x5x5xf32>, tensor<?x2xf32>) {
  %o:3 = fgla.attention %q, %k, %k state(%s) max(%m) stabilizer(sequence)
    : (tensor<?x?x4x5xf32>, tensor<?x?x2x5xf32>, tensor<?x?x2x5xf32>, tensor<?x2x5x5xf32>, tensor<?x2xf32>)
    -> (tensor<?x?x4x5xf32>, tensor<?x2x5x5xf32>, tensor<?x2xf32>)
  return %o#0, %o#1, %o#2 : tensor<?x?x4x5xf32>, tensor<?x2x5x5xf32>, tensor<?x2xf32>
}

// -----

// A log decay enters by one exponential; the delta rule writes beta (v - S^T k); storage converts at the ends.
// CHECK-LABEL: func.func @gated_delta
// CHECK-SAME: %[[A:[a-z0-9]*]]: tensor<2xf32>, %[[B:[a-z0-9]*]]: tensor<?x?x1xbf16>
// CHECK: scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}}) -> (tensor<?x?x2x5xbf16>, tensor<?x2x5x5xf32>)
// CHECK: %[[BS:.*]] = tensor.extract_slice %[[B]]
// CHECK: %[[BT:.*]] = tensor.collapse_shape %[[BS]]
// CHECK: %[[S1:.*]] = linalg.generic {{.*}} ins(%[[A]] : tensor<2xf32>) outs(%[[S]]
// CHECK: math.exp
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[S1]]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[P]], %[[BT]] : tensor<?x2x5xbf16>, tensor<?x2x5xf32>, tensor<?xbf16>)
// CHECK: arith.subf
// CHECK: linalg.generic {{.*}} outs(%[[S1]]
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @gated_delta(%q: tensor<?x?x2x5xbf16>, %a: tensor<2xf32>, %b: tensor<?x?x1xbf16>) -> tensor<?x?x2x5xbf16> {
  %o = fgla.attention %q, %q, %q log_decay(%a) axis(constant) beta(%b) rule(gated_delta)
    : (tensor<?x?x2x5xbf16>, tensor<?x?x2x5xbf16>, tensor<?x?x2x5xbf16>, tensor<2xf32>, tensor<?x?x1xbf16>) -> (tensor<?x?x2x5xbf16>)
  return %o : tensor<?x?x2x5xbf16>
}

// -----

// Element types may differ; all is computed in that of the query's kind.
// CHECK-LABEL: func.func @mixed
// CHECK: arith.extf %{{.*}} : f16 to f64
// CHECK: return %{{.*}} : tensor<?x?x2x5xf64>
func.func @mixed(%q: tensor<?x?x2x5xf64>, %f: tensor<?x?x2x5xf16>) -> tensor<?x?x2x5xf64> {
  %o = fgla.attention %q, %q, %q decay(%f) axis(key)
    : (tensor<?x?x2x5xf64>, tensor<?x?x2x5xf64>, tensor<?x?x2x5xf64>, tensor<?x?x2x5xf16>) -> (tensor<?x?x2x5xf64>)
  return %o : tensor<?x?x2x5xf64>
}

// -----

// CHECK-LABEL: func.func @elementwise
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: math.absf
// CHECK: math.sqrt
func.func @elementwise(%x: tensor<?x?x2x5xf16>, %z: tensor<?x?x2x10xf16>) -> (tensor<?x?x2x10xf16>, tensor<?x?x2x5xf16>) {
  %0 = fgla.feature_map hedgehog %x : tensor<?x?x2x5xf16> -> tensor<?x?x2x10xf16>
  %1 = fgla.feature_map custom %0 : tensor<?x?x2x10xf16> -> tensor<?x?x2x10xf16> {
  ^bb0(%a: f32):
    %b = math.absf %a : f32
    fgla.yield %b : f32
  }
  %2 = fgla.norm layer %1 : tensor<?x?x2x10xf16>
  %3 = fgla.output_gate %2, %z : tensor<?x?x2x10xf16>
  %4 = fgla.gate log refined(%x, %x) : tensor<?x?x2x5xf16>
  return %3, %4 : tensor<?x?x2x10xf16>, tensor<?x?x2x5xf16>
}

// -----

// What is known of a size on one side only needs a cast.
// CHECK-LABEL: func.func @cast
// CHECK: tensor.cast %{{.*}} : tensor<?x?x2x5xf32> to tensor<3x?x2x5xf32>
func.func @cast(%x: tensor<?x?x2x5xf32>) -> tensor<3x?x2x5xf32> {
  %y = fgla.feature_map relu %x : tensor<?x?x2x5xf32> -> tensor<3x?x2x5xf32>
  return %y : tensor<3x?x2x5xf32>
}
