"""A faster `import gradio`.

While it defines its components, Gradio parses its own sources and writes a stub file for editors beside each of
them: 1.6 of the 3.5 seconds its import takes (Gradio 6.31, two cores), and it changes the installed package.
Nobody edits components here, so this skips that step and touches nothing else. With a Gradio that has no
such step, nothing happens.
"""

import importlib.abc
import importlib.machinery
import sys
from types import ModuleType

_MODULE, _STEP = "gradio.component_meta", "create_or_modify_pyi"


class _WithoutStubs(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname != _MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, _STEP):
            setattr(module, _STEP, lambda *_: None)


def import_gradio() -> ModuleType:
    """The module `gradio`, imported without its writing of stubs."""
    finder = _WithoutStubs()
    sys.meta_path.insert(0, finder)
    try:
        import gradio
    finally:
        sys.meta_path.remove(finder)
    return gradio
