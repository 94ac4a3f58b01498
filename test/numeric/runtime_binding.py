"""Calls compiled artifacts through the C ABI (runtime/fgla.h) on NumPy arrays."""

import ctypes

import ml_dtypes
import numpy as np

# fgla_dtype in fgla.h.
DTYPES = {
    0: np.dtype(np.float64),
    1: np.dtype(np.float32),
    2: np.dtype(np.float16),
    3: np.dtype(ml_dtypes.bfloat16),
    4: np.dtype(np.int64),
    5: np.dtype(np.int32),
    6: np.dtype(np.int16),
    7: np.dtype(np.int8),
    8: np.dtype(np.uint8),
    9: np.dtype(np.bool_),
}
DTYPE_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


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
    def of(cls, array):
        """A view of ARRAY, which has to outlive it."""
        rank = array.ndim
        shape = (ctypes.c_int64 * rank)(*array.shape)
        stride = (ctypes.c_int64 * rank)(*(s // array.itemsize for s in array.strides))
        return cls(array.ctypes.data, DTYPE_NUMBERS[array.dtype], rank, shape, stride, Device(0, 0))


class Dim(ctypes.Structure):
    _fields_ = [("size", ctypes.c_int64), ("symbol", ctypes.c_char_p)]


class ValueInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_int32), ("dims", ctypes.POINTER(Dim))]


class RuntimeFailure(Exception):
    pass


class Function:
    """Called with arrays by argument name; gives arrays by result name."""

    def __init__(self, runtime, handle):
        self.runtime, self.handle = runtime, handle
        self.args = self._values(runtime.fgla_function_num_args, runtime.fgla_function_arg)
        self.results = self._values(runtime.fgla_function_num_results, runtime.fgla_function_result)

    def _values(self, count, describe):
        values = []
        for index in range(count(self.handle)):
            info = ValueInfo()
            self.runtime.check(describe(self.handle, index, ctypes.byref(info)))
            values.append((info.name.decode(), DTYPES[info.dtype], info.rank))
        return values

    def __call__(self, inputs):
        arrays = [inputs[name] for name, _, _ in self.args]
        args = (Tensor * len(arrays))(*(Tensor.of(array) for array in arrays))
        num_dims = sum(rank for _, _, rank in self.results)
        dims = (ctypes.c_int64 * num_dims)()
        self.runtime.check(self.runtime.fgla_function_result_shapes(self.handle, args, len(arrays), dims, num_dims))
        outputs, at = {}, 0
        for name, dtype, rank in self.results:
            outputs[name] = np.empty(tuple(dims[at : at + rank]), dtype)
            if dtype.kind in "fV":  # V: bfloat16
                outputs[name].fill(np.nan)  # a result that is not written shows
            at += rank
        results = (Tensor * len(outputs))(*(Tensor.of(array) for array in outputs.values()))
        self.runtime.check(self.runtime.fgla_call(self.handle, args, len(arrays), results, len(outputs)))
        return outputs


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

    def __getattr__(self, name):
        return getattr(self.c, name)

    def check(self, status):
        if status != 0:
            raise RuntimeFailure(self.c.fgla_error_message().decode())

    def load(self, path, name):
        """The function NAME of the artifact at PATH, which stays loaded."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.c.fgla_module_load(str(path).encode(), ctypes.byref(module)))
        self.check(self.c.fgla_module_function(module, name.encode(), ctypes.byref(function)))
        return Function(self, function)
