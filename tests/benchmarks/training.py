"""How fast a training step is: packing and stochastic depth against the plain way, whole steps, rounding's effect.

    python -m tests.benchmarks.training [--model dinov2-small] [--batch 8] [--prototypes 65536] [--repeat 4]
        [--compile] [--recompute] [--curve IMAGES]

Floors are the matrix products' (`train.run.account`) at the matrix rate measured in the same run. Variants are
interleaved and the fastest repetition of each counts, since machines are shared. `--curve` trains 50 steps on real
images twice, in float32 and in bfloat16, and compares the losses.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core import BACKBONES, VisionTransformer
from core.records.runs import read_metrics
from tests.benchmarks.inference import fastest, matrix_rate
from train import dist, recipes
from train.config import ComputeConfig, LogConfig, RunConfig
from train.data.batch import Batch, step_masks
from train.method.heads import HeadConfig
from train.method.student_teacher import build
from train.pretrain import pretrain
from train.run.account import backbone_work, step_work
from train.run.memory import keep_freed_memory
from train.run.optim import optimisers
from train.run.shard import DTYPES, prepare
from train.run.step import update

DROP_RATES = (0.0, 0.3, 0.4)


@dataclass(frozen=True)
class Setting:
    """What is measured: the recipe's crops for so many images on one device."""

    config: RunConfig
    world: dist.World

    def batch(self, seed: int) -> Batch:
        """Noise of the right shapes; what is in the pixels changes no time."""
        generator = torch.Generator().manual_seed(seed)
        augment, images = self.config.augment, self.config.optim.batch
        crops = [
            torch.randn(count * images, 3, size, size, generator=generator).to(self.world.device)
            for count, size in ((2, augment.global_size), (augment.local_crops, augment.local_size))
        ]
        grid = augment.global_size // self.config.model.patch
        masks = step_masks(images, grid, 0, seed, slice(0, images), self.config.masks)
        return Batch(*crops, masks.to(self.world.device))


def plain_pass(model: VisionTransformer, crops: list[Tensor], drop_rate: float, generator: torch.Generator) -> Tensor:
    """The cls tokens' sum, every crop size in a pass of its own, dropped samples computed and then multiplied by 0."""
    total = torch.zeros((), device=crops[0].device)
    for pixels in crops:
        x, packing = model._embed([pixels], None)
        ((samples, tokens),) = packing.groups
        for block in model.blocks:
            for norm, branch, scale in ((block.norm1, block.attn, block.ls1), (block.norm2, block.mlp, block.ls2)):
                normed = norm(x)
                residual = scale(branch(normed, packing) if branch is block.attn else branch(normed))
                if drop_rate:
                    kept = torch.rand(samples, 1, generator=generator) >= drop_rate
                    factor = (kept / (1 - drop_rate)).to(x.device).repeat_interleave(tokens, dim=0)
                    residual = residual * factor
                x = x + residual
        total = total + model._tokens(model.norm(x), packing)[0].cls.float().sum()
    return total


def packed_pass(model: VisionTransformer, crops: list[Tensor], drop_rate: float, generator: torch.Generator) -> Tensor:
    tokens = model.forward_packed(crops, drop_rate=drop_rate, generator=generator)
    return sum(part.cls.float().sum() for part in tokens)


def compare_passes(setting: Setting, dtype: torch.dtype, repeat: int) -> None:
    """Student's forward and backward, the plain way and ours."""
    model = VisionTransformer(setting.config.model).to(setting.world.device)
    batch = setting.batch(0)
    crops = [batch.global_crops, batch.local_crops]
    generator = torch.Generator().manual_seed(0)

    def both_ways(forward, drop_rate: float):
        def run() -> None:
            with torch.autocast(crops[0].device.type, dtype, enabled=dtype != torch.float32):
                total = forward(model, crops, drop_rate, generator)
            total.backward()
            model.zero_grad(set_to_none=True)

        return run

    functions = {
        f"{name} {rate}": both_ways(forward, rate)
        for rate in DROP_RATES
        for name, forward in (("plain", plain_pass), ("packed", packed_pass))
    }
    seconds = fastest(functions, repeat)
    print(f"\nstudent forward and backward in {dtype}, packed and skipping against plain")
    print(f"{'depth dropped':>14}{'plain':>10}{'ours':>10}{'ratio':>8}{'FLOPs allow':>13}")
    for rate in DROP_RATES:
        plain, ours = seconds[f"plain {rate}"], seconds[f"packed {rate}"]
        print(f"{rate:>14}{plain:>9.2f}s{ours:>9.2f}s{plain / ours:>7.2f}×{1 / (1 - rate):>12.2f}×", flush=True)


def whole_steps(setting: Setting, precisions: list[str], repeat: int) -> None:
    """Whole updates with heads, Sinkhorn, AdamW and the teacher, for each precision."""
    device, config = setting.world.device, setting.config
    print(f"\nwhole step, {config.heads.dino_prototypes} prototypes, stochastic depth {config.optim.drop_rate}")
    print(f"{'':>10}{'step':>9}{'images/s':>10}{'TFLOP/step':>12}{'GFLOP/s':>9}{'of rate':>9}{'floor':>8}{'memory':>9}")
    for name in precisions:
        run = replace(config, compute=replace(config.compute, precision=name))
        networks = prepare(build(run.model, run.heads), run.compute, setting.world)
        learn = optimisers(networks.student.children(), run.optim)
        scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")
        batches = [setting.batch(seed) for seed in range(2)]
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()

        def step(networks=networks, learn=learn, scaler=scaler, run=run, batches=batches) -> None:
            update(networks, learn, scaler, batches[:1], 20_000, run, setting.world, Path(tempfile.gettempdir()))

        seconds = fastest({name: step}, repeat)[name]
        work = step_work(run).total
        rate = max(matrix_rate(DTYPES[name], device, *shape) for shape in ((4096, 384, 1536), (2048, 2048, 2048)))
        memory = f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if device.type == "cuda" else ""
        print(
            f"{name:>10}{seconds:>8.2f}s{config.optim.batch / seconds:>10.1f}{work / 1e12:>12.2f}{work / seconds / 1e9:>9.0f}"
            f"{work / seconds / rate:>9.0%}{work / rate:>7.2f}s{memory:>10}",
            flush=True,
        )


def loss_curves(setting: Setting, images: Path, steps: int = 50) -> None:
    """The same run in float32 and in bfloat16: the largest difference of the loss."""
    optim = replace(setting.config.optim, steps=steps, warmup_steps=5, freeze_last_layer_steps=1)
    curves = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("float32", "bfloat16"):
            compute = replace(setting.config.compute, precision=name, workers=0)
            log = LogConfig(every=1, save_every=steps, snapshots=False)
            run = replace(
                setting.config, optim=replace(optim, temperature_warmup_steps=steps // 3), compute=compute, log=log
            )
            started = time.perf_counter()
            out = pretrain(run, [images], Path(folder) / name)
            curves.append([line["loss"] for line in read_metrics(out) if "loss" in line])
            print(f"{name}: loss {curves[-1][0]:.4f} → {curves[-1][-1]:.4f} in {time.perf_counter() - started:.0f} s")
    worst = max(abs(rounded / exact - 1) for exact, rounded in zip(*curves, strict=True))
    print(f"largest difference of the loss over {steps} steps: {worst:.2%}")


def main(words: argparse.Namespace) -> None:
    world = dist.join()
    if world.device.type == "cpu":
        keep_freed_memory()
    base = recipes.vits14()
    config = replace(
        base,
        model=replace(BACKBONES[words.model], image_size=224),
        heads=HeadConfig(words.prototypes, words.prototypes),
        optim=replace(base.optim, batch=words.batch, drop_rate=words.drop),
        compute=ComputeConfig(compile=words.compile, checkpoint_activations=words.recompute),
    )
    setting = Setting(config, world)
    forward = 2 * backbone_work(config.model, 224) + config.augment.local_crops * backbone_work(config.model, 98)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, {world.device}"
    )
    print(
        f"{words.model}, 2×224 + 8×98 pixels, batch {words.batch}: {forward * words.batch / 1e12:.2f} TFLOP a forward"
    )
    if words.curve:
        loss_curves(setting, words.curve)
        return
    compare_passes(setting, torch.bfloat16, words.repeat)
    whole_steps(setting, ["float32", "bfloat16"] if world.device.type == "cpu" else ["bfloat16"], words.repeat)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dinov2-small", choices=sorted(BACKBONES))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--prototypes", type=int, default=65_536)
    parser.add_argument("--drop", type=float, default=0.3)
    parser.add_argument("--repeat", type=int, default=4)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--curve", type=Path, help="a folder of images: compare 50 steps' losses instead")
    main(parser.parse_args())
