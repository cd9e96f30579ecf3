"""Which models a visitor may ask for: those with a name for everybody, files and repositories only for the owner."""

from dataclasses import dataclass

from app.server.gate import STRANGER, came_through_proxy
from core import BACKBONES, ModelError, RequestError

NAMED = ("embedded", "untrained", *(name for name in BACKBONES if name != "dinov3-7b"))
"""Names that lead to the same, known weights whoever asks. The 27 GB of dinov3-7b are for the owner to ask for."""


@dataclass(frozen=True)
class Access:
    """A server's rule. Own paths read the server's disk and own repositories fill it, so strangers get neither."""

    loopback: bool
    """Only this machine can reach the server, and no tunnel is open."""
    password: bool
    """Visitors had to log in."""
    default: str = "embedded"
    """The model the owner started the server with, which everybody may see."""

    @property
    def own(self) -> bool:
        return self.loopback or self.password

    @property
    def reason(self) -> str:
        """One line for the page."""
        if self.own:
            return "A run folder, a folder of transformers, a file of weights, hf:owner/name or timm:name may be given too."
        return "Own paths are off: this server can be reached by others and asks for no password (--auth)."

    def check(self, name: str, headers: dict[str, str] | None = None) -> None:
        """ModelError unless this visitor may load the model of that name.

        A request that came through a proxy is a stranger's even on a server that listens on loopback only.
        """
        if name in NAMED or name == self.default or self.password:
            return
        if not self.at_home(headers):
            raise ModelError(
                "Own paths and repositories can be loaded only where the app runs on one's own machine, or behind a "
                f"password (--auth). Choose one of: {', '.join(NAMED)}."
            )

    def at_home(self, headers: dict[str, str] | None = None) -> bool:
        """Whether a request comes from this machine itself."""
        names = headers or {}
        return self.loopback and STRANGER not in names and not came_through_proxy(names)

    def check_writing(self, headers: dict[str, str] | None = None) -> None:
        """RequestError unless this visitor may change collections, which all visitors share."""
        if not (self.password or self.at_home(headers)):
            raise RequestError(
                "Collections can be changed only where the app runs on one's own machine, or behind a password (--auth): "
                "all visitors share them. Searching them is open to everyone."
            )

    def check_looking(self, headers: dict[str, str] | None = None) -> None:
        """RequestError unless this visitor may have a folder of the server's own disk looked into."""
        if not (self.password or self.at_home(headers)):
            raise RequestError(
                "Folders of the server's disk can be opened only where the app runs on one's own machine, or behind a "
                "password (--auth)."
            )

    def check_own_folder(self, headers: dict[str, str] | None = None) -> None:
        """RequestError unless this visitor may name a folder of the server's own disk."""
        if not self.at_home(headers):
            raise RequestError(
                "Folders of the server's disk can be added only from that machine itself; upload the files."
            )
