// RUN: fgla-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(gpu.module(fgla-lower-kernel-math))'

gpu.module @unknown {
  llvm.func @wide(%x: f64) -> f64 {
    // expected-error @+1 {{'math.erf' on 'f64' has no GPU code yet}}
    %y = math.erf %x : f64
    llvm.return %y : f64
  }
}
