"""How fast a ViT-S/14 runs here, beside transformers on the same weights in the same run.

    python -m tests.benchmarks.inference [--quick]

The floor is that of the matrix products: FLOPs of the linear layers and of attention at the matrix rate measured
in the same run. Repetitions are interleaved and the least disturbed one counts, since machines are shared.
"""

import argparse
import os
import time
from collections.abc import Callable

import torch
from torch.nn.functional import cosine_similarity, linear

import core
from core.model.precision import has_fast_bfloat16, inference
from core.pictures.gallery import samples
from core.weights import layouts

CASES = [(224, 1), (224, 8), (518, 1)]


def realistic_model() -> core.VisionTransformer:
    """ViT-S/14 with random weights that are as hard to round as trained ones.

    LayerScale of 0.5 instead of 1e-5, LayerNorm gains from 0 to 2, sharper attention, and in two blocks one
    channel whose activations are thirty times the others', of either sign.
    """
    generator = torch.Generator().manual_seed(0)
    model = core.VisionTransformer(core.ViTConfig(layer_scale=0.5)).eval()
    model.initialise(generator)
    with torch.no_grad():
        for block in model.blocks:
            for norm in (block.norm1, block.norm2):
                norm.weight.copy_(torch.rand(norm.weight.shape, generator=generator) * 2)
            block.attn.qkv.weight.mul_(2.5)
        for index in (3, 8):
            model.blocks[index].mlp.fc2.weight[7] *= 30
    return model


def transformers_model(model: core.VisionTransformer, dtype: torch.dtype):
    from transformers import Dinov2Config, Dinov2Model

    config = model.config
    theirs = Dinov2Model(
        Dinov2Config(
            hidden_size=config.width,
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            image_size=config.image_size,
            patch_size=config.patch,
        )
    )
    renamed = layouts.to_hugging_face(model.state_dict(), model.config)
    own = {
        key.replace("attention.attention.query", "attention.q_proj")
        .replace("attention.attention.key", "attention.k_proj")
        .replace("attention.attention.value", "attention.v_proj")
        .replace("attention.output.dense", "attention.o_proj"): value
        for key, value in renamed.items()
    }
    names = theirs.state_dict().keys()
    theirs.load_state_dict(own if own.keys() == names else renamed)
    return theirs.to(dtype).eval()


def pixels(size: int, batch: int) -> torch.Tensor:
    """Real photographs, square, [batch, 3, size, size]."""
    pictures = [core.load_image(sample.path).resize((size, size)) for sample in samples()]
    prepared = [core.features.preprocess(picture, size, 14)[0] for picture in pictures]
    return torch.stack([prepared[i % len(prepared)] for i in range(batch)])


def flops(config: core.ViTConfig, size: int, batch: int) -> float:
    """Floating-point operations of the matrix products of one forward pass (2 for a multiply-add)."""
    tokens = (size // config.patch) ** 2 + 1
    linears = 2 * tokens * config.width * (4 * config.width + 2 * config.hidden)
    attention = 4 * tokens**2 * config.width
    patches = 2 * (tokens - 1) * config.width * 3 * config.patch**2
    return batch * (config.depth * (linears + attention) + patches)


def fastest(functions: dict[str, Callable], repetitions: int) -> dict[str, float]:
    """Seconds of the fastest of `repetitions` interleaved calls of each, after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repetitions + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - started)
    return {name: min(values[1:]) for name, values in times.items()}


def matrix_rate(dtype: torch.dtype, device: torch.device, rows: int, inner: int, columns: int) -> float:
    """FLOP/s of one matrix product of that shape."""
    a, b = (torch.randn(*shape, device=device).to(dtype) for shape in ((rows, inner), (columns, inner)))
    return 2 * rows * inner * columns / fastest({"product": lambda: linear(a, b)}, 15)["product"]


@torch.inference_mode()
def main(quick: bool) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = realistic_model().to(device)
    theirs = {kind: transformers_model(model, kind).to(device) for kind in (torch.float32, torch.bfloat16)}
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, {device}")
    rates = {kind: matrix_rate(kind, device, 1370, 384, 1536) for kind in (torch.float32, torch.bfloat16)}
    large = {kind: matrix_rate(kind, device, 2048, 2048, 2048) for kind in rates}
    for kind, rate in rates.items():
        print(f"matrix rate {kind}: {rate / 1e9:.0f} GFLOP/s at ViT-S's shape, {large[kind] / 1e9:.0f} at 2048 cubed")
    rate = max(rates[torch.bfloat16], large[torch.bfloat16])
    print(f"bfloat16 in hardware: {has_fast_bfloat16(device)}\n")
    header = ("size", "batch", "ours f32", "ours bf16", "tf f32", "tf bf16", "speed-up", "floor", "GFLOP/s", "of rate",
              "cos median", "cos 1%")  # fmt: skip
    print("".join(f"{name:>11}" for name in header))
    for size, batch in CASES:
        x = pixels(size, batch).to(device)
        with inference(model, "bfloat16") as twin:
            functions = {
                "ours f32": lambda x=x: model(x),
                "ours bf16": lambda x=x, twin=twin: twin(x),
                "tf f32": lambda x=x: theirs[torch.float32](x),
                "tf bf16": lambda x=x: theirs[torch.bfloat16](x.bfloat16()),
            }
            best = fastest(functions, 3 if quick else 10)
            cosines = cosine_similarity(twin(x).patches.float(), model(x).patches, dim=-1).flatten()
        work = flops(model.config, size, batch)
        milliseconds = [f"{1000 * best[name]:.1f} ms" for name in functions]
        row = [str(size), str(batch), *milliseconds, f"{best['tf f32'] / best['ours bf16']:.2f}×",
               f"{1000 * work / rate:.1f} ms", f"{work / best['ours bf16'] / 1e9:.0f}",
               f"{work / best['ours bf16'] / rate:.0%}", f"{cosines.median():.5f}", f"{cosines.quantile(0.01):.5f}"]  # fmt: skip
        print("".join(f"{cell:>11}" for cell in row), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 repetitions instead of 10")
    main(parser.parse_args().quick)
