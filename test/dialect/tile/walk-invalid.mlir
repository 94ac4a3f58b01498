// RUN: fgla-opt %s --split-input-file --verify-diagnostics

func.func @walk_c1(%n: index) {
  // expected-error @+1 {{must go on by at least one token, got 0 (walk_c1)}}
  fgla_tile.walk (%token, %rows, %turn) = %n to %n by 0 {
  }
  return
}

// -----

func.func @walk_c2_names(%n: index) {
  // expected-error @+1 {{expected names for the token, the rows and the turn, got 2 (walk_c2)}}
  fgla_tile.walk (%token, %rows) = %n to %n by 16 {
  }
  return
}

// -----

func.func @walk_c2(%n: index) {
  // expected-error @+1 {{body must take 'index', 'index', 'index', got 'i32', 'index', 'index' (walk_c2)}}
  "fgla_tile.walk"(%n, %n) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>, step = 16 : i64}> ({
  ^bb0(%token: i32, %rows: index, %turn: index):
    "fgla_tile.yield"() : () -> ()
  }) : (index, index) -> ()
  return
}

// -----

// (The interface of loops says this.)
func.func @walk_c2_carried(%n: index, %s: tensor<16x16xf32>) {
  // expected-error @+1 {{different number of inits and region iter_args: 1 != 0}}
  %r = "fgla_tile.walk"(%n, %n, %s) <{operandSegmentSizes = array<i32: 1, 1, 0, 1>, step = 16 : i64}> ({
  ^bb0(%token: index, %rows: index, %turn: index):
    "fgla_tile.yield"(%s) : (tensor<16x16xf32>) -> ()
  }) : (index, index, tensor<16x16xf32>) -> tensor<16x16xf32>
  return
}

// -----

func.func @walk_c3_types(%n: index, %s: tensor<16x16xf32>) {
  // expected-error @+1 {{must return what it carries, 1 values, got 2 (walk_c3)}}
  %r:2 = fgla_tile.walk (%token, %rows, %turn) = %n to %n by 16 iter_args(%x = %s) -> (tensor<16x16xf32>, tensor<16x16xf32>) {
    fgla_tile.yield %x : tensor<16x16xf32>
  }
  return
}

// -----

func.func @walk_c3_results(%n: index, %s: tensor<16x16xf32>) {
  // expected-error @+1 {{must return what it carries, 'tensor<16x16xf32>', got 'tensor<16x8xf32>' (walk_c3)}}
  %r = "fgla_tile.walk"(%n, %n, %s) <{operandSegmentSizes = array<i32: 1, 1, 0, 1>, step = 16 : i64}> ({
  ^bb0(%token: index, %rows: index, %turn: index, %x: tensor<16x16xf32>):
    "fgla_tile.yield"(%s) : (tensor<16x16xf32>) -> ()
  }) : (index, index, tensor<16x16xf32>) -> tensor<16x8xf32>
  return
}

// -----

func.func @walk_c3_yield(%n: index, %s: tensor<16x16xf32>, %t: tensor<16x8xf32>) {
  // expected-error @+1 {{0-th region iter_arg and 0-th yielded value have different type: 'tensor<16x16xf32>' != 'tensor<16x8xf32>'}}
  %r = fgla_tile.walk (%token, %rows, %turn) = %n to %n by 16 iter_args(%x = %s) -> (tensor<16x16xf32>) {
    fgla_tile.yield %t : tensor<16x8xf32>
  }
  return
}

// -----

func.func @walk_c4_none(%n: index) {
  // expected-error @+1 {{must have at least one instance, and be told which where there are more, got 0 with an operand 'instance' (walk_c4)}}
  fgla_tile.walk (%token, %rows, %turn) = %n to %n by 16 instance(%n of 0) {
  }
  return
}

// -----

func.func @walk_c4_which(%n: index) {
  // expected-error @+1 {{must have at least one instance, and be told which where there are more, got 2 without an operand 'instance' (walk_c4)}}
  "fgla_tile.walk"(%n, %n) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>, step = 16 : i64, instances = 2 : i64}> ({
  ^bb0(%token: index, %rows: index, %turn: index):
    "fgla_tile.yield"() : () -> ()
  }) : (index, index) -> ()
  return
}
