"""Small random encoders of transformers in folders, as save_pretrained writes them, with what lies beside their weights."""

import json
from pathlib import Path

import torch

SIDE, PATCH, WIDTH, BLOCKS = 32, 8, 32, 3
VISION = {
    "hidden_size": WIDTH, "num_hidden_layers": BLOCKS, "num_attention_heads": 4, "intermediate_size": 64,
    "image_size": SIDE, "patch_size": PATCH,
}  # fmt: skip
WORDS = ("<pad>", "<eos>", "<bos>", "<unk>", "a", "wheel", "cat", "of")
LONGEST = 16
TEXT = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 48, "vocab_size": len(WORDS),
    "max_position_embeddings": LONGEST, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
}  # fmt: skip
_RADIO = {name: value for name, value in VISION.items() if name != "intermediate_size"}
_DECODER = {f"decoder_{name}": 16 for name in ("hidden_size", "intermediate_size")} | {
    "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2,
}  # fmt: skip
_SIGLIP_TEXT = TEXT | {"projection_size": WIDTH}
CLASSES = {
    "vit": ("ViTModel", "ViTConfig", VISION),
    "vit-classifier": ("ViTForImageClassification", "ViTConfig", VISION),
    "mae": ("ViTMAEModel", "ViTMAEConfig", VISION | {"mask_ratio": 0.0}),
    "mae-pretraining": ("ViTMAEForPreTraining", "ViTMAEConfig", VISION | _DECODER | {"mask_ratio": 0.0}),
    "msn": ("ViTMSNModel", "ViTMSNConfig", VISION),
    "deit": ("DeiTModel", "DeiTConfig", VISION),
    "ijepa": ("IJepaModel", "IJepaConfig", VISION),
    "clip": ("CLIPModel", "CLIPConfig", {"vision_config": VISION, "text_config": TEXT, "projection_dim": 20}),
    "clip-vision": ("CLIPVisionModel", "CLIPVisionConfig", VISION),
    "clip-projected": ("CLIPVisionModelWithProjection", "CLIPVisionConfig", VISION | {"projection_dim": 20}),
    "siglip": ("SiglipModel", "SiglipConfig", {"vision_config": VISION, "text_config": _SIGLIP_TEXT}),
    "siglip-vision": ("SiglipVisionModel", "SiglipVisionConfig", VISION),
    "siglip2": (
        "Siglip2Model", "Siglip2Config", {"vision_config": VISION | {"num_patches": 16}, "text_config": _SIGLIP_TEXT},
    ),
    "siglip2-vision": ("Siglip2VisionModel", "Siglip2VisionConfig", VISION | {"num_patches": 16}),
    "radio": ("RadioModel", "RadioConfig", _RADIO | {"max_img_size": 2 * SIDE, "num_cls_tokens": 2, "num_registers": 3}),
}  # fmt: skip
"""By a name of ours: the class of transformers, its description's, and what that says."""
MEAN, STD = (0.4, 0.45, 0.5), (0.25, 0.3, 0.35)


def saved(name: str, folder: Path):
    """A random model of `CLASSES` saved to a folder, every parameter of it drawn; and the model."""
    import transformers

    made, described, values = CLASSES[name]
    torch.manual_seed(0)
    model = getattr(transformers, made)(getattr(transformers, described)(**values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder)
    return model


def add_processor(folder: Path, **more: object) -> None:
    """A processor's description with a mean and a spread of its own, for pictures of SIDE pixels."""
    values = {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": SIDE, "width": SIDE},
        "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": MEAN, "image_std": STD,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(values | more))


def add_tokenizer(folder: Path) -> None:
    """A tokenizer that knows WORDS."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    around = [("<bos>", 2), ("<eos>", 1)]
    made.post_processor = processors.TemplateProcessing(single="<bos> $A <eos>", special_tokens=around)
    names = {f"{kind}_token": f"<{kind}>" for kind in ("pad", "eos", "bos", "unk")}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
