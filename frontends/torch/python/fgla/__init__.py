"""Gated linear attention in PyTorch: operators (torch.ops.fgla), a layer, and maps and gates of one's own."""

from . import _library
from .layer import FGLA, MIXERS, Mixer, State
from .parallel import sequence_parallel
from .tracing import TraceError, trace

_library.load()

__all__ = ["FGLA", "MIXERS", "Mixer", "State", "TraceError", "sequence_parallel", "trace"]
