"""What all Python suites share: their private world, fixtures, deadlines, and what is kept of a failure.

    VARCO_REQUIRE   suites (tests/NAME, comma-separated) in which a skip is a failure
    VARCO_RESULTS   file to which one line "PASSED FAILED SKIPPED" is appended at the end
"""
import os
import re
import signal
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS / "lib"))

from harness import capture, certs, client, gateway, netns, recording, sandbox, traffic  # noqa: E402

LIMIT_S = 60
REQUIRED = set(filter(None, os.environ.get("VARCO_REQUIRE", "").split(",")))
NEED_WORLD = {"interop", "netns", "faults"}

kept_key = pytest.StashKey()


def pytest_configure(config):
    for line in (
        "varcod_only(why): holds for varcod, differs on purpose or is absent in ocserv",
        "core: the most important ones; run on the release build too",
        "limit(seconds): deadline of the test, default 60",
        "long: takes minutes; run by test-all only",
    ):
        config.addinivalue_line("markers", line)
    wanted = {suite for suite in NEED_WORLD if any(suite in str(a) or "tests" == Path(a).name for a in config.args)}
    if not sandbox.inside() and not config.option.collectonly and wanted:
        capturing = config.pluginmanager.getplugin("capturemanager")
        capturing.stop_global_capturing()
        sys.stdout.flush()
        config.no_world = sandbox.enter(config.invocation_params.args)
        capturing.start_global_capturing()


def suite_of(item):
    return Path(item.fspath).relative_to(TESTS).parts[0]


def pytest_collection_modifyitems(config, items):
    kept, dropped = [], []
    for item in items:
        here = gateway.FLAVOUR == "varcod" or not item.get_closest_marker("varcod_only")
        (kept if here else dropped).append(item)
        why = getattr(config, "no_world", None)
        if why and suite_of(item) in NEED_WORLD:
            item.add_marker(pytest.mark.skip(reason=why))
        elif not sandbox.all_ids() and suite_of(item) == "interop":
            item.add_marker(pytest.mark.skip(reason="needs other user ids: run as root"))
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


class OutOfTime(Exception):
    pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs ends with a traceback that shows where."""
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else LIMIT_S

    def ring(*_):
        raise OutOfTime(f"the test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the logs of all that took part, and where the capture lies. A skip in a required suite fails."""
    report = (yield).get_result()
    if report.skipped and suite_of(item) in REQUIRED:
        report.outcome = "failed"
        report.longrepr = f"skipped, but VARCO_REQUIRE names {suite_of(item)}: {report.longrepr}"
    if report.failed:
        item.failed_once = True
        for title, text in item.stash.get(kept_key, {}).items():
            report.sections.append((title, text()))


def pytest_terminal_summary(terminalreporter):
    path = os.environ.get("VARCO_RESULTS")
    if path:
        n = {what: len(terminalreporter.getreports(what)) for what in ("passed", "failed", "error", "skipped")}
        with open(path, "a", encoding="ascii") as f:
            f.write(f"{n['passed']} {n['failed'] + n['error']} {n['skipped']}\n")


# -- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def world():
    return netns.World()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {kind: certs.Certificate(folder, kind) for kind in certs.KINDS}


@pytest.fixture
def keep(request):
    """keep(title, text function): shown with the test's failure."""
    shown = request.node.stash.setdefault(kept_key, {})
    return shown.__setitem__


@pytest.fixture
def wire(world, tmp_path, request, keep):
    """A capture of all that passes the gateway's outer side; thrown away when the test passes."""
    recorder = capture.Capture("gw", tmp_path / "wire.pcap")
    keep("capture", lambda: str(recorder.path))
    yield recorder
    recorder.stop()
    if not getattr(request.node, "failed_once", False):
        recorder.path.unlink(missing_ok=True)


@pytest.fixture
def recorded(world, tmp_path, request, keep):
    """All that passes the gateway's outer side, whole, and the clients' secrets (recorded.keylog): recorded.opened()."""
    if not sandbox.all_ids():
        pytest.skip("tcpdump needs other user ids: run as root")
    made = recording.Recording(world, tmp_path)
    keep("whole capture and secrets", lambda: f"{made.path} {made.keylog}")
    keep("faults of what was sealed", made.faults)
    yield made
    made.stop(keep=getattr(request.node, "failed_once", False))


@pytest.fixture
def users(tmp_path):
    """The ocpasswd file, with alice (wonderland) in it."""
    made = gateway.Users(tmp_path / "passwd")
    made.set("alice", "wonderland")
    return made


@pytest.fixture
def start_gateway(world, tmp_path, certificates, users, wire, keep):
    """start_gateway(certificate="rsa", start=True, **keys): a gateway with these configuration keys."""
    started = []

    def start(certificate="rsa", start=True, **keys):
        name = f"gateway{len(started) + 1}-{os.getpid()}-{id(started) & 0xffffff:x}"
        g = gateway.Gateway(world, tmp_path / name, certificates[certificate], users, keys)
        started.append(g)
        keep(f"{g.flavour}: {g.config}", lambda: g.log.tail(100))
        return g.start() if start else g

    yield start
    try:
        for g in started:
            if g.flavour == "varcod" and g.running():  # a clean end is among its promises; ocserv takes 2 s for it
                assert g.stop() == 0
    finally:
        for g in started:
            g.kill()
    faults = [fault for g in started for fault in g.faults()]
    assert not faults, "in the gateway's log:\n" + "\n".join(faults)


@pytest.fixture
def connect(world, tmp_path, keep, start_gateway):
    """connect(gateway, host=1, up=True, **options of OpenConnect): openconnect on a client host, waited for."""
    started = []

    def start(g, host=1, up=True, **kw):
        c = client.OpenConnect(world.client(host), tmp_path / f"client{len(started) + 1}", g, **kw)
        started.append(c)
        keep(f"openconnect on host {host}: {c.folder}", lambda: c.log.tail(80))
        return c.wait_up() if up else c

    yield start
    for c in started:
        c.kill()
    for host in world.clients():
        host.reset()
    world.forget_mtus()


@pytest.fixture
def authenticate(connect):
    """authenticate(gateway, **options of connect): logs in and goes no further; returns what openconnect printed:
    {"COOKIE": ..., "CONNECT_URL": ..., "FINGERPRINT": ...}"""

    def run(g, options=(), **kw):
        c = connect(g, up=False, options=[*options, "--authenticate"], **kw)
        assert c.wait_exit() == 0, c.log.tail(20)
        return dict(re.findall(r"^(COOKIE|HOST|CONNECT_URL|FINGERPRINT)='(.*)'$", c.log.text(), re.M))

    return run


@pytest.fixture
def pinging(tmp_path):
    """pinging(client, target, **options): pings from the client's host while a block runs."""
    return lambda c, target, **kw: traffic.pinging(c.host, target, tmp_path, **kw)
