"""Calls compiled artifacts through the C ABI (runtime/fgla.h) on NumPy arrays, or on torch tensors of a CUDA device.

PyTorch is imported only where a caller gives its tensors.
"""

import ctypes

import numpy as np

try:
    from ml_dtypes import bfloat16
except ImportError:  # not needed for torch tensors
    bfloat16 = "V2"

# fgla_dtype in fgla.h.
DTYPES = {
    0: np.dtype(np.float64),
    1: np.dtype(np.float32),
    2: np.dtype(np.float16),
    3: np.dtype(bfloat16),
    4: np.dtype(np.int64),
    5: np.dtype(np.int32),
    6: np.dtype(np.int16),
    7: np.dtype(np.int8),
    8: np.dtype(np.uint8),
    9: np.dtype(np.bool_),
}
DTYPE_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
TORCH_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


CPU, CUDA = 0, 1  # fgla_device_kind


class Device(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("index", ctypes.c_int32)]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("stride", ctypes.POINTER(ctypes.c_int64)),
        ("device", Device),
    ]

    @classmethod
    def of(cls, array, kind=CPU):
        """A view of ARRAY, which has to outlive it. KIND: where a NumPy array is said to be; an emulated GPU has the host's memory."""
        if not isinstance(array, np.ndarray):
            return cls.of_torch(array)
        rank = array.ndim
        shape = (ctypes.c_int64 * rank)(*array.shape)
        stride = (ctypes.c_int64 * rank)(*(s // array.itemsize for s in array.strides))
        return cls(array.ctypes.data, DTYPE_NUMBERS[array.dtype], rank, shape, stride, Device(kind, 0))

    @classmethod
    def of_torch(cls, tensor):
        rank = tensor.dim()
        shape, stride = (ctypes.c_int64 * rank)(*tensor.shape), (ctypes.c_int64 * rank)(*tensor.stride())
        dtype = TORCH_DTYPES.index(str(tensor.dtype).removeprefix("torch."))
        device = Device(CUDA, tensor.get_device()) if tensor.is_cuda else Device(CPU, 0)
        return cls(tensor.data_ptr(), dtype, rank, shape, stride, device)


ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class LaunchOptions(ctypes.Structure):
    """fgla_launch_options. Without `allocate` the runtime takes memory from a pool of its own."""

    _fields_ = [("stream", ctypes.c_void_p), ("allocate", ALLOCATE), ("release", RELEASE), ("user", ctypes.c_void_p)]


def torch_launch_options(device):
    """The current stream of a device and torch's own allocator."""
    import torch

    allocate = ALLOCATE(lambda user, size, stream: torch.cuda.caching_allocator_alloc(size, device, stream or 0))
    release = RELEASE(lambda user, memory, stream: torch.cuda.caching_allocator_delete(memory))
    return LaunchOptions(torch.cuda.current_stream(device).cuda_stream, allocate, release, None)


class Dim(ctypes.Structure):
    _fields_ = [("size", ctypes.c_int64), ("symbol", ctypes.c_char_p)]


class ValueInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int32), ("dims", ctypes.POINTER(Dim))]


class RuntimeFailure(Exception):
    pass


class Function:
    """Called with arrays by argument name; gives arrays by result name."""

    def __init__(self, runtime, handle, kind=CPU):
        self.runtime, self.handle, self.kind = runtime, handle, kind
        self.args = self._values(runtime.fgla_function_num_args, runtime.fgla_function_arg)
        self.results = self._values(runtime.fgla_function_num_results, runtime.fgla_function_result)

    def _values(self, count, describe):
        values = []
        for index in range(count(self.handle)):
            info = ValueInfo()
            self.runtime.check(describe(self.handle, index, ctypes.byref(info)))
            values.append((info.name.decode(), DTYPES[info.dtype], info.rank))
        return values

    def _views(self, arrays):
        return (Tensor * len(arrays))(*(Tensor.of(array, self.kind) for array in arrays))

    def allocate_results(self, inputs):
        """Arrays for the results of a call, of the kind and on the device of the inputs."""
        arrays = [inputs[name] for name, _, _ in self.args]
        num_dims = sum(rank for _, _, rank in self.results)
        dims = (ctypes.c_int64 * num_dims)()
        self.runtime.check(
            self.runtime.fgla_function_result_shapes(self.handle, self._views(arrays), len(arrays), dims, num_dims)
        )
        outputs, at = {}, 0
        for name, dtype, rank in self.results:
            shape = tuple(dims[at : at + rank])
            at += rank
            if isinstance(arrays[0], np.ndarray):
                outputs[name] = np.empty(shape, dtype)
            else:
                import torch

                torch_dtype = getattr(torch, TORCH_DTYPES[DTYPE_NUMBERS[dtype]])
                outputs[name] = torch.empty(shape, dtype=torch_dtype, device=arrays[0].device)
            if dtype.kind in "fV":  # V: bfloat16
                outputs[name][...] = np.nan  # a result that is not written shows
        return outputs

    def __call__(self, inputs):
        """Returns when the results are complete. On a CUDA device it uses the default stream."""
        if self.kind == CUDA:  # which takes no strides
            inputs = {name: np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array for name, array in inputs.items()}
        outputs = self.allocate_results(inputs)
        args, results = self._views([inputs[name] for name, _, _ in self.args]), self._views(outputs.values())
        self.runtime.check(self.runtime.fgla_call(self.handle, args, len(args), results, len(results)))
        return outputs

    def prepare(self, inputs, outputs):
        """A function that puts the call on a stream, for timing and for CUDA graphs: nothing is converted when it is called.

        `call(stream)` takes the number of a CUDA stream (torch.cuda.Stream.cuda_stream; 0: the default one) or LaunchOptions.
        """
        args = self._views([inputs[name] for name, _, _ in self.args])
        results = self._views([outputs[name] for name, _, _ in self.results])
        keep = (inputs, outputs)

        def call(stream=0):
            assert keep
            options = stream if isinstance(stream, LaunchOptions) else LaunchOptions(stream)
            self.runtime.check(
                self.runtime.fgla_call_on(self.handle, args, len(args), results, len(results), ctypes.byref(options))
            )

        return call


class Library:
    """libfgla_runtime.so, the runtime that a deployed model uses."""

    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        self.c.fgla_error_message.restype = ctypes.c_char_p
        for name in ("fgla_module_load", "fgla_module_function", "fgla_function_arg", "fgla_function_result"):
            getattr(self.c, name).restype = ctypes.c_int
        for name in ("fgla_function_num_args", "fgla_function_num_results"):
            getattr(self.c, name).argtypes = [ctypes.c_void_p]
        for name in ("fgla_function_arg", "fgla_function_result"):
            getattr(self.c, name).argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]
        self.c.fgla_function_result_shapes.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int32,
            ctypes.c_void_p,
            ctypes.c_int32,
        ]
        self.c.fgla_call.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32]
        self.c.fgla_call_on.argtypes = [*self.c.fgla_call.argtypes, ctypes.c_void_p]

    def __getattr__(self, name):
        return getattr(self.c, name)

    def check(self, status):
        if status != 0:
            raise RuntimeFailure(self.c.fgla_error_message().decode())

    def load(self, path, name, kind=CPU):
        """The function NAME of the artifact at PATH, which stays loaded. KIND: of the device that NumPy arrays are given to it on."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.c.fgla_module_load(str(path).encode(), ctypes.byref(module)))
        self.check(self.c.fgla_module_function(module, name.encode(), ctypes.byref(function)))
        return Function(self, function, kind)
