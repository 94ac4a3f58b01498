// RUN: fgla-opt %s --split-input-file --pass-pipeline='builtin.module(gpu.module(fgla-lower-kernel-math))' | FileCheck %s

// Small results of log1p and expm1 are polynomials; what is not small comes from the special function unit. Kernels on
// f32 have long ones, others short ones.
gpu.module @small {
  // CHECK-LABEL: llvm.func @short
  // CHECK-NOT: rcp
  // CHECK-COUNT-1: math.fma
  // CHECK: %[[SIZE:.+]] = math.absf
  // CHECK: arith.cmpf olt, %[[SIZE]], %{{.+}} : f32
  // CHECK: llvm.nvvm.lg2.approx.ftz.f
  // CHECK: arith.select
  // CHECK-COUNT-2: math.fma
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK: arith.select
  // CHECK-NOT: math.{{(log|exp|fma)}}
  llvm.func @short(%x: f32) -> f32 {
    %y = math.log1p %x : f32
    %z = math.expm1 %y : f32
    llvm.return %z : f32
  }
  // Of e^-|x|, which a softplus has, log(1 + x) is a polynomial everywhere.
  // CHECK-LABEL: llvm.func @softplus
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK-COUNT-4: math.fma
  // CHECK: arith.mulf
  // CHECK-NOT: {{lg2|select|math.fma}}
  llvm.func @softplus(%x: f32) -> f32 {
    %size = math.absf %x : f32
    %minus = arith.negf %size : f32
    %e = math.exp %minus : f32
    %y = math.log1p %e : f32
    llvm.return %y : f32
  }
  // CHECK-LABEL: llvm.func @log1p
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK-COUNT-6: math.fma
  // CHECK: llvm.nvvm.lg2.approx.ftz.f
  // CHECK: arith.select
  // CHECK-NOT: math.log
  llvm.func @log1p(%x: f32) -> f32 attributes {fgla.precise} {
    %y = math.log1p %x : f32
    llvm.return %y : f32
  }
  // CHECK-LABEL: llvm.func @tanh
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK: math.fma
  // CHECK: math.fma
  // CHECK: arith.select
  // CHECK-NOT: math.tanh
  llvm.func @tanh(%x: f32) -> f32 {
    %y = math.tanh %x : f32
    llvm.return %y : f32
  }
  // Beside a constant of its size, what is small needs no digits of its own.
  // CHECK-LABEL: llvm.func @tanh_beside
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK: math.fma
  // CHECK-NOT: {{math.fma|select}}
  llvm.func @tanh_beside(%x: f32) -> f32 {
    %half = arith.constant 0.5 : f32
    %y = math.tanh %x : f32
    %part = arith.mulf %y, %half : f32
    %z = arith.addf %half, %part : f32
    llvm.return %z : f32
  }
  // A constant that is smaller does not do.
  // CHECK-LABEL: llvm.func @tanh_beside_little
  // CHECK: arith.select
  llvm.func @tanh_beside_little(%x: f32) -> f32 {
    %little = arith.constant 0.125 : f32
    %y = math.tanh %x : f32
    %z = arith.addf %little, %y : f32
    llvm.return %z : f32
  }
  // CHECK-LABEL: llvm.func @tanh_precise
  // CHECK: arith.minimumf
  // CHECK: arith.maximumf
  // CHECK: nvvm.rcp.approx.ftz.f
  llvm.func @tanh_precise(%x: f32) -> f32 attributes {fgla.precise} {
    %y = math.tanh %x : f32
    llvm.return %y : f32
  }
  // CHECK-LABEL: llvm.func @erf
  // CHECK: math.absf
  // CHECK-COUNT-4: math.fma
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK: math.copysign
  // CHECK: arith.select
  llvm.func @erf(%x: f32) -> f32 {
    %y = math.erf %x : f32
    llvm.return %y : f32
  }
  // Whole turns are taken away first, but where there are none.
  // CHECK-LABEL: llvm.func @sin
  // CHECK-COUNT-3: math.fma
  // CHECK: llvm.nvvm.sin.approx.ftz.f
  // CHECK: arith.select
  llvm.func @sin(%x: f32) -> f32 {
    %y = math.sin %x : f32
    llvm.return %y : f32
  }
  // CHECK-LABEL: llvm.func @cos_of_tanh
  // CHECK-NOT: 12582912
  // CHECK: llvm.nvvm.cos.approx.ftz.f
  // CHECK: llvm.return
  llvm.func @cos_of_tanh(%x: f32) -> f32 {
    %a = math.tanh %x : f32
    %y = math.cos %a : f32
    llvm.return %y : f32
  }
  // Of what is not negative, a power is one of two; where both are far from zero and infinity, no choice is left.
  // CHECK-LABEL: llvm.func @power
  // CHECK: llvm.nvvm.lg2.approx.ftz.f
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK-NOT: arith.select
  // CHECK: llvm.return
  llvm.func @power(%x: f32, %y: f32) -> f32 {
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %a = math.absf %x : f32
    %b = arith.minimumf %a, %one : f32
    %base = arith.addf %b, %one : f32
    %exponent = arith.minimumf %base, %two : f32
    %z = math.powf %base, %exponent : f32
    llvm.return %z : f32
  }
  // CHECK-LABEL: llvm.func @power_of_size
  // CHECK: llvm.nvvm.lg2.approx.ftz.f
  // CHECK-COUNT-2: arith.select
  llvm.func @power_of_size(%x: f32, %y: f32) -> f32 {
    %a = math.absf %x : f32
    %z = math.powf %a, %y : f32
    llvm.return %z : f32
  }
  // A remainder has no division that is rounded once, but one step to either side.
  // CHECK-LABEL: llvm.func @remainder
  // CHECK: nvvm.rcp.approx.ftz.f
  // CHECK: math.trunc
  // CHECK: math.fma
  // CHECK-COUNT-3: arith.select
  // CHECK-NOT: remf
  llvm.func @remainder(%x: f32, %y: f32) -> f32 {
    %z = arith.remf %x, %y : f32
    llvm.return %z : f32
  }
  // A quotient by a root has one function of the unit.
  // CHECK-LABEL: llvm.func @root
  // CHECK: llvm.nvvm.rsqrt.approx.ftz.f
  // CHECK-NOT: rcp
  // CHECK: llvm.return
  llvm.func @root(%x: f32, %y: f32) -> f32 {
    %root = math.sqrt %y : f32
    %z = arith.divf %x, %root : f32
    llvm.return %z : f32
  }
}

// -----

// No function of a library is left: but for instructions, all ends in the unit's functions and polynomials.
gpu.module @others {
  // CHECK-LABEL: llvm.func @others
  // CHECK-NOT: math.{{(erf|sin|cos|tan|asin|acos|atan|atan2|cbrt|powf|sinh|cosh|asinh|acosh|atanh|erfc|log10|exp|log)}} 
  // CHECK: llvm.return
  llvm.func @others(%x: f32) -> f32 {
    %a = math.erf %x : f32
    %b = math.sin %a : f32
    %c = math.cos %b : f32
    %d = math.tan %c : f32
    %e = math.asin %d : f32
    %f = math.acos %e : f32
    %g = math.atan2 %f, %x : f32
    %h = math.cbrt %g : f32
    %i = math.powf %h, %x : f32
    %j = math.sinh %i : f32
    %k = math.asinh %j : f32
    %l = math.acosh %k : f32
    %m = math.atanh %l : f32
    %n = math.erfc %m : f32
    %o = math.log10 %n : f32
    %p = math.atan %o : f32
    %q = math.cosh %p : f32
    llvm.return %q : f32
  }
}

// -----

// e^x: a multiplication and the unit; of a difference, that comes first. In a precise kernel, what the unit's argument
// loses is a factor.
gpu.module @exponentials {
  // CHECK-LABEL: llvm.func @short(
  // CHECK-NOT: arith.maximumf
  // CHECK: %[[DIFFERENCE:.*]] = arith.subf
  // CHECK: arith.mulf %[[DIFFERENCE]]
  // CHECK: llvm.nvvm.ex2.approx.ftz.f
  // CHECK-NEXT: llvm.return
  llvm.func @short(%a: f32, %b: f32) -> f32 {
    %x = arith.subf %a, %b : f32
    %y = math.exp %x : f32
    llvm.return %y : f32
  }
  // CHECK-LABEL: llvm.func @precise(
  // CHECK-SAME: fgla.precise
  // CHECK: %[[X:.*]] = arith.subf
  // CHECK: arith.maximumf %[[X]]
  // CHECK: %[[CLAMPED:.*]] = arith.minimumf
  // CHECK: %[[HIGH:.*]] = arith.mulf %[[CLAMPED]], %{{.*}} : f32
  // CHECK: %[[MINUS:.*]] = arith.negf %[[HIGH]]
  // CHECK: %[[LOW:.*]] = math.fma %[[CLAMPED]], %{{.*}}, %[[MINUS]]
  // CHECK: %[[BOTH:.*]] = math.fma %[[CLAMPED]], %{{.*}}, %[[LOW]]
  // CHECK: %[[FACTOR:.*]] = math.fma %[[BOTH]]
  // CHECK: %[[POWER:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f"(%[[HIGH]])
  // CHECK: arith.mulf %[[POWER]], %[[FACTOR]] : f32
  llvm.func @precise(%a: f32, %b: f32) -> f32 attributes {fgla.precise} {
    %x = arith.subf %a, %b : f32
    %y = math.exp %x : f32
    llvm.return %y : f32
  }
}
