// A whole FGLA block, from hidden states to hidden states: projections, feature maps, refined gate, attention, norm, output projection.
// The weights are arguments, so that one artifact serves every layer of a model.
//
//   python examples/onnx_block.py blk            # random weights, an input, and what ONNX's evaluator computes from them
//   fgla-run examples/fgla_block.mlir --inputs=blk/inputs.safetensors --inputs=blk/weights.safetensors --compare=reference
//
// 128 hidden channels, 4 heads with 32 channels for keys and values.
func.func @block(
    %x: tensor<?x?x128xf32> {fgla.dims = ["B", "T", "128"]},
    %query: tensor<128x4x32xf32>, %key: tensor<128x4x32xf32>, %value: tensor<128x4x32xf32>,
    %gate: tensor<128x4x32xf32>, %gate_bias: tensor<4x32xf32>,
    %refine: tensor<128x4x32xf32>, %refine_bias: tensor<4x32xf32>,
    %norm: tensor<32xf32>, %output: tensor<4x32x128xf32>) -> (tensor<?x?x128xf32> {fgla.name = "y"}) {
  %y = fgla.block %x query(%query) key(%key) value(%value) gate(%gate, %gate_bias) refine(%refine, %refine_bias)
                  norm(%norm) output(%output)
    : (tensor<?x?x128xf32>, tensor<128x4x32xf32>, tensor<128x4x32xf32>, tensor<128x4x32xf32>, tensor<128x4x32xf32>, tensor<4x32xf32>,
       tensor<128x4x32xf32>, tensor<4x32xf32>, tensor<32xf32>, tensor<4x32x128xf32>) -> (tensor<?x?x128xf32>)
  return %y : tensor<?x?x128xf32>
}
