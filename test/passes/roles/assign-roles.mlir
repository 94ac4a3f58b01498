// RUN: fgla-opt %s --fgla-assign-roles --canonicalize --cse | FileCheck %s
// RUN: sed 's/schedule<tile = 16>/schedule<tile = 16, load = 4, elementwise = 4x2, matrix = 2>/' %s | fgla-opt --fgla-assign-roles | FileCheck %s --check-prefix=GIVEN

// What the schedule says goes; but 64 channels give work to one warp, so eight of them make eight instances.
// GIVEN-LABEL: func.func private @all
// GIVEN: role "load" warps(4) instances(1)
// GIVEN: role "elementwise" warps(1) instances(8)
// GIVEN: role "matrix" warps(2) instances(1)

// Each op by what it is: reads load; one number a row; tiles of tokens; what depends on the carried state multiplies.
// CHECK-LABEL: func.func private @all
// CHECK-SAME: %[[X:[^:]*]]: memref<?x?x64xbf16>, %[[Y:[^:]*]]: memref<?x?x64xf32>, %[[S:[^:]*]]: memref<?x64x64xf32>
func.func private @all(%x: memref<?x?x64xbf16>, %y: memref<?x?x64xf32>, %s: memref<?x64x64xf32>) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %batches = memref.dim %x, %c0 : memref<?x?x64xbf16>
  %tokens = memref.dim %x, %c1 : memref<?x?x64xbf16>
  // CHECK: scf.forall (%[[B:.*]]) in
  scf.forall (%b) in (%batches) {
    // CHECK-NEXT: fgla_warp.pipeline stages(1) {
    // What the elementwise role alone read gives its memory to what it puts; what another role reads too, does not.
    // CHECK-DAG: %[[ROWS:.*]] = fgla_warp.channel : <tensor<16x1xf32>>
    // CHECK-DAG: %[[LOADED:.*]] = fgla_warp.channel : <tensor<16x64xbf16>>
    // CHECK-DAG: %[[SCALED:.*]] = fgla_warp.channel : <tensor<16x64xf32>>
    // CHECK-NOT: reuses
    %initial = fgla_tile.map() : () -> tensor<64x64xf32> {
      fgla_tile.yield %zero : f32
    }
    // CHECK: fgla_warp.role "load" warps({{[0-9]+}}) instances(1) {
    // CHECK-NEXT: ^bb0(%[[I:.*]]: index):
    // CHECK:   fgla_tile.walk (%[[AT:.*]], %[[N:.*]], %[[T:.*]]) = %c0 to %{{.*}} by 16 instance(%[[I]] of 1) {
    // CHECK:     %[[TILE:.*]] = fgla_tile.load %[[X]][%[[B]], %[[AT]], %c0]
    // CHECK-NEXT: fgla_warp.put %[[TILE]], %[[LOADED]][%[[T]]]
    // CHECK-NOT: fgla_warp.release
    // CHECK: fgla_warp.role "rows.0" warps({{[0-9]+}}) instances(1) {
    // CHECK:   fgla_tile.walk (%{{.*}}, %{{.*}}, %[[T:.*]]) =
    // CHECK:     %[[TILE:.*]] = fgla_warp.get %[[LOADED]][%[[T]]]
    // CHECK:     %[[WIDE:.*]] = fgla_tile.map(%[[TILE]])
    // CHECK:     %[[SUM:.*]] = fgla_tile.reduce add %[[WIDE]] dim 1
    // CHECK-NEXT: fgla_warp.put %[[SUM]], %[[ROWS]][%[[T]]]
    // CHECK-NEXT: fgla_warp.release %[[T]]
    // Eight warps: one takes 64 channels, so there are eight instances with every eighth turn.
    // CHECK: fgla_warp.role "elementwise" warps(1) instances(8) {
    // CHECK-NEXT: ^bb0(%[[I:.*]]: index):
    // CHECK:   fgla_tile.walk (%{{.*}}, %{{.*}}, %[[T:.*]]) = %c0 to %{{.*}} by 16 instance(%[[I]] of 8) {
    // CHECK:     %[[NUMBERS:.*]] = fgla_warp.get %[[ROWS]][%[[T]]]
    // CHECK:     %[[TILE:.*]] = fgla_warp.get %[[LOADED]][%[[T]]]
    // CHECK:     %[[OUT:.*]] = fgla_tile.map(%{{.*}}, %[[NUMBERS]])
    // CHECK:     math.exp
    // CHECK:     fgla_warp.put %[[OUT]], %[[SCALED]][%[[T]]]
    // CHECK-NEXT: fgla_warp.release %[[T]]
    // CHECK: fgla_warp.role "matrix" warps({{[0-9]+}}) instances(1) {
    // CHECK:   %[[ZERO:.*]] = fgla_tile.map() : () -> tensor<64x64xf32>
    // CHECK:   %[[STATE:.*]] = fgla_tile.walk (%{{.*}}, %{{.*}}, %[[T:.*]]) = {{.*}} iter_args(%[[CARRIED:.*]] = %[[ZERO]]) -> (tensor<64x64xf32>) {
    // CHECK:     %[[QUERY:.*]] = fgla_warp.get %[[SCALED]][%[[T]]]
    // CHECK:     %[[O:.*]] = fgla_tile.dot %[[QUERY]], %[[CARRIED]]
    // CHECK:     %[[NEXT:.*]] = fgla_tile.dot %[[QUERY]] transposed, %[[QUERY]] acc(%[[CARRIED]] : tensor<64x64xf32>)
    // The products are the last that read the channel: the release comes before the epilogue.
    // CHECK-NEXT: fgla_warp.release %[[T]]
    // CHECK:     fgla_tile.store %{{.*}}, %[[Y]]
    // CHECK:     fgla_tile.yield %[[NEXT]]
    // CHECK:   fgla_tile.store %[[STATE]], %[[S]][%[[B]], %c0, %c0]
    // CHECK-NOT: fgla_warp.role
    %state = fgla_tile.walk (%t, %rows, %turn) = %c0 to %tokens by 16 iter_args(%carried = %initial) -> (tensor<64x64xf32>) {
      %tile = fgla_tile.load %x[%b, %t, %c0] rows(%rows) dims [1, 2] : memref<?x?x64xbf16> -> tensor<16x64xbf16>
      %wide = fgla_tile.map(%tile) : (tensor<16x64xbf16>) -> tensor<16x64xf32> {
      ^bb0(%a: bf16):
        %w = arith.extf %a : bf16 to f32
        fgla_tile.yield %w : f32
      }
      %sum = fgla_tile.reduce add %wide dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
      %scaled = fgla_tile.map(%wide, %sum) : (tensor<16x64xf32>, tensor<16x1xf32>) -> tensor<16x64xf32> {
      ^bb0(%a: f32, %n: f32):
        %d = arith.subf %a, %n : f32
        %e = math.exp %d : f32
        fgla_tile.yield %e : f32
      }
      %o = fgla_tile.dot %scaled, %carried : tensor<16x64xf32>, tensor<64x64xf32> -> tensor<16x64xf32>
      %next = fgla_tile.dot %scaled transposed, %scaled acc(%carried : tensor<64x64xf32>) : tensor<16x64xf32>, tensor<16x64xf32> -> tensor<64x64xf32>
      %half = fgla_tile.map(%o) : (tensor<16x64xf32>) -> tensor<16x64xf32> {
      ^bb0(%a: f32):
        %n = arith.negf %a : f32
        fgla_tile.yield %n : f32
      }
      fgla_tile.store %half, %y[%b, %t, %c0] rows(%rows) dims [1, 2] : tensor<16x64xf32>, memref<?x?x64xf32>
      fgla_tile.yield %next : tensor<64x64xf32>
    }
    fgla_tile.store %state, %s[%b, %c0, %c0] dims [1, 2] : tensor<64x64xf32>, memref<?x64x64xf32>
  }
  return
}

// An operand that the epilogue reads again keeps the turn until then.
// CHECK-LABEL: func.func private @late
func.func private @late(%x: memref<?x32xf32>, %y: memref<?x32xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  scf.forall (%b) in (1) {
    %initial = fgla_tile.map() : () -> tensor<32x32xf32> {
      fgla_tile.yield %zero : f32
    }
    // CHECK: fgla_warp.role "matrix" warps({{[0-9]+}}) instances(1) {
    // CHECK: %[[TILE:.*]] = fgla_warp.get
    // CHECK: fgla_tile.dot
    // CHECK: fgla_tile.dot
    // CHECK-NOT: fgla_warp.release
    // CHECK: %[[SUM:.*]] = fgla_tile.map(%{{.*}}, %[[TILE]])
    // CHECK: fgla_tile.store %[[SUM]]
    // CHECK-NEXT: fgla_warp.release
    %state = fgla_tile.walk (%t, %rows, %turn) = %c0 to %n by 16 iter_args(%carried = %initial) -> (tensor<32x32xf32>) {
      %tile = fgla_tile.load %x[%t, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
      %o = fgla_tile.dot %tile, %carried : tensor<16x32xf32>, tensor<32x32xf32> -> tensor<16x32xf32>
      %next = fgla_tile.dot %tile transposed, %tile acc(%carried : tensor<32x32xf32>) : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<32x32xf32>
      %sum = fgla_tile.map(%o, %tile) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32> {
      ^bb0(%a: f32, %c: f32):
        %s = arith.addf %a, %c : f32
        fgla_tile.yield %s : f32
      }
      fgla_tile.store %sum, %y[%t, %c0] rows(%rows) dims [0, 1] : tensor<16x32xf32>, memref<?x32xf32>
      fgla_tile.yield %next : tensor<32x32xf32>
    }
  }
  return
}

// Memory is used again only where its tile has been read for the last time: the first tile is put before the second one is
// read and has a place of its own, since the matrix role reads the first one too.
// CHECK-LABEL: func.func private @order
func.func private @order(%x: memref<?x32xf32>, %z: memref<?x32xf32>, %y: memref<?x32xf32>, %n: index) attributes {fgla.kernel = #fgla.schedule<tile = 16>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  scf.forall (%b) in (1) {
    %initial = fgla_tile.map() : () -> tensor<32x32xf32> {
      fgla_tile.yield %zero : f32
    }
    // CHECK: %[[NEXT:.*]] = fgla_warp.channel reuses(%[[SECOND:.*]] : !fgla
    // CHECK-NOT: reuses
    // CHECK: fgla_warp.role "elementwise"
    // CHECK: %[[A:.*]] = fgla_tile.map
    // CHECK-NOT: %[[NEXT]]
    // CHECK: fgla_warp.put %[[A]]
    // CHECK: %[[B:.*]] = fgla_tile.map
    // CHECK: fgla_warp.put %[[B]], %[[NEXT]]
    // CHECK: fgla_warp.role "matrix"
    %state = fgla_tile.walk (%t, %rows, %turn) = %c0 to %n by 16 iter_args(%carried = %initial) -> (tensor<32x32xf32>) {
      %first = fgla_tile.load %x[%t, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
      %second = fgla_tile.load %z[%t, %c0] rows(%rows) dims [0, 1] : memref<?x32xf32> -> tensor<16x32xf32>
      %a = fgla_tile.map(%first) : (tensor<16x32xf32>) -> tensor<16x32xf32> {
      ^bb0(%v: f32):
        %e = math.exp %v : f32
        fgla_tile.yield %e : f32
      }
      %c = fgla_tile.map(%second) : (tensor<16x32xf32>) -> tensor<16x32xf32> {
      ^bb0(%v: f32):
        %e = math.exp %v : f32
        fgla_tile.yield %e : f32
      }
      %o = fgla_tile.dot %a, %carried : tensor<16x32xf32>, tensor<32x32xf32> -> tensor<16x32xf32>
      %next = fgla_tile.dot %c transposed, %first acc(%carried : tensor<32x32xf32>) : tensor<16x32xf32>, tensor<16x32xf32> -> tensor<32x32xf32>
      fgla_tile.store %o, %y[%t, %c0] rows(%rows) dims [0, 1] : tensor<16x32xf32>, memref<?x32xf32>
      fgla_tile.yield %next : tensor<32x32xf32>
    }
  }
  return
}

// What is no kernel stays.
// CHECK-LABEL: func.func @host
// CHECK: scf.forall
// CHECK-NOT: fgla_warp
func.func @host(%x: memref<?xf32>, %n: index) {
  scf.forall (%b) in (%n) {
    %v = memref.load %x[%b] : memref<?xf32>
    memref.store %v, %x[%b] : memref<?xf32>
  }
  return
}
