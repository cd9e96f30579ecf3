"""What a distributed run does to the networks, in this order: recompute, compile, shard.

The model knows nothing of it. Activation checkpointing goes first, so that compilation sees the recomputation;
compilation second, block by block, so that one compiled block serves all; FSDP2 last, around what is left.
"""

import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from train.config import ComputeConfig
from train.dist import World
from train.student_teacher import Network, StudentTeacher

COMPILER = "inductor"
"""What `torch.compile` hands its graphs to; needs a C++ compiler on processors."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def prepare(networks: StudentTeacher, config: ComputeConfig, world: World) -> StudentTeacher:
    """The networks on this process's device, ready to train."""
    networks.to(world.device)
    if config.checkpoint_activations:
        _recompute_blocks(networks.student)
    for network in (networks.student, networks.teacher):
        if config.compile:
            for block in network.backbone.blocks:
                block.compile(dynamic=True, backend=COMPILER)
        if world.size > 1:
            _shard(network, config)
    return networks


def reshard(networks: StudentTeacher) -> None:
    """Let go of what FSDP still holds gathered after a pass, so that all parameters are shards again."""
    for module in networks.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def _recompute_blocks(network: Network) -> None:
    """Keep each block's input only and compute the block again in the backward pass."""
    blocks = network.backbone.blocks
    for index, block in enumerate(blocks):
        blocks[index] = checkpoint_wrapper(block, preserve_rng_state=False)  # the block draws nothing itself


def _shard(network: Network, config: ComputeConfig) -> None:
    """FSDP2 around every block, both heads and the backbone; gradients are reduced in float32."""
    dtype = DTYPES[config.precision]
    policy = MixedPrecisionPolicy(
        param_dtype=None if dtype == torch.float32 else dtype, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for part in (*network.backbone.blocks, network.backbone, network.dino_head, network.ibot_head):
        fully_shard(part, mp_policy=policy)
    register_fsdp_forward_method(network.backbone, "forward_packed")
