// RUN: fgla-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{'func.func' op attribute 'fgla.target' must stand on a module}}
func.func private @f() attributes {fgla.target = #fgla.target<"cpu">}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.target' must be #fgla.target, got "cpu"}}
module attributes {fgla.target = "cpu"} {}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.report_shape' must be a dictionary of sizes, got {B = -1 : i64}}}
module attributes {fgla.report_shape = {B = -1}} {}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.report_shape' must stand on a module}}
func.func private @f() attributes {fgla.report_shape = {B = 1}}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.manifest' must be a string, got {}}}
module attributes {fgla.manifest = {}} {}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.manifest' must stand on a module}}
func.func private @f() attributes {fgla.manifest = "{}"}

// -----

func.func @f(%a: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
  // expected-error@+1 {{'fgla.attention' op attribute 'fgla.precision' must be #fgla.precision<f32> or #fgla.precision<tf32>, got "tf32"}}
  %0 = fgla.attention %a, %a, %a {fgla.precision = "tf32"} : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
  return %0 : tensor<?x?x2x64xf32>
}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.precision' must stand on an op of the dialect 'fgla' or a function}}
module attributes {fgla.precision = #fgla.precision<tf32>} {}

// -----

func.func @f(%a: tensor<?x?x2x64xf32>) -> tensor<?x?x2x64xf32> {
  // expected-error@+1 {{'fgla.attention' op attribute 'fgla.schedule' must be #fgla.schedule, got 16 : i64}}
  %0 = fgla.attention %a, %a, %a {fgla.schedule = 16} : (tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xf32>)
  return %0 : tensor<?x?x2x64xf32>
}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.schedule' must stand on an op of the dialect 'fgla'}}
func.func private @f() attributes {fgla.schedule = #fgla.schedule<tile = 16>}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.kernel' must be #fgla.schedule, got unit}}
func.func private @f() attributes {fgla.kernel}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.kernel' must stand on a function}}
module attributes {fgla.kernel = #fgla.schedule<tile = 16>} {}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.shape_function' must be unit, got true}}
func.func private @f() attributes {fgla.shape_function = true}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.shape_function' must stand on a function}}
module attributes {fgla.shape_function} {}

// -----

// expected-error@+1 {{'llvm.func' op attribute 'fgla.shared_bytes' must be a size, got -1 : i64}}
llvm.func @f() attributes {fgla.shared_bytes = -1 : i64}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.shared_bytes' must stand on a function}}
module attributes {fgla.shared_bytes = 1 : i64} {}

// -----

// expected-error@+1 {{'llvm.func' op attribute 'fgla.dependent' must be unit, got "yes"}}
llvm.func @f() attributes {fgla.dependent = "yes"}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.dependent' must stand on a function}}
module attributes {fgla.dependent} {}

// -----

// expected-error@+1 {{'llvm.func' op attribute 'fgla.precise' must be unit, got false}}
llvm.func @f() attributes {fgla.precise = false}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.precise' must stand on a function}}
module attributes {fgla.precise} {}

// -----

// expected-error@+1 {{'llvm.func' op attribute 'fgla.report' must be a dictionary, got []}}
llvm.func @f() attributes {fgla.report = []}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.report' must stand on a function}}
module attributes {fgla.report = {}} {}

// -----

// expected-error@+1 {{'llvm.func' op attribute 'fgla.remarks' must be an array of strings, got [1]}}
llvm.func @f() attributes {fgla.remarks = [1]}

// -----

// expected-error@+1 {{'builtin.module' op attribute 'fgla.remarks' must stand on a function}}
module attributes {fgla.remarks = []} {}

// -----

func.func @f(%n: index) {
  // expected-error@+1 {{'scf.forall' op attribute 'fgla.threads' must be unit, got 4 : i64}}
  scf.forall (%i) in (%n) {
  } {fgla.threads = 4}
  return
}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.threads' must stand on a loop}}
func.func private @f() attributes {fgla.threads}

// -----

// A misspelt name is not passed over.
// expected-error@+1 {{'func.func' op attribute 'fgla.kernle' is none that the dialect 'fgla' has for ops}}
func.func private @f() attributes {fgla.kernle = #fgla.schedule<tile = 16>}

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.dims' is none that the dialect 'fgla' has for ops}}
func.func private @f(%x: tensor<?xf32>) attributes {fgla.dims = ["B"]}

// -----

// expected-error@+1 {{'func.func' op argument 'arg0' must have one name in 'fgla.dims' for each dim of 'tensor<?x4xf32>', got 1}}
func.func private @f(%x: tensor<?x4xf32> {fgla.dims = ["B"]})

// -----

// expected-error@+1 {{'func.func' op result 'y' must have one name in 'fgla.dims' for each dim of 'tensor<?x4xf32>', got 3}}
func.func private @f() -> (tensor<?x4xf32> {fgla.dims = ["B", "T", "K"], fgla.name = "y"})

// -----

// expected-error@+1 {{'func.func' op argument 'x' must have an array of strings in 'fgla.dims', got ["B", 4]}}
func.func private @f(%x: tensor<?x4xf32> {fgla.dims = ["B", 4], fgla.name = "x"})

// -----

// expected-error@+1 {{'func.func' op argument 'arg1' must have a string in 'fgla.name', got 1 : i64}}
func.func private @f(%x: index, %y: index {fgla.name = 1})

// -----

// expected-error@+1 {{'func.func' op result 'result0' has the attribute 'fgla.dim', which is none that the dialect 'fgla' has for values}}
func.func private @f() -> (tensor<?xf32> {fgla.dim = ["B"]})

// -----

// expected-error@+1 {{'func.func' op attribute 'fgla.retention' must stand on an op that computes a tensor}}
func.func private @f() attributes {fgla.retention = #fgla.retention<saved>}

// -----

func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'math.exp' op attribute 'fgla.retention' must be #fgla.retention<saved> or #fgla.retention<recomputed>, got "saved"}}
  %0 = math.exp %a {fgla.retention = "saved"} : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @role(%q: tensor<?x?x2x16xf32>) {
  // expected-error @+1 {{attribute 'fgla.schedule' must name roles of its kernels (load, elementwise, matrix, epilogue), got 'warps'}}
  %o = fgla.attention %q, %q, %q {fgla.schedule = #fgla.schedule<tile = 16, warps = 2>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>)
  return
}

// -----

// expected-error @+1 {{'matrix' must be warps, or warps x instances, as in 2x4}}
func.func private @f() attributes {s = #fgla.schedule<tile = 16, matrix = 2x4x2>}

// -----

// expected-error @+1 {{'matrix' must be 0 or a power of two up to 32, got 3}}
func.func private @f() attributes {s = #fgla.schedule<tile = 16, matrix = 4x3>}

// -----

// expected-error @+1 {{'matrix' is given twice}}
func.func private @f() attributes {s = #fgla.schedule<tile = 16, matrix = 4, matrix = 8>}
