// One token of fgla_attention.mlir, for decoding: the state comes in and goes out, and its size does not grow with the tokens seen.
func.func @step(
    %zq: tensor<?x1x4x64xf32>, %zk: tensor<?x4x64xf32>, %v: tensor<?x4x64xf32>, %zg: tensor<?x1x4x64xf32>, %zr: tensor<?x1x4x64xf32>,
    %state: tensor<?x4x64x64xf32>, %maximum: tensor<?x4xf32>)
    -> (tensor<?x4x64xf32> {fgla.name = "y"},
        tensor<?x4x64x64xf32> {fgla.name = "new_state"},
        tensor<?x4xf32> {fgla.name = "new_maximum"}) {
  %q = fgla.feature_map safe_exp %zq : tensor<?x1x4x64xf32> -> tensor<?x1x4x64xf32>
  %f = fgla.gate refined(%zg, %zr) : tensor<?x1x4x64xf32>
  %q_token = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<?x1x4x64xf32> into tensor<?x4x64xf32>
  %f_token = tensor.collapse_shape %f [[0, 1], [2], [3]] : tensor<?x1x4x64xf32> into tensor<?x4x64xf32>
  %y, %s, %m = fgla.step %q_token, %zk, %v decay(%f_token) axis(key) state(%state) max(%maximum) stabilizer(running)
    : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
    -> (tensor<?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>)
  return %y, %s, %m : tensor<?x4x64xf32>, tensor<?x4x64x64xf32>, tensor<?x4xf32>
}
