"""A model's card, and its folder put into a repository of the model hub."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import HubError, RequestError
from core.model.vit import VisionTransformer
from core.records import runs
from core.weights import hub, layouts
from core.weights.names import DINOV3_LICENCE
from core.weights.transfer import within
from core.wording import counted

DINOV3_TERMS = "https://ai.meta.com/resources/models-and-libraries/dinov3-license"
_TOKEN = "set HF_TOKEN to one with the permission to write, or run `hf auth login`"


def check(repository: str) -> None:
    """HubError unless there is an access token that the hub knows, and `repository` could be the name of one."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    hub.check_name(repository)
    hub.check_token()
    if hub.offline():
        raise HubError("HF_HUB_OFFLINE is set; unset it to push.")
    try:
        within(hub.ANSWER_WITHIN, _api().whoami)
    except LocalTokenNotFoundError as error:
        raise HubError(f"Pushing to {repository} needs an access token of {hub.endpoint()}: {_TOKEN}.") from error
    except HfHubHTTPError as error:
        if error.response.status_code != 401:
            raise _refusal(error.response.status_code, error.server_message, repository) from error
        raise HubError(f"{hub.endpoint()} does not know the access token; {_TOKEN}.") from error
    except (TimeoutError, ConnectionError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise HubError(f"{hub.endpoint()} cannot be reached ({reason}); try again later.") from error


def push(folder: Path, repository: str, private: bool = False) -> str:
    """Put the files of `folder` into a repository, as one commit; its address.

    The repository is made where it is not there, `private` or as its owner's account says. Raises HubError where the
    token may not write there, where a repository that should be private is public, or where the hub refuses or breaks
    off; no file has changed in it then.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    api = _api()
    try:
        try:
            public = not api.model_info(repository).private
        except RepositoryNotFoundError:
            public = False
            api.create_repo(repository, private=private or None)
        if private and public:
            raise HubError(f"{repository} is there already, and public; make it private first, or leave out --private.")
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Model pushed by Dinoscope")
    except HfHubHTTPError as error:
        raise _refusal(error.response.status_code, error.server_message, repository) from error
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, HfHubHTTPError) else error
        reason = (str(cause) or type(cause).__name__).strip().splitlines()[0]
        raise HubError(f"The push to {repository} stopped ({reason}); no file changed there; try again.") from error
    return f"{hub.endpoint()}/{repository}"


def card(model: VisionTransformer, repository: str, license: str | None = None, datasets: Sequence[str] = ()) -> str:
    """A model card, README.md: metadata that the hub sorts by, what the model is, and how to load it."""
    from huggingface_hub import ModelCardData

    config, source = model.config, model.source
    if source is None:
        raise RequestError("A card says where its model is from; this one was made in memory: save it, and load that.")
    family = "dinov2" if config.positions == "learned" else "dinov3"
    meta = license is None and source.licence == DINOV3_LICENCE  # which is none that the hub has a name for
    data = ModelCardData(
        license="other" if meta else license or source.licence.lower(),
        license_name="dinov3-license" if meta else None,
        license_link=DINOV3_TERMS if meta else None,
        library_name="transformers",
        pipeline_tag="image-feature-extraction",
        tags=[family, "vision-transformer", "self-supervised-learning", "dinoscope"],
        datasets=list(datasets) or None,
        base_model=source.where if source.revision else None,
    )
    origin = Path(source.where)
    step = runs.stored_step(origin) if origin.suffix == ".safetensors" and origin.is_file() else None
    difference = layouts.difference_there(config)
    registers = f", {config.registers} registers" if config.registers else ""
    return f"""---
{data.to_yaml()}
---

# {repository.split("/")[1]}

A Vision Transformer of {config.width} × {config.depth}{registers}, patches of {config.patch} pixels, {source.parameters:,} parameters, without a head: \
it gives features of a picture and of each of its patches. Trained by {source.trained_by}{f" for {counted(step, 'step')}" if step else ""}. \
Best at {model.default_size} pixels along the longer side.

```python
from transformers import AutoModel

model = AutoModel.from_pretrained("{repository}")  # pixel_values: [B, {config.channels}, H, W], ImageNet-normalised
```

{f"{difference} As here:" if difference else "Or:"}

```python
import core  # of Dinoscope: run it in a clone of its repository, after `python -m pip install -r requirements.txt`

model = core.load_model("{repository}")
```

Exported from weights with SHA-256 `{source.sha256}`.
"""


def _api():
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.endpoint())


def _refusal(status: int, said: str | None, repository: str) -> HubError:
    said = said or ""
    if status in (401, 403, 404):
        return HubError(
            f"The access token may not write to {repository}; {_TOKEN}, or push to a name of your own. {said}".strip()
        )
    return HubError(f"{hub.endpoint()} answered {status} for {repository}; try again later. {said}".strip())
