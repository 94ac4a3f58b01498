// The second run finds what the first one compiled; another option is another entry; a damaged entry is built again.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %S/../Inputs/tensors.py make %t/in.safetensors x=f32:4:1.0
// RUN: env FGLA_CACHE_DIR=%t/cache fgla-run %s --inputs=%t/in.safetensors && ls %t/cache | grep -c 'llvmcache-' | FileCheck %s --check-prefix=ONE
// RUN: env FGLA_CACHE_DIR=%t/cache FGLA_LLD=/bin/false fgla-run %s --inputs=%t/in.safetensors | FileCheck %s
// RUN: env FGLA_CACHE_DIR=%t/cache fgla-run %s --lowering=reference --inputs=%t/in.safetensors && ls %t/cache | grep -c 'llvmcache-' | FileCheck %s --check-prefix=TWO
// RUN: %python -c "import glob; [open(f, 'wb').write(b'damaged') for f in glob.glob(r'%t/cache/llvmcache-*')]"
// RUN: env FGLA_CACHE_DIR=%t/cache fgla-run %s --inputs=%t/in.safetensors | FileCheck %s
// ONE: {{^1$}}
// TWO: {{^2$}}
// CHECK: y: f32[4] = [2, 2, 2, 2]
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
