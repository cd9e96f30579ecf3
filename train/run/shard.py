"""The networks prepared for a distributed run, in this order: recompute, compile, shard.

The model knows nothing of it. Activation checkpointing goes first, so that compilation sees the recomputation;
compilation second, block by block, so that one compiled block serves all; FSDP2 last, around what is left.
"""

import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import Shard, distribute_tensor

from train.config import ComputeConfig
from train.dist import World
from train.method.learning import Learning
from train.method.network import Network

COMPILER = "inductor"
"""The backend of `torch.compile`; it needs a C++ compiler on processors."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def prepare(networks: Learning, config: ComputeConfig, world: World) -> Learning:
    """The networks on this process's device, ready to train."""
    networks.to(world.device)
    if config.checkpoint_activations:
        for pair in networks.pairs():
            _recompute_blocks(pair.student)
    for backbone in networks.backbones():
        backbone.to(world.device)  # also where it is no part of what a checkpoint holds
        if config.compile:
            for block in backbone.blocks:
                block.compile(dynamic=True, backend=COMPILER)
    for head in networks.heads():
        head.to(world.device)
    if world.size > 1 or config.shard == "always":
        _shard(networks, world)
    return networks


def reshard(networks: Learning) -> None:
    """Let go of what FSDP still holds gathered after a pass, so that all parameters are shards again."""
    parts: list[nn.Module] = [networks, *networks.backbones(), *networks.heads()]
    for part in parts:
        for module in part.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


def _recompute_blocks(network: Network) -> None:
    """Keep each block's input only and compute the block again in the backward pass."""
    blocks = network.backbone.blocks
    for index, block in enumerate(blocks):
        blocks[index] = checkpoint_wrapper(block, preserve_rng_state=False)  # the block draws nothing itself


def _shard(networks: Learning, world: World) -> None:
    """FSDP2 around every block, every backbone and every head: parameters float32 when gathered, gradients when reduced.

    Precision is autocast's business, as on one process. What feeds the residual stream (position embedding, cls,
    registers, LayerScale, norms) and the prototypes, which are normalised before they are rounded, must not be rounded
    when gathered; FSDP gathers a unit in one type, and matrices in units of their own, within the blocks, would give
    the same numbers for half the bytes, but cut a compiled block into pieces at each (17 graphs instead of 3) and be
    gathered once more when activations are recomputed. So all are gathered as they are: 1.2 GB instead of 0.6 in each
    of the three passes of ViT-L, behind the computation.
    """
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    for backbone in networks.backbones():
        for part in (*backbone.blocks, backbone):
            fully_shard(part, mp_policy=policy)
        register_fsdp_forward_method(backbone, "forward_packed")
    for head in networks.heads():
        fully_shard(head, mp_policy=policy)
    for pair in networks.pairs():
        if pair.queue is not None:  # the same on every rank until here, which keeps its share
            mesh = init_device_mesh(world.device.type, (world.size,))
            pair.queue.logits = distribute_tensor(pair.queue.logits, mesh, [Shard(0)], src_data_rank=None)
