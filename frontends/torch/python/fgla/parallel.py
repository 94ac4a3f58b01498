"""One sequence on several processes."""

import torch
import torch.distributed

__all__ = ["sequence_parallel"]


def sequence_parallel(query, key, value, gate, *, group=None, **options):
    """torch.ops.fgla.fgla of a sequence of which each process of GROUP has a slice, in the order of the ranks.

    Takes that op's options but `rule`, `beta` and `sequences`. Returns this rank's slice of the output; with final_state also the state after
    the whole sequence, the same on all ranks. Every rank has to call it, and to run its backward. Gradients of what all ranks hold, weights
    and an initial state, are each rank's part of a sum, as in data parallel training.
    """
    group = group or torch.distributed.group.WORLD
    return torch.ops.fgla.sequence_parallel(query, key, value, gate, group.group_name, **options)
