"""Gated linear attention in PyTorch: operators, a layer, and maps and gates of one's own."""

from .tracing import TraceError, trace

__all__ = ["TraceError", "trace"]
