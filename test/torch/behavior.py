#!/usr/bin/env python3
"""What PyTorch asks of an op: tracing, compiling, checkpointing, autocast, strides, states in place, and clear errors.

usage: behavior.py [--build DIR] [--quick] [--only TEXT]

Prints each check that fails; ends with `N passed, N failed`.
"""

import argparse
import os
import pathlib
import sys
import threading
import time
import traceback

import binding
import torch
import torch._dynamo.testing
from binding import ROOT
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from reporting import Report

B, H, K, V = 2, 2, 8, 6
OPCHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
ops = None  # torch.ops.fgla, once it is loaded


def normal(*shape, dtype=torch.float32, grad=False, seed=[0]):
    seed[0] += 1
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(seed[0]), dtype=torch.float64)
    return made.to(dtype).requires_grad_(grad)


def tensors(tokens, **options):
    """Query, key, value and the gate's two for fgla::fgla; without a token axis where TOKENS is None."""
    shape = [B] if tokens is None else [B, tokens]
    return [normal(*shape, H, size, **options) for size in (K, K, V, K, K)]


def call(q, k, v, zg, zr, **options):
    return ops.fgla(q, k, v, [zg, zr], **options)[0]


def raises(function, *parts):
    """What FUNCTION says that must fail: empty when it says all PARTS."""
    try:
        function()
    except Exception as error:  # noqa: BLE001
        missing = [part for part in parts if part not in str(error)]
        return f"no {missing} in: {error}" if missing else ""
    return "no error"


def equal(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


def close(a, b, bound=1e-5):
    return ((a - b).norm() <= bound * b.norm().clamp_min(1e-30)).item()


# ---- Tracing -----------------------------------------------------------------------------------------------------------------------------


def variants():
    """Tensors for fgla::fgla in several layouts, by name."""
    yield "contiguous", tensors(5, grad=True)
    yield "transposed", [x.detach().transpose(1, 2).contiguous().transpose(1, 2).requires_grad_() for x in tensors(5)]
    yield "sliced", [normal(B, 7, H, x.shape[-1] + 3)[:, 1:6, :, 2:-1].requires_grad_() for x in tensors(5)]
    yield "T=0", tensors(0, grad=True)
    yield "T=1", tensors(1, grad=True)


def opcheck(report):
    def check(name, op, args, kwargs=None):
        try:
            torch.library.opcheck(op, args, kwargs or {}, test_utils=OPCHECKS)
            report.check(f"opcheck {name}", True)
        except Exception as error:  # noqa: BLE001
            report.check(f"opcheck {name}", False, str(error)[:2000])

    weight, state, maximum = normal(V, grad=True), normal(B, H, K, V, grad=True), normal(B, H)
    for name, (q, k, v, zg, zr) in variants():
        check(f"fgla {name}", ops.fgla.default, (q, k, v, [zg, zr]), {"norm_weight": weight})
        check(f"attention {name}", ops.attention.default, (q, k, v, zg.detach().sigmoid()), {"final_state": True})
    q, k, v, zg, zr = tensors(5)
    more = {"norm_weight": weight.detach(), "final_state": True, "initial_state": state.detach(), "initial_max": maximum}
    check("fgla_forward", ops.fgla_forward.default, (q, k, v, [zg, zr]), more)
    needs, grad = [True] * 6 + [False, False], torch.ones_like(v)
    more["norm_weight"] = weight.detach()
    check("fgla_backward", ops.fgla_backward.default, (grad, None, q, k, v, [zg, zr]), {**more, "memory": "min", "needs": needs})
    check("attention_backward", ops.attention_backward.default, (grad, None, q, k, v), {"needs": [True, False, True]})
    q, k, v, zg, zr = tensors(None, grad=True)
    check("step", ops.step.default, (q, k, v, [zg, zr], state, maximum))
    detached = [x.detach() for x in (q, k, v, zg, zr)]
    q, k, v, zg, zr = detached
    check("step_backward", ops.step_backward.default, (v, None, q, k, v, [zg, zr], state.detach(), maximum), {"needs": [True] * 6 + [False]})
    check("step_", ops.step_.default, (q, k, v, [zg, zr], state.detach(), maximum))


def compiled(report, backend):
    """One graph for every length, forward and backward, with the numbers of eager mode."""
    weight = normal(V, grad=True)

    def model(q, k, v, zg, zr):
        return call(q * 2, k, v, zg, zr, norm_weight=weight) + 1

    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend(backend)
    compiled_model = torch.compile(model, fullgraph=True, backend=counter)
    for tokens in (7, 16, 3, 40, 23):
        given = tensors(tokens, grad=True)
        y, wanted = compiled_model(*given), model(*given)
        report.check(f"{backend} T={tokens}", close(y, wanted))
        grads = torch.autograd.grad(y.square().sum(), [*given, weight])
        for name, a, b in zip("qkvgrw", grads, torch.autograd.grad(wanted.square().sum(), [*given, weight])):
            report.check(f"{backend} T={tokens}, d_{name}", close(a, b))
    report.check(f"{backend}: at most one recompilation", counter.frame_count <= 2, f"{counter.frame_count} graphs")


def compiled_step_in_place(report):
    """Inductor gives the op the state itself."""
    from torch._inductor.utils import run_and_get_code

    def decode(q, k, v, zg, zr, state, maximum):
        return ops.step_(q, k, v, [zg, zr], state, maximum) * 2

    given, states = tensors(None), (normal(B, H, K, V), normal(B, H))
    eager, traced = ([x.clone() for x in states] for _ in range(2))
    wanted = decode(*given, *eager)
    torch._dynamo.reset()
    y, code = run_and_get_code(torch.compile(decode, fullgraph=True), *given, *traced)
    report.check("compiled step_", close(y, wanted) and all(close(a, b) for a, b in zip(traced, eager)))
    text = "\n".join(code)
    report.check("compiled step_ copies no state", "step_" in text and "copy_" not in text and f"empty_strided_cpu(({B}, {H}, {K}, {V})" not in text, text[-2000:])


def compiled_autograd(report):
    given = tensors(9, grad=True)
    wanted = torch.autograd.grad(call(*given).sum(), given)
    torch._dynamo.reset()
    for x in given:
        x.grad = None
    loss = call(*given).sum()
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager", fullgraph=True)):
        loss.backward()
    report.check("compiled autograd", all(close(x.grad, w) for x, w in zip(given, wanted)))


def shapes_alone(report):
    """Meta tensors never compile: there is no compiler."""
    os.environ["FGLA_COMPILE"] = "/nowhere/fgla-compile"
    try:
        q, k, v, zg, zr = (x.to("meta") for x in tensors(11, dtype=torch.bfloat16))
        y, state, maximum = ops.fgla(q, k, v, [zg, zr], final_state=True, scale=0.123)
        report.check("meta", y.shape == v.shape and y.dtype == torch.bfloat16 and state.shape == (B, H, K, V) and maximum.shape == (B, H))
        report.check("meta: states are f32", state.dtype == maximum.dtype == torch.float32)
        said = raises(lambda: call(*tensors(11), scale=0.123), "fgla::fgla: cannot compile for cpu", "/nowhere/fgla-compile")
        report.check("no compiler", not said, said)
    finally:
        del os.environ["FGLA_COMPILE"]
    report.check("after a failure", call(*tensors(11), scale=0.123).isfinite().all().item())


# ---- Autograd ----------------------------------------------------------------------------------------------------------------------------


def checkpointing(report):
    weight, given = normal(V, grad=True), tensors(33, grad=True)

    def model(*given):
        return call(*given, norm_weight=weight).tanh()

    def policy(context, op, *args, **kwargs):
        return CheckpointPolicy.MUST_SAVE if op is ops.fgla_forward.default else CheckpointPolicy.PREFER_RECOMPUTE

    def gradients(y):
        return torch.autograd.grad(y.sum(), [*given, weight])

    wanted = gradients(model(*given))
    report.check("same bits again", all(map(equal, gradients(model(*given)), wanted)))
    report.check("checkpoint: same bits", all(map(equal, gradients(checkpoint(model, *given, use_reentrant=False)), wanted)))
    calls = []

    class Count(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            calls.append(func)
            return func(*args, **(kwargs or {}))

    for name, contexts, times in (("checkpoint", None, 2), ("selective", lambda: create_selective_checkpoint_contexts(policy), 1)):
        calls.clear()
        with Count():
            made = gradients(checkpoint(model, *given, use_reentrant=False, **({"context_fn": contexts} if contexts else {})))
        report.check(f"{name}: same bits", all(map(equal, made, wanted)))
        report.check(f"{name}: forward runs {times} times", calls.count(ops.fgla_forward.default) == times, str(calls))


def some_gradients(report):
    """Whatever is asked for, it is the same as when everything is; the rest stays without."""
    every = [x.requires_grad_() for x in tensors(12)]
    state = normal(B, H, K, V, grad=True)
    maximum = normal(B, H)

    def results(given, state):
        return ops.fgla(*given[:3], given[3:], initial_state=state, initial_max=maximum, final_state=True)

    y, s, m = results(every, state)
    report.check("no gradient of a maximum", not m.requires_grad)
    wanted = torch.autograd.grad([y.sum(), s.sum()], [*every, state])
    for chosen in ([2], [0, 4], [5], [3]):
        leaves = [x.detach().requires_grad_(i in chosen) for i, x in enumerate([*every, state])]
        y, s, _ = results(leaves[:5], leaves[5])
        (y.sum() + s.sum()).backward()
        for i, leaf in enumerate(leaves):
            good = close(leaf.grad, wanted[i]) if i in chosen else leaf.grad is None
            report.check(f"gradients of {chosen}: {i}", good)
    y, s, _ = results(every, state)
    only_state = torch.autograd.grad(s.sum(), every, allow_unused=True)
    report.check("gradient of the state alone", only_state[0] is None or not only_state[0].any())
    with torch.no_grad():
        report.check("no_grad", call(*every).grad_fn is None)
    with torch.inference_mode():
        report.check("inference_mode", equal(call(*[x.detach() for x in every]), call(*every).detach()))


def refused(report):
    given = tensors(4, grad=True)
    (grad,) = torch.autograd.grad(call(*given).square().sum(), given[:1], create_graph=True)
    said = raises(lambda: grad.sum().backward(), "fgla::fgla_backward", "gradient of a gradient is not supported")
    report.check("double backward", not said, said)
    flat = [x.detach() for x in given]
    said = raises(lambda: torch.vmap(call)(*[x[None] for x in flat]), "fgla::fgla: vmap is not supported")
    report.check("vmap", not said, said)
    said = raises(lambda: torch.func.grad(lambda q: call(q, *flat[1:]).sum())(flat[0]), "autograd")
    report.check("torch.func.grad", not said, said)

    def forward_mode():
        with torch.autograd.forward_ad.dual_level():
            call(torch.autograd.forward_ad.make_dual(flat[0], flat[0]), *flat[1:])

    said = raises(forward_mode, "fgla::fgla: forward-mode derivatives are not supported", "'query'")
    report.check("forward mode", not said, said)
    q, k, v, zg, zr = tensors(None, grad=True)
    said = raises(lambda: ops.step_(q, k, v, [zg, zr], normal(B, H, K, V), normal(B, H)), "fgla::step_", "has no gradient")
    report.check("gradient of step_", not said, said)


def autocast(report):
    for narrow in (torch.bfloat16, torch.float16):
        given, state = tensors(9, grad=True), normal(B, H, K, V)
        with torch.autocast("cpu", dtype=narrow):
            y, s, m = ops.fgla(*given[:3], given[3:], initial_state=state, initial_max=normal(B, H), final_state=True)
            a, _, _ = ops.attention(*given[:3], given[3].detach().sigmoid())
        report.check(f"autocast {narrow}", y.dtype == a.dtype == narrow and s.dtype == m.dtype == torch.float32)
        y.float().sum().backward()
        report.check(f"autocast {narrow}, gradients", all(x.grad.dtype == torch.float32 for x in given))
        error = (y - call(*given, initial_state=state, initial_max=normal(B, H, seed=[10**6]))).shape == y.shape
        report.check(f"autocast {narrow}, shape", error)
        double = tensors(9, dtype=torch.float64)
        with torch.autocast("cpu", dtype=narrow):
            report.check(f"autocast {narrow} leaves float64", call(*double).dtype == torch.float64)


# ---- Calls -------------------------------------------------------------------------------------------------------------------------------


def layouts(report):
    for name, given in variants():
        packed = [x.detach().contiguous() for x in given]
        with torch.no_grad():
            report.check(f"{name}: same bits as packed", equal(call(*given), call(*packed)))
    wide = normal(B, 1, H, K).expand(B, 6, H, K)
    rest = tensors(6)[1:]
    report.check("expanded", equal(call(wide, *rest), call(wide.contiguous(), *rest)))
    y, s, _ = ops.fgla(*tensors(0)[:3], tensors(0)[3:], final_state=True)
    report.check("T=0", y.shape == (B, 0, H, V) and not s.any())
    empty = [x[:0] for x in tensors(4)]
    report.check("B=0", call(*empty).shape == (0, 4, H, V))


def steps(report):
    """Token by token as at once; in place as not."""
    q, k, v, zg, zr = given = tensors(6)
    weight = normal(V)
    wanted, final, _ = ops.fgla(q, k, v, [zg, zr], norm_weight=weight, final_state=True)
    state, maximum = torch.zeros(B, H, K, V), torch.full((B, H), -torch.inf)
    changed, changed_maximum = state.clone(), maximum.clone()
    for t in range(6):
        token = [x[:, t] for x in given]
        y, state, maximum = ops.step(*token[:3], token[3:], state, maximum, norm_weight=weight)
        report.check(f"step {t}", close(y, wanted[:, t]))
        version = changed._version
        in_place = ops.step_(*token[:3], token[3:], changed, changed_maximum, norm_weight=weight)
        report.check(f"step_ {t}", equal(in_place, y) and equal(changed, state) and equal(changed_maximum, maximum))
        report.check(f"step_ {t} counts as a change", changed._version > version)
    report.check("state after steps", close(state, final))
    strided = normal(B, H, V, K).transpose(2, 3)
    copy = strided.clone()
    for x in (strided, copy):
        ops.step_(*token[:3], token[3:], x, torch.zeros(B, H))
    report.check("step_ into a strided state", torch.equal(strided, copy))
    token, state = tensors(None, grad=True), normal(B, H, K, V, grad=True)
    maximum = normal(B, H)
    a = torch.autograd.grad(ops.step(*token[:3], token[3:], state, maximum)[0].sum(), [*token, state])
    long = [x[:, None] for x in token]
    b = ops.fgla(*long[:3], long[3:], initial_state=state, initial_max=maximum)[0]
    report.check("gradient of a step", all(map(close, a, torch.autograd.grad(b.sum(), [*token, state]))))


def errors(report):
    q, k, v, zg, zr = tensors(4)

    def fgla(q=q, k=k, v=v, gate=(zg, zr), **options):
        return lambda: ops.fgla(q, k, v, list(gate), **options)

    state = normal(B, H, K, V)
    cases = {
        "shape of value": (fgla(v=v[:, :3]), "argument 'value' must have shape [B, T, H, V] = [2, 4, 2, 6], got [2, 3, 2, 6]"),
        "rank": (fgla(q=q[0]), "argument 'query' must have 4 dims, [B, T, H, D], got [4, 2, 8]"),
        "heads": (fgla(q=normal(B, 4, 3, K)), "argument 'query' must have a multiple of the 2 heads of 'key', got 3"),
        "features": (fgla(k=normal(B, 4, H, 5)), "argument 'key' must give the 8 features that 'query' gives, got 5"),
        "gate's shape": (fgla(gate=(zg, zr[:1])), "argument 'gate[1]' must have shape [B, T, H, K] = [2, 4, 2, 8], got [1, 4, 2, 8]"),
        "gates": (fgla(gate=(zg,)), "argument 'gate' must hold 2 tensors for the gate_kind 'refined', got 1"),
        "type of key": (fgla(k=k.double()), "argument 'key' must have the type of 'query', Float, got Double"),
        "integers": (fgla(q=q.long()), "argument 'query' must be float64, float32, bfloat16 or float16, got Long"),
        "word": (fgla(norm="batch"), "argument 'norm' must be one of none, rms, layer, got 'batch'"),
        "map": (fgla(query_map="gelu"), "argument 'query_map' must be one of identity", "or the text of a region that begins with '^', got 'gelu'"),
        "state without maximum": (fgla(initial_state=state), "argument 'initial_max' must be given with a state"),
        "state's shape": (
            fgla(initial_state=state[:1], initial_max=normal(B, H)),
            "argument 'initial_state' must have shape [B, H, K, V] = [2, 2, 8, 6], got [1, 2, 8, 6]",
        ),
        "state's type": (fgla(initial_state=state.half(), initial_max=normal(B, H)), "argument 'initial_state' must be Float"),
        "beta": (fgla(beta=normal(B, 4, H)), "argument 'beta' must not be given but for a delta rule"),
        "delta": (fgla(rule="delta", stabilizer="none"), "argument 'rule' must be gated_delta or gated where there is a decay"),
        "eps": (fgla(eps=float("nan")), "argument 'eps' must be finite and not negative, got nan"),
        "device": (fgla(k=k.to("meta")), "argument 'key' must be on the device of 'query', cpu, got meta"),
        "sequences": (fgla(sequences=torch.tensor([0, 4])), "argument 'query' must have a batch of 1 with 'sequences', got 2"),
        "offsets": (fgla(sequences=torch.tensor([0.0, 4.0])), "must"),
        "norm without": (fgla(norm="none", norm_weight=normal(V)), "argument 'norm_weight' must not be given without a norm"),
        "region": (fgla(query_map="^bb0(%x: f32):\n%y = math.sine %x : f32\nfgla.yield %y : f32"), "cannot compile for cpu", "math.sine"),
        "region's argument": (fgla(gate=(zg,), gate_kind="^bb0(%x: f32, %z: f32):\nfgla.yield %x : f32"), "cannot compile for cpu", "gate_c4"),
        "decay": (lambda: ops.attention(q, k, v, zg[..., :1]), "fgla::attention: argument 'decay' must have shape [B, T, H, K]"),
        "step": (lambda: ops.step(q, k, v, [zg, zr], state), "fgla::step: argument 'max' must be given"),
    }
    for name, (function, *parts) in cases.items():
        said = raises(function, *parts)
        report.check(f"error: {name}", not said, said)


def threads(report):
    """Many threads want what is not compiled: all get the same numbers."""
    given, results = tensors(5), [None] * 4

    def work(i):
        results[i] = call(*given, scale=0.777)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    report.check("threads", all(equal(result, results[0]) for result in results))


ALL = {
    "opcheck": opcheck,
    "aot_eager": lambda report: compiled(report, "aot_eager"),
    "inductor": lambda report: compiled(report, "inductor"),
    "compiled step_": compiled_step_in_place,
    "compiled autograd": compiled_autograd,
    "shapes alone": shapes_alone,
    "checkpointing": checkpointing,
    "some gradients": some_gradients,
    "refused": refused,
    "autocast": autocast,
    "layouts": layouts,
    "steps": steps,
    "errors": errors,
    "threads": threads,
}
SLOW = ("opcheck", "inductor", "compiled step_", "compiled autograd")


def main():
    global ops
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    ops = binding.load(given.build.resolve())
    report = Report()
    for name, function in ALL.items():
        if given.only not in name or (given.quick and name in SLOW):
            continue
        start = time.monotonic()
        try:
            function(report)
        except Exception:  # noqa: BLE001
            report.check(name, False, traceback.format_exc())
        print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    sys.exit(report.close())


if __name__ == "__main__":
    main()
