// Loops over vectors give what plain Python gives: sizes below, at and above a vector, with and without a rest; one row and many.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/a x=f32:1x1 bias=f32:1 w=f32:1x1 half=bf16:1
// RUN: %python %S/../Inputs/tensors.py make %t/b x=f32:3x16 bias=f32:16 w=f32:16x32 half=bf16:16
// RUN: %python %S/../Inputs/tensors.py make %t/c x=f32:29x37 bias=f32:37 w=f32:37x45 half=bf16:19
// RUN: %python %S/../Inputs/tensors.py make %t/d x=f32:200x203 bias=f32:203 w=f32:203x33 half=bf16:50000
// RUN: fgla-run %s --inputs=%t/a --outputs=%t/ya && %python %S/../Inputs/check_linalg.py %t/a %t/ya
// RUN: fgla-run %s --inputs=%t/b --outputs=%t/yb && %python %S/../Inputs/check_linalg.py %t/b %t/yb
// RUN: fgla-run %s --inputs=%t/c --outputs=%t/yc && %python %S/../Inputs/check_linalg.py %t/c %t/yc
// RUN: fgla-run %s --inputs=%t/d --outputs=%t/yd && %python %S/../Inputs/check_linalg.py %t/d %t/yd

#id = affine_map<(r, c) -> (r, c)>
#row = affine_map<(r, c) -> (r)>
#column = affine_map<(r, c) -> (c)>
#swapped = affine_map<(r, c) -> (c, r)>
#none = affine_map<(r, c) -> ()>
#line = affine_map<(i) -> (i)>
func.func @numbers(%x: tensor<?x?xf32>, %bias: tensor<?xf32>, %w: tensor<?x?xf32>, %half: tensor<?xbf16>)
    -> (tensor<?x?xf32> {fgla.name = "elementwise"}, tensor<?xf32> {fgla.name = "row_sums"}, tensor<?xf32> {fgla.name = "row_maxima"},
        tensor<?xf32> {fgla.name = "column_sums"}, tensor<f32> {fgla.name = "total"}, tensor<?x?xf32> {fgla.name = "transposed"},
        tensor<?x?xf32> {fgla.name = "product"}, tensor<?x?xf32> {fgla.name = "transposed_product"}, tensor<?x?xf32> {fgla.name = "positions"},
        tensor<?xf32> {fgla.name = "widened"}, tensor<?x?xi1> {fgla.name = "flags"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %columns = tensor.dim %x, %c1 : tensor<?x?xf32>
  %width = tensor.dim %w, %c1 : tensor<?x?xf32>
  %length = tensor.dim %half, %c0 : tensor<?xbf16>
  %plane = tensor.empty(%rows, %columns) : tensor<?x?xf32>
  %elementwise = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %bias : tensor<?x?xf32>, tensor<?xf32>) outs(%plane : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %e = math.exp %a : f32
    %s = arith.addf %e, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>

  %per_row = tensor.empty(%rows) : tensor<?xf32>
  %row_zero = linalg.fill ins(%zero : f32) outs(%per_row : tensor<?xf32>) -> tensor<?xf32>
  %row_low = linalg.fill ins(%low : f32) outs(%per_row : tensor<?xf32>) -> tensor<?xf32>
  %row:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%row_zero, %row_low : tensor<?xf32>, tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32, %max: f32):
    %s = arith.addf %sum, %a : f32
    %m = arith.maximumf %max, %a : f32
    linalg.yield %s, %m : f32, f32
  } -> (tensor<?xf32>, tensor<?xf32>)

  %per_column = tensor.empty(%columns) : tensor<?xf32>
  %column_zero = linalg.fill ins(%zero : f32) outs(%per_column : tensor<?xf32>) -> tensor<?xf32>
  %column_sums = linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<?x?xf32>) outs(%column_zero : tensor<?xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %s = arith.addf %sum, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>

  %one = tensor.empty() : tensor<f32>
  %one_zero = linalg.fill ins(%zero : f32) outs(%one : tensor<f32>) -> tensor<f32>
  %total = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<?x?xf32>) outs(%one_zero : tensor<f32>) {
  ^bb0(%a: f32, %sum: f32):
    %s = arith.addf %sum, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>

  %plane_t = tensor.empty(%columns, %rows) : tensor<?x?xf32>
  %transposed = linalg.transpose ins(%x : tensor<?x?xf32>) outs(%plane_t : tensor<?x?xf32>) permutation = [1, 0]

  %plane_w = tensor.empty(%rows, %width) : tensor<?x?xf32>
  %zero_w = linalg.fill ins(%zero : f32) outs(%plane_w : tensor<?x?xf32>) -> tensor<?x?xf32>
  %product = linalg.matmul ins(%x, %w : tensor<?x?xf32>, tensor<?x?xf32>) outs(%zero_w : tensor<?x?xf32>) -> tensor<?x?xf32>

  %square = tensor.empty(%columns, %columns) : tensor<?x?xf32>
  %zero_s = linalg.fill ins(%zero : f32) outs(%square : tensor<?x?xf32>) -> tensor<?x?xf32>
  %transposed_product = linalg.matmul
      indexing_maps = [affine_map<(m, n, l) -> (l, m)>, affine_map<(m, n, l) -> (l, n)>, affine_map<(m, n, l) -> (m, n)>]
      ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%zero_s : tensor<?x?xf32>) -> tensor<?x?xf32>

  %positions = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%plane : tensor<?x?xf32>) {
  ^bb0(%out: f32):
    %r = linalg.index 0 : index
    %c = linalg.index 1 : index
    %thousand = arith.constant 1000 : index
    %m = arith.muli %r, %thousand : index
    %s = arith.addi %m, %c : index
    %i = arith.index_cast %s : index to i64
    %f = arith.sitofp %i : i64 to f32
    linalg.yield %f : f32
  } -> tensor<?x?xf32>

  %wide = tensor.empty(%length) : tensor<?xf32>
  %widened = linalg.generic {indexing_maps = [#line, #line], iterator_types = ["parallel"]}
      ins(%half : tensor<?xbf16>) outs(%wide : tensor<?xf32>) {
  ^bb0(%a: bf16, %out: f32):
    %f = arith.extf %a : bf16 to f32
    %s = arith.addf %f, %f : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>

  %plane_b = tensor.empty(%rows, %columns) : tensor<?x?xi1>
  %flags = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x?xf32>) outs(%plane_b : tensor<?x?xi1>) {
  ^bb0(%a: f32, %out: i1):
    %f = arith.cmpf ogt, %a, %zero : f32
    linalg.yield %f : i1
  } -> tensor<?x?xi1>
  return %elementwise, %row#0, %row#1, %column_sums, %total, %transposed, %product, %transposed_product, %positions, %widened, %flags
    : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>,
      tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xi1>
}
