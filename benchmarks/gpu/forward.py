#!/usr/bin/env python3
"""Times FGLA forward on a GPU, beside the hand-written prototype and what people use today, in one run on one device.

usage: forward.py [--only shapes,decays,regions,decode,launch] [--shapes 1,2,...] [--skip fla,sdpa,prototype] [--artifacts DIR] [--prototype DIR]
                  [--repeats N] [--deadline SECONDS] [--json FILE] [--merge FILE,...]

Artifacts are those of build.py. Inputs rotate among several sets, each larger than the L2 cache where the shape allows it; times are medians of CUDA
events; methods that are compared closely (an artifact, its variants NAME@TAG, the prototype) are called in turn. A method that hangs or fails costs
itself alone: it is left out, the rest is timed again in a new process. Prints Markdown tables, writes JSON (default: forward.json in the folder that FGLA_RESULTS names, or here).
FLA's rows need flash-linear-attention (fla-core) on the path; fla_warm.py compiles its kernels ahead, which takes minutes otherwise.
--merge adds what an earlier run (its JSON) timed and this one did not; the table says from which run that is.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "numeric"), str(ROOT / "benchmarks" / "gpu")]
import gpu_worker  # noqa: E402

# (B, T, H, K, V), program, the prototype's (segments, parts of the first pass).
SHAPES = [
    ((8, 2048, 16, 128, 128), "fgla_h16_k128", [(1, 1)]),
    ((4, 4096, 16, 128, 128), "fgla_h16_k128", [(2, 2), (2, 1)]),
    ((1, 16384, 16, 128, 128), "fgla_h16_k128", [(8, 1)]),
    ((1, 65536, 8, 128, 128), "fgla_h8_k128", [(16, 1)]),
    ((16, 2048, 12, 64, 64), "fgla_h12_k64", []),
    ((8, 2048, 4, 256, 512), "fgla_h4_k256_v512", []),
]
GOALS = [(1.05, 7.0, 1.2), (1.0, 5.5, 1.5), (1.0, 6.0, 1.9), (1.0, 8.0, 1.9), (None, 4.0, None), (None, 4.0, None)]
DECAYS = [("normal", 1.0), ("f=0.30", 1.15), ("f=0.07", 1.25), ("every 7th", 1.25), ("hard", 2.0)]
REGIONS = ["softplus_h16_k128", "algebraic_h16_k128"]
DECODE = [1, 64, 256]
EPS = 1e-5


# ---- In the worker -----------------------------------------------------------------------------------------------------------------


class Bench:
    """What all jobs of a worker share."""

    def __init__(self, options):
        import torch

        import gpu_reference
        import runtime_binding
        from runtime_binding import Library

        self.torch, self.reference, self.binding, self.options = torch, gpu_reference, runtime_binding, options
        self.artifacts = pathlib.Path(options["artifacts"])
        self.entries = {e["id"]: e for e in json.loads((self.artifacts / "manifest.json").read_text()) if e["artifact"]}
        found = sorted([*self.artifacts.glob("libfgla_runtime.so*"), *self.artifacts.parent.glob("libfgla_runtime.so*")])
        self.runtime = Library(found[0])
        self.functions, self.prototypes = {}, {}

    def variants(self, program):
        """(label, entry) of an artifact and of those made with other options."""
        for entry in self.entries.values():
            if entry["program"] == program and entry["target"] == "sm_90a":
                yield "ours" + entry["name"].removeprefix(program), entry

    def function(self, entry):
        if entry["id"] not in self.functions:
            self.functions[entry["id"]] = self.runtime.load(self.artifacts / entry["artifact"], "attention")
        return self.functions[entry["id"]]

    def calls(self, entry, sets):
        """A call for each set of inputs, with outputs of its own, and the outputs."""
        function, calls, results = self.function(entry), [], []
        for x in sets:
            outputs = function.allocate_results(x)
            prepared = function.prepare(x, outputs)
            calls.append(lambda prepared=prepared: prepared(self.torch.cuda.current_stream().cuda_stream))
            results.append(outputs)
        return calls, results

    def prototype(self):
        """Calls the library that the parent built."""
        if not self.prototypes:
            sys.path.insert(0, self.options["prototype"])
            import proto_bench

            self.prototypes["lib"] = proto_bench.Lib(self.options["prototype_library"])
        return self.prototypes["lib"]

    def inputs(self, shape, program, kind="normal", sets=3):
        """Sets of inputs for a program."""
        batch, tokens = shape[:2]
        return [self.reference.make_inputs(program, batch, tokens, kind, seed=seed) for seed in range(sets)]

    def timed(self, methods, repeats=None, warm=3):
        """Milliseconds by name: median of events. METHODS: lists of functions that do the same on other memory; all methods are called in turn,
        each on other memory than the one before it, of which the cache holds a part."""
        torch = self.torch
        for functions in methods.values():
            for _ in range(warm):
                for function in functions:
                    function()
        torch.cuda.synchronize()
        events = {name: [] for name in methods}
        for i in range(repeats or self.options["repeats"]):
            for position, (name, functions) in enumerate(methods.items()):
                torch.cuda._sleep(150000)  # the host is ahead of the device when the clock starts
                begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begin.record()
                functions[(i + position) % len(functions)]()
                end.record()
                events[name].append((begin, end))
        torch.cuda.synchronize()
        return {name: statistics.median(begin.elapsed_time(end) for begin, end in pairs) for name, pairs in events.items()}

    def graph_time(self, functions, calls=12):
        """Microseconds of one call within a CUDA graph of at least CALLS of them."""
        torch = self.torch
        rounds = -(-calls // len(functions))
        for function in functions:
            function()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(rounds):
                for function in functions:
                    function()
        time_ms = self.timed({"graph": [graph.replay]})["graph"]
        return 1e3 * time_ms / (rounds * len(functions))

    def expected(self, entry, x, rows=1):
        """The first batch rows of the result, in float64."""
        return self.reference.expected(entry, {name: t[:rows] if t.dim() == 4 else t for name, t in x.items()})["y"]

    def error(self, y, wanted):
        self.torch.cuda.synchronize()
        return self.reference.relative_error(y[: wanted.shape[0]], wanted)


def attempt(name, work):
    """A message with what WORK gives, or with its failure, and whether the device still answers."""
    import torch

    try:
        values = work()
    except Exception as error:
        text = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"[:300]
        try:
            torch.cuda.synchronize()
        except Exception:
            return {"failed": name, "why": text, "broken": True}
        return {"failed": name, "why": text}
    return {"part": name, "values": values}


def fla_functions():
    """The composition that a user has today: map, gate and norm compiled by torch, the core by FLA."""
    import torch

    def maps(zq, zk, zg, zr):
        q = torch.exp(zq.float() - zq.float().amax(-1, keepdim=True)).to(zq.dtype)
        k = torch.exp(zk.float() - zk.float().amax((1, 3), keepdim=True)).to(zq.dtype)
        g, r = torch.sigmoid(zg.float()), torch.sigmoid(zr.float())
        return q, k, torch.log(g * (g + 2 * r * (1 - g)))

    def norm(o, w):
        o = o.float()
        return (o * torch.rsqrt(o.square().mean(-1, keepdim=True) + EPS) * w).bfloat16()

    torch._dynamo.reset()
    return torch.compile(maps, dynamic=False), torch.compile(norm, dynamic=False)


def default_scale(keys):
    return 1 / (math.e * math.sqrt(keys * (math.e**2 - 1)))


def time_copy(bench, sizes):
    torch = bench.torch
    values = {}
    for name, size in sizes.items():
        pairs = []
        for _ in range(3):
            a = torch.randn(size // 4, device="cuda")
            pairs.append((a, torch.empty_like(a)))
        values[name] = bench.timed({"copy": [lambda a=a, b=b: b.copy_(a) for a, b in pairs]})["copy"]
    return values


def time_fla(bench, shape, sets):
    from fla.ops.gla import chunk_gla

    maps, norm = fla_functions()
    scale = default_scale(shape[3])

    def full(x):
        q, k, a = maps(x["zq"], x["zk"], x["zg"], x["zr"])
        return norm(chunk_gla(q, k, x["v"], a, scale=scale)[0], x["w"])

    with bench.torch.no_grad():
        values = bench.timed({"fla": [lambda x=x: full(x) for x in sets]}, repeats=30)
        q, k, a = maps(*(sets[0][name] for name in ("zq", "zk", "zg", "zr")))
        values["fla_core"] = bench.timed({"core": [lambda: chunk_gla(q, k, sets[0]["v"], a, scale=scale)]}, repeats=20)["core"]
    return values


def time_sdpa(bench, shape, sets):
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel

    warnings.simplefilter("ignore")  # of backends that do not take a shape
    heads_first = [[x[name].transpose(1, 2).contiguous() for name in ("zq", "zk", "v")] for x in sets[:2]]
    values, repeats = {}, 10 if shape[1] > 16384 else 20
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION, "any": None}
    for name, backend in backends.items():
        if name == "any" and values:
            break
        try:
            with bench.torch.no_grad(), sdpa_kernel(backend) if backend is not None else bench.torch.no_grad():
                functions = [lambda t=t: F.scaled_dot_product_attention(*t, is_causal=True) for t in heads_first]
                values[f"sdpa_{name}"] = bench.timed({"sdpa": functions}, repeats=repeats, warm=1)["sdpa"]
        except RuntimeError:
            bench.torch.cuda.synchronize()
    return dict(values, sdpa=min(values.values()))


def prototype_calls(bench, sets, segments, wgmma):
    lib = bench.prototype()
    outputs = [bench.torch.empty_like(x["v"]) for x in sets]
    calls = [
        lambda x=x, y=y: lib(x["zq"], x["zk"], x["zg"], x["zr"], x["v"], x["w"], nseg=segments[0], n1per=segments[1], wg=wgmma, y=y)
        for x, y in zip(sets, outputs)
    ]
    return calls, outputs


def time_ours(bench, program, sets, configs, skip):
    """Our artifacts, and the prototype, in turn."""
    methods, values, variants = {}, {}, list(bench.variants(program))
    if not variants:
        raise RuntimeError(f"{program} has not been compiled")
    wanted = bench.expected(variants[0][1], sets[0])
    for label, entry in variants:
        methods[label], results = bench.calls(entry, sets)
        methods[label][0]()
        values[f"error {label}"] = bench.error(results[0]["y"], wanted)
    if "prototype" not in skip:
        for segments in configs:
            for wgmma in (0, 1):
                name = f"prototype {'wgmma' if wgmma else 'mma'} {segments[0]}x{segments[1]}"
                try:
                    calls, outputs = prototype_calls(bench, sets, segments, wgmma)
                    calls[0]()
                except RuntimeError as error:  # it takes no such shape
                    values[f"without {name}"] = str(error)
                    continue
                values[f"error {name}"] = bench.error(outputs[0], wanted)
                methods[name] = calls
    values.update(bench.timed(methods))
    for kind in ("mma", "wgmma"):
        times = [time for name, time in values.items() if name.startswith(f"prototype {kind} ")]
        if times:
            values[f"prototype {kind}"] = min(times)
    return values


def job_shape(bench, job):
    shape, program, configs = SHAPES[job["index"]]
    described = next((e for e in bench.entries.values() if e["program"] == program), None)
    if described is None:
        import programs

        described = programs.PROGRAMS[program].describe()
    sets = bench.inputs(shape, described)
    moved = sum(sets[0][name].nbytes for name in ("zq", "zk", "zg", "zr", "v")) + sets[0]["v"].nbytes
    work = {
        "copy": (lambda: dict(time_copy(bench, {"copy": moved // 2}), bytes=moved), 20),
        "ours": (lambda: time_ours(bench, program, sets, configs, job["skip"]), 60),
        "sdpa": (lambda: time_sdpa(bench, shape, sets), 60),
        "fla": (lambda: time_fla(bench, shape, sets), 150),
    }
    yield from each(work, job)


def job_decay(bench, job):
    shape, program, configs = SHAPES[0]
    entry = next(entry for _, entry in bench.variants(program))
    sets = bench.inputs(shape, entry, job["kind"])
    yield from each({"ours": (lambda: time_ours(bench, program, sets, configs, job["skip"]), 40)}, job)


def job_region(bench, job):
    """A program and FGLA's own at the first shape, in turn."""
    shape, own, _ = SHAPES[0]

    def work():
        methods, values = {}, {}
        for label, program in (("ours", job["program"]), ("fgla", own)):
            variants = list(bench.variants(program))
            if not variants:
                raise RuntimeError(f"{program} has not been compiled")
            for suffix, entry in variants[:1]:
                sets = bench.inputs(shape, entry)
                methods[label], results = bench.calls(entry, sets)
                methods[label][0]()
                values[f"error {label}"] = bench.error(results[0]["y"], bench.expected(entry, sets[0]))
        values.update(bench.timed(methods))
        return values

    yield from each({"ours": (work, 40)}, job)


def job_decode(bench, job):
    """One token for each of a batch. The state goes in and comes out; sets rotate within the graph."""
    torch, batch = bench.torch, job["batch"]
    heads, keys, values = 16, 128, 128
    count = {1: 48, 64: 4}.get(batch, 3)
    state_bytes = batch * heads * keys * values * 4

    def copy():
        pairs = [(torch.randn(state_bytes // 4, device="cuda"), torch.empty(state_bytes // 4, device="cuda")) for _ in range(count)]
        return {"copy": bench.graph_time([lambda a=a, b=b: b.copy_(a) for a, b in pairs]), "bytes": 2 * state_bytes}

    def ours(program):
        found = {}
        for label, entry in bench.variants(program):
            sets = [bench.reference.make_inputs(entry, batch, 1, seed=seed) for seed in range(count)]
            calls, results = bench.calls(entry, sets)
            calls[0]()
            found[f"error {label}"] = bench.error(results[0]["y"], bench.reference.expected(entry, sets[0])["y"])
            found[label] = bench.graph_time(calls)
        if not found:
            raise RuntimeError(f"{program} has not been compiled")
        return found

    def fla():
        from fla.ops.gla import fused_recurrent_gla

        maps, norm = fla_functions()
        scale, w = default_scale(keys), torch.rand(values, device="cuda") + 0.5
        core, full = [], []
        for _ in range(count):
            zq, zk, v, zg, zr = (torch.randn(batch, 1, heads, keys, device="cuda").bfloat16() for _ in range(5))
            state = torch.randn(batch, heads, keys, values, device="cuda")
            q, k, a = maps(zq, zk, zg, zr)
            options = {"initial_state": state, "output_final_state": True, "scale": scale}
            core.append(lambda q=q, k=k, v=v, a=a, o=options: fused_recurrent_gla(q, k, v, gk=a, **o))

            def step(zq=zq, zk=zk, zg=zg, zr=zr, v=v, o=options):
                q, k, a = maps(zq, zk, zg, zr)
                y, state = fused_recurrent_gla(q, k, v, gk=a, **o)
                return norm(y, w), state

            full.append(step)
        with torch.no_grad():
            return {"fla_core": bench.graph_time(core), "fla": bench.graph_time(full)}

    work = {
        "copy": (copy, 20),
        "ours": (lambda: ours("step_h16_k128"), 40),
        "ours core": (lambda: ours("step_core_h16_k128"), 40),
        "fla": (fla, 120),
    }
    yield from each(work, job)


def job_launch(bench, job):
    """Host time of a call that only puts kernels on a stream, on tensors that cost the device nearly nothing."""
    torch = bench.torch

    def per_call(function, calls=400, rounds=7):
        times = []
        for _ in range(rounds):
            torch.cuda.synchronize()
            begin = time.perf_counter()
            for _ in range(calls):
                function()
            times.append((time.perf_counter() - begin) / calls * 1e6)
            torch.cuda.synchronize()
        return statistics.median(times)

    def launches(program, batch, tokens):
        entry = next((entry for label, entry in bench.variants(program) if label == "ours"), None)
        if entry is None:
            raise RuntimeError(f"{program} has not been compiled")
        x = bench.reference.make_inputs(entry, batch, tokens)
        function = bench.function(entry)
        prepared = function.prepare(x, function.allocate_results(x))
        options = bench.binding.LaunchOptions(torch.cuda.current_stream().cuda_stream)
        prepared(options)
        return {"us": per_call(lambda: prepared(options))}

    small = torch.zeros(16, device="cuda")
    work = {
        "a call through ctypes alone": (lambda: {"us": per_call(lambda: bench.runtime.fgla_function_num_args(bench.function(next(iter(bench.entries.values()))).handle))}, 20),
        "torch, one small kernel": (lambda: {"us": per_call(lambda: small.add_(1.0))}, 20),
        "fgla B=1 T=16": (lambda: launches("fgla_h16_k128", 1, 16), 20),
        "fgla B=1 T=2048 (segments)": (lambda: launches("fgla_h16_k128", 1, 2048), 20),
        "step B=1": (lambda: launches("step_h16_k128", 1, 1), 20),
    }
    yield from each(work, job)


def each(work, job):
    """Runs the parts that are not to be skipped; says before each how long it may take."""
    for name, (function, limit) in work.items():
        if name in job["skip"] or name in job["done"]:
            continue
        yield {"begin": name, "limit": limit}
        message = attempt(name, function)
        yield message
        if message.get("broken"):
            sys.exit(3)


def serve():
    shared = {}

    def handle(job):
        if "bench" not in shared:
            shared["bench"] = Bench(job["options"])
        bench = shared["bench"]
        yield {"device": bench.torch.cuda.get_device_name(), "torch": bench.torch.__version__}
        yield from {"shape": job_shape, "decay": job_decay, "region": job_region, "decode": job_decode, "launch": job_launch}[job["job"]](bench, job)
        bench.torch.cuda.empty_cache()

    gpu_worker.serve(handle)


# ---- In the parent -----------------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, arguments):
        self.arguments, self.results, self.device, self.merged = arguments, {}, {}, {}
        self.deadline = time.monotonic() + arguments.deadline
        self.worker = gpu_worker.Worker(__file__, self.deadline)
        self.options = {"artifacts": str(arguments.artifacts), "prototype": str(arguments.prototype), "repeats": arguments.repeats, "prototype_library": None}
        self.skip = set(arguments.skip)
        if "prototype" not in self.skip:
            self.build_prototype()

    def build_prototype(self):
        source, library = self.arguments.prototype / "fgla_fwd_proto.cu", "/tmp/libfgla_prototype.so"
        command = ["nvcc", "-O3", "-std=c++17", "-gencode=arch=compute_90a,code=sm_90a", "-Xcompiler", "-fPIC", "-shared", "-cudart", "static"]
        try:
            subprocess.run([*command, "-o", library, str(source)], check=True, capture_output=True, text=True)
            self.options["prototype_library"] = library
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"the prototype is left out: {error}", flush=True)
            self.skip.add("prototype")

    def job(self, name, **job):
        """All parts of a job; a part that is lost is left out and the others go on."""
        found = self.results[name] = {"failed": {}}
        done = []
        for _ in range(5):
            current = None
            if time.monotonic() > self.deadline - 5:
                found["failed"]["the rest" if done else "all"] = "not run: the time is up"
                break
            try:
                for message in self.worker.run(dict(job, options=self.options, skip=sorted(self.skip), done=done), 60):
                    if "device" in message:
                        self.device = message
                    elif "begin" in message:
                        current = message["begin"]
                    else:
                        current = None
                        done.append(message.get("part") or message["failed"])
                        if "failed" in message:
                            found["failed"][message["failed"]] = message["why"]
                        elif done[-1] in ("ours core",) or job["job"] == "launch":
                            found[done[-1]] = message["values"]
                        else:
                            found.update(message["values"])
                break
            except gpu_worker.Lost as lost:
                if current is None and (not done or done[-1] not in found["failed"]):
                    found["failed"]["start"] = str(lost)
                    break
                if current is not None:
                    found["failed"][current] = str(lost)
                    done.append(current)
        print(f"{name}: {json.dumps(found)}", flush=True)
        self.save()
        return found

    def merge(self, path):
        """What an earlier run timed and this one did not."""
        earlier = json.loads(path.read_text())
        source = f"{path.name}: {earlier['device'].get('device')}, torch {earlier['device'].get('torch')}, {earlier.get('date', 'no date')}"
        for name, found in earlier["results"].items():
            mine = self.results.setdefault(name, {"failed": {}})
            added = [key for key in found if key not in mine]
            mine.update((key, found[key]) for key in added)
            if added:
                self.merged.setdefault(source, []).append(f"{name} ({', '.join(added)})")
        self.save()

    def save(self):
        path = self.arguments.json or pathlib.Path(gpu_worker.output_folder()) / "forward.json"
        date = time.strftime("%Y-%m-%d", time.gmtime())
        path.write_text(json.dumps({"device": self.device, "date": date, "merged": self.merged, "results": self.results}, indent=1) + "\n")


def number(value, digits=3, suffix=""):
    return "–" if value is None else f"{value:.{digits}f}{suffix}"


def ratio(a, b, digits=2, suffix="×"):
    return "–" if a is None or b is None else f"{a / b:.{digits}f}{suffix}"


def judged(a, b, goal, at_most):
    """A ratio, with what was asked for where it is missed."""
    text = ratio(a, b)
    if text == "–" or goal is None:
        return text
    good = a / b <= goal if at_most else a / b >= goal
    return text if good else f"{text} ({'≤' if at_most else '≥'} {goal})"


def print_table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def best_prototype(found):
    times = [found[name] for name in ("prototype mma", "prototype wgmma") if name in found]
    return min(times) if times else None


def print_tables(run, bandwidth):
    results = run.results
    if bandwidth:
        print(f"\n{run.device.get('device')}, torch {run.device.get('torch')}, copy {bandwidth / 1e12:.2f} TB/s")
    rows = []
    for index, (shape, _, _) in enumerate(SHAPES):
        found = results.get(f"shape {index + 1}")
        if found is None:
            continue
        ours, copy, goals = found.get("ours"), found.get("copy"), GOALS[index]
        floor = found["bytes"] / bandwidth * 1e3 if bandwidth and "bytes" in found else None
        rows.append([
            ",".join(map(str, shape)), number(floor), number(copy), number(ours), number(found.get("prototype mma")), number(found.get("prototype wgmma")),
            number(found.get("fla")), number(found.get("fla_core")), number(found.get("sdpa")), judged(ours, best_prototype(found), goals[0], True),
            judged(found.get("fla"), ours, goals[1], False), judged(ours, floor, goals[2], True), ratio(found.get("sdpa"), ours),
            f"{found['error ours']:.1e}" if "error ours" in found else "–",
        ])  # fmt: skip
        for name, value in found.items():
            if name.startswith("ours@"):
                rows.append([f"… {name}", "", "", number(value)] + [""] * 5 + [ratio(value, best_prototype(found)), "", ratio(value, floor), "", f"{found['error ' + name]:.1e}"])
    if rows:
        print_table(["B,T,H,K,V (ms)", "floor", "copy", "ours", "prototype mma", "wgmma", "FLA", "FLA core", "SDPA", "ours / best prototype", "FLA / ours",
                     "ours / floor", "SDPA / ours", "error"], rows)  # fmt: skip
    base, rows = None, []
    for kind, goal in DECAYS:
        found = results.get(f"decay {kind}")
        if found is None:
            continue
        ours = found.get("ours")
        base = ours if kind == "normal" else base
        error = f"{found['error ours']:.1e}" if "error ours" in found else "–"
        rows.append([kind, number(ours), judged(ours, base, goal, True), number(best_prototype(found)), ratio(ours, best_prototype(found)), error])
        rows += [[f"… {name}", number(value), "", "", "", f"{found['error ' + name]:.1e}"] for name, value in found.items() if name.startswith("ours@")]
    if rows:
        print_table(["decay, first shape (ms)", "ours", "of the first row", "prototype", "ours / prototype", "error"], rows)
    rows = []
    for program in REGIONS:
        if found := results.get(f"region {program}"):
            error = f"{found['error ours']:.1e}" if "error ours" in found else "–"
            rows.append([program, number(found.get("ours")), number(found.get("fgla")), judged(found.get("ours"), found.get("fgla"), 1.15, True), error])
    if rows:
        print_table(["region form, first shape (ms)", "it", "FGLA's own", "ratio", "error"], rows)
    rows = []
    for batch in DECODE:
        if found := results.get(f"decode {batch}"):
            core = found.get("ours core", {}).get("ours")
            ours, copy, fla = found.get("ours"), found.get("copy"), found.get("fla")
            share = number(100 * copy / ours, 0, " %") if ours and copy else "–"
            share_core = number(100 * copy / core, 0, " %") if core and copy else "–"
            error = f"{found['error ours']:.1e}" if "error ours" in found else "–"
            rows.append([str(batch), number(copy, 1), number(ours, 1), number(core, 1), number(fla, 1), number(found.get("fla_core"), 1), ratio(fla, ours),
                         ratio(found.get("fla_core"), core), share, share_core, error])  # fmt: skip
    if rows:
        print_table(["decode, B (µs in a graph)", "copy of the state", "ours", "ours, core", "FLA with map, gate, norm", "fused_recurrent_gla", "FLA / ours", "core / core",
                     "of copy bandwidth", "core", "error"], rows)  # fmt: skip
    if found := results.get("launch"):
        print_table(["host time of a call", "µs"], [[name, number(value["us"], 2)] for name, value in found.items() if name != "failed"])
    for source, parts in run.merged.items():
        print(f"\nfrom {source}: {'; '.join(parts)}")
    failed = [f"{name}, {part}: {why}" for name, found in results.items() for part, why in found["failed"].items()]
    print("\n" + "\n".join(["failed or left out:", *failed] if failed else ["nothing failed"]))


def main():
    if "--worker" in sys.argv:
        return serve()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="shapes,decays,regions,decode,launch")
    parser.add_argument("--shapes", default="1,2,3,4,5,6")
    parser.add_argument("--skip", default="")
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / ".gpu" / "artifacts")
    parser.add_argument("--prototype", type=pathlib.Path, default=ROOT / ".gpu" / "prototype")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--deadline", type=float, default=540, help="seconds; what has not been timed by then is left out")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--merge", default="")
    arguments = parser.parse_args()
    arguments.merge = [pathlib.Path(part) for part in arguments.merge.split(",") if part]
    arguments.skip = [part for part in arguments.skip.split(",") if part]
    parts = arguments.only.split(",")
    begin = time.monotonic()
    run = Run(arguments)
    if "launch" in parts:
        run.job("launch", job="launch")
    if "shapes" in parts:
        for index in sorted(int(part) - 1 for part in arguments.shapes.split(",")):
            run.job(f"shape {index + 1}", job="shape", index=index)
    if "decays" in parts:
        for kind, _ in DECAYS:
            run.job(f"decay {kind}", job="decay", kind=kind)
    if "regions" in parts:
        for program in REGIONS:
            run.job(f"region {program}", job="region", program=program)
    if "decode" in parts:
        for batch in DECODE:
            run.job(f"decode {batch}", job="decode", batch=batch)
    for path in arguments.merge:
        run.merge(path)
    bandwidths = [found["bytes"] / found["copy"] * 1e3 for name, found in run.results.items() if name.startswith("shape") and "copy" in found]
    print_tables(run, max(bandwidths, default=None))
    run.worker.close()
    print(f"{time.monotonic() - begin:.0f} s")
    return None


if __name__ == "__main__":
    main()
