// RUN: fgla-opt %s --fgla-record-manifest -split-input-file -verify-diagnostics

// expected-error@+1 {{'func.func' op argument 'arg0' must be a ranked tensor, got index}}
func.func @f(%x: index) { return }

// -----

// expected-error@+1 {{'func.func' op argument 'x' must be a ranked tensor, got tensor<*xf32>}}
func.func @f(%x: tensor<*xf32> {fgla.name = "x"}) { return }

// -----

// expected-error@+1 {{'func.func' op argument 'arg0' must hold f64, f32, f16, bf16, i64, i32, i16, i8, ui8 or i1, got tensor<4xf8E4M3FN>}}
func.func @f(%x: tensor<4xf8E4M3FN>) { return }

// -----

// expected-error@+1 {{'func.func' op argument 'arg0' must have rank <= 8}}
func.func @f(%x: tensor<1x1x1x1x1x1x1x1x1xf32>) { return }

// -----

// expected-error@+1 {{'func.func' op argument 'x' has the name of another argument}}
func.func @f(%x: tensor<4xf32> {fgla.name = "x"}, %y: tensor<4xf32> {fgla.name = "x"}) { return }

// -----

// expected-error@+1 {{the module has no public function to compile}}
module {
  func.func private @f() { return }
}
