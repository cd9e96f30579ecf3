"""What every test shares: no network beyond this machine, GPU tests where there is a GPU, no silent skips in CI."""

import os
import signal
import socket

import pytest
import torch

NO_GPU = "needs a CUDA device"
NO_TIMM = "needs timm"
"""It is not among the requirements of tests: it brings torchvision, which PyPI has for CUDA only, and beside a torch for
processors that one can be imported neither by timm nor, once it is there, by transformers."""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_configure():
    """Ctrl-C reaches the programs that tests start: a suite run in the background would hand down that it is ignored.

    Where several processes share the tests (`-n`), they share the cores, too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    torch.set_num_threads(max(1, torch.get_num_threads() // processes))


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=NO_GPU))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """With CI set, a skip for any reason but a missing GPU or timm fails the run."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or exitstatus not in (0, pytest.ExitCode.OK):
        return
    reasons = [(report.nodeid, str(report.longrepr)) for report in reporter.stats.get("skipped", [])]
    unexpected = [f"{name}: {reason}" for name, reason in reasons if NO_GPU not in reason and NO_TIMM not in reason]
    if unexpected:
        reporter.write_line("Unexpected skips:\n  " + "\n  ".join(unexpected), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Any connection to another machine fails at once, so that no test depends on one unnoticed."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:
            raise ConnectionRefusedError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
