"""What a repository of the hub holds, fetched into its cache."""

from core.weights.hub import Fetched, MissingFileError, fetch
from core.weights.stored import FOLDER_NAMES, INDEX, parts_of
from core.weights.transfer import Progress


def fetched_weights(repository: str, revision: str, progress: Progress | None) -> Fetched:
    """The weights of a repository, or the index of several files that were all fetched. HubError where it has none."""
    missing: list[MissingFileError] = []
    for name in FOLDER_NAMES:
        try:
            file = fetch(repository, name, revision, progress)
        except MissingFileError as error:
            missing.append(error)
            continue
        for part in parts_of(file.path) if name.endswith(INDEX) else ():
            fetch(repository, part, file.revision, progress)
        return file
    raise missing[0]
