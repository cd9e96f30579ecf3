"""The loaded models, shared by all visitors, each under one lock."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import core
from app.server.turns import FairLock
from core import ModelError
from core.features import require_pictures
from core.weights.load import ModelSource

OFFERED_PATCHES = (4, 74)
"""Along the longer side: 4 show how little a model needs, or how much; 74 are four times the work of the published
models' 37."""


def forward_cost(config: core.ViTConfig, tokens: int) -> float:
    """Multiplications of one forward pass over a picture of so many tokens, up to a constant factor."""
    return config.depth * (12 * tokens * config.width**2 + 2 * tokens**2 * config.width)


@dataclass
class Loaded:
    """A model, the lock under which it computes, and how fast it did so last."""

    name: str
    model: core.VisionTransformer
    lock: FairLock = field(default_factory=FairLock)
    ms_per_cost: float = 0.0
    last_ms: float = 0.0

    @property
    def source(self) -> ModelSource:
        assert self.model.source is not None  # every loaded model has one
        return self.model.source

    @property
    def depth(self) -> int:
        return self.model.config.depth

    @property
    def default_size(self) -> int:
        """Longer side in pixels at which it is best."""
        return self.model.default_size

    @property
    def device(self) -> str:
        return str(next(self.model.parameters()).device)

    @property
    def identity(self) -> str:
        """The key of its features: the hash of the weights, or the name where there is none."""
        return self.source.sha256 or self.source.name or self.name

    @property
    def bytes(self) -> int:
        return sum(parameter.nbytes for parameter in self.model.parameters())

    def record(self, ms: float, tokens: list[int]) -> None:
        """Remember how long a forward pass over pictures of so many tokens each took."""
        self.last_ms = ms
        self.ms_per_cost = ms / sum(forward_cost(self.model.config, count) for count in tokens)

    def estimate(self, tokens: list[int]) -> float | None:
        """Milliseconds a forward pass over such pictures will take; None before the first one."""
        if not self.ms_per_cost:
            return None
        return self.ms_per_cost * sum(forward_cost(self.model.config, count) for count in tokens)


class Models:
    """Loaded models by name, the least recently used dropped beyond `limit_mb`; `default` always stays."""

    def __init__(self, default: str, *, limit_mb: float = 6144, load: Callable = core.load_model):
        self.default = default
        self.limit = int(limit_mb * 2**20)
        self._load = load
        self._entries: OrderedDict[str, Future[Loaded]] = OrderedDict()
        self._fetched: dict[str, tuple[int, int]] = {}
        self._unwanted: set[str] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="load-model")

    def request(self, name: str) -> "Future[Loaded]":
        """The model to come: loaded on a thread of its own, once however many ask. A failure is not remembered."""
        with self._lock:
            self._unwanted.discard(name)
            future = self._entries.get(name)
            if future is None or (future.done() and (future.cancelled() or future.exception())):
                future = self._entries[name] = self._threads.submit(self._make, name)
            self._entries.move_to_end(name)
        return future

    def get(self, name: str) -> Loaded:
        """The model of that name, waiting for it where it is still on its way; raises what its loading raised."""
        return self.request(name).result()

    def ready(self, name: str) -> Loaded | None:
        """The model of that name where it is loaded; asks for nothing."""
        with self._lock:
            future = self._entries.get(name)
        loaded = future is not None and future.done() and not future.cancelled() and not future.exception()
        return future.result() if future is not None and loaded else None

    def fetched(self, name: str) -> tuple[int, int]:
        """Bytes done and in all of a model's download; (0, 0) where nothing is being downloaded."""
        return self._fetched.get(name, (0, 0))

    def cancel(self, name: str) -> None:
        """End a download that nobody waits for any more. Whoever asks again starts it anew."""
        with self._lock:
            future = self._entries.get(name)
            if name != self.default and future is not None and not future.done():
                self._unwanted.add(name)
                future.cancel()

    def _make(self, name: str) -> Loaded:
        def progress(done: int, total: int) -> None:
            self._fetched[name] = done, total
            if name in self._unwanted:
                raise ModelError(f"Loading {name!r} was cancelled.")

        try:
            loaded = Loaded(name, self._load(name, progress=progress))
            require_pictures(loaded.model)
        finally:
            self._fetched.pop(name, None)
        with self._lock:
            self._make_room(name, loaded.bytes)
        return loaded

    def _make_room(self, newest: str, needed: int) -> None:
        ready = [name for name, future in self._entries.items() if future.done() and not future.cancelled()]
        ready = [name for name in ready if not self._entries[name].exception() and name != newest]
        used = needed + sum(self._entries[name].result().bytes for name in ready)
        for name in ready:
            if used <= self.limit:
                break
            if name != self.default:
                used -= self._entries.pop(name).result().bytes
