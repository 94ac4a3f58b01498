// RUN: fgla-opt %s --fgla-lower-to-reference --verify-diagnostics

func.func @step(%q: tensor<?x2x5xf32>, %s: tensor<?x2x5x5xf32>) -> tensor<?x2x5xf32> {
  // expected-error @+1 {{'fgla.step' has no sequential form, take it apart first (fgla-expand-block)}}
  %o:2 = fgla.step %q, %q, %q state(%s)
    : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x5x5xf32>) -> (tensor<?x2x5xf32>, tensor<?x2x5x5xf32>)
  return %o#0 : tensor<?x2x5xf32>
}
