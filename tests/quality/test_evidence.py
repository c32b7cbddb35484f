"""What a run has shown: only what passed, whole, and of every worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.cli.quality import Quality, Row
from tests.quality.claims import Claim
from tests.quality.evidence import Key, Run, Told, read, together
from tests.quality.pages import BEGIN, END, ROOT, NoMarks, with_table
from tests.quality.rows import Wrong, connectors, made_of

TESTS = """
import pytest

mqtt = pytest.mark.shows("connector:mqtt", "reconnects", peer="mosquitto")

@mqtt
def test_that_passes(): pass

@mqtt
@pytest.mark.parametrize("number", [1, 2])
def test_that_fails_once(number): assert number == 1

@mqtt
def test_that_is_skipped(): pytest.skip("no time")

@pytest.fixture
def broken():
    yield
    raise ValueError("at the end")

@pytest.mark.shows("connector:udp", "fuzzed")
def test_whose_fixture_fails(broken): pass

@pytest.mark.shows("profile:{profile}", "samples")
@pytest.mark.parametrize("profile", ["cammra", "omni"])
def test_of_a_profile(profile): pass

@pytest.mark.shows("profile:{no_such}", "samples")
def test_of_nothing_there_is(): pass

def test_that_shows_nothing(): pass
"""


@pytest.fixture(scope="module", params=[[], ["-n", "1"]], ids=["one process", "a worker"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_one.py").write_text(TESTS)
    ran = _pytest(folder, *request.param, "--quality", "shown.json", "test_one.py")
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    return read(folder / "shown.json")


def _pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    plugin = ["-p", "xdist.plugin", "-p", "tests.quality.plugin", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def outcomes(run: Run) -> Mapping[str, str]:
    return {told.test.removeprefix("test_one.py::"): told.outcome for told in run.tests}


def test_what_passed_is_told_from_what_failed_and_what_was_left_out(run: Run) -> None:
    assert outcomes(run) == {
        "test_that_passes": "passed",
        "test_that_fails_once[1]": "passed",
        "test_that_fails_once[2]": "failed",
        "test_that_is_skipped": "skipped",
        "test_whose_fixture_fails": "failed",
        "test_of_a_profile[cammra]": "passed",
        "test_of_a_profile[omni]": "passed",
        "test_of_nothing_there_is": "passed",
    }


def test_a_quality_is_not_shown_where_one_of_its_tests_failed(run: Run) -> None:
    found = together([run])
    reconnects = found[Key("connector:mqtt", "reconnects")]
    assert reconnects.tests == {"test_one.py::test_that_passes": 1, "test_one.py::test_that_fails_once": 1}
    assert reconnects.failed == ("test_one.py::test_that_fails_once",)
    assert reconnects.shown == 0
    assert found[Key("connector:udp", "fuzzed")].shown == 0
    assert found[Key("profile:cammra", "samples")].shown == 1


def test_a_name_that_is_no_parameter_is_said_when_the_table_is_made(run: Run) -> None:
    with pytest.raises(Wrong, match=r"test_of_nothing_there_is: there is no profile:\{no_such\}"):
        made_of(together([run]))


def test_without_being_asked_a_run_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_it(): pass\n")
    assert _pytest(tmp_path, "test_one.py").returncode == 0
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".json"] == []


def test_a_run_that_broke_off_shows_nothing_and_neither_does_the_one_before_it(tmp_path: Path) -> None:
    (tmp_path / "shown.json").write_text('{"tests": []}')
    (tmp_path / "test_one.py").write_text(TESTS)
    (tmp_path / "test_two.py").write_text("import there_is_no_such_module\n")
    ran = _pytest(tmp_path, "--quality", "shown.json")
    assert ran.returncode == pytest.ExitCode.INTERRUPTED
    assert not (tmp_path / "shown.json").exists()


def test_a_run_in_which_a_worker_died_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(TESTS + "\ndef test_that_ends_it():\n    import os\n    os._exit(1)\n")
    _pytest(tmp_path, "-n", "1", "--quality", "shown.json", "test_one.py")
    assert not (tmp_path / "shown.json").exists()


def told(test: str, outcome: str, *claims: Claim) -> Told:
    return Told(test, outcome, claims)


def test_a_test_that_failed_in_one_of_several_runs_has_failed() -> None:
    claim = Claim("connector:http", "kill")
    passed, failed = (Run((told("t.py::a", outcome, claim),)) for outcome in ("passed", "failed"))
    for runs in ([passed, failed], [failed, passed]):
        assert together(runs)[Key("connector:http", "kill")].failed == ("t.py::a",)
    left_out = Run((told("t.py::a", "skipped", claim),))
    assert together([left_out, passed])[Key("connector:http", "kill")].shown == 1
    assert together([left_out])[Key("connector:http", "kill")].shown == 0


def test_cases_of_a_test_are_counted_and_peers_are_named_once() -> None:
    peer = [Claim("connector:http", "peer", name) for name in ("curl", "httpx", "curl")]
    found = together([Run(tuple(told(f"t.py::a[{number}]", "passed", each) for number, each in enumerate(peer)))])
    assert found[Key("connector:http", "peer")] == Quality(tests={"t.py::a": 3}, peers=("curl", "httpx"))


@pytest.mark.parametrize(
    ("key", "quality", "said"),
    [
        (Key("connector:carrier-pigeon", "samples"), Quality(tests={"t": 1}), "there is no connector:carrier-pigeon"),
        (Key("connector:http", "beautiful"), Quality(tests={"t": 1}), "no quality is beautiful"),
        (Key("connector:http", "peer"), Quality(tests={"t": 1}), "without the name of the program"),
        (Key("profile:cammra", "kill"), Quality(tests={"t": 1}), "kill is said not to apply, and t shows it"),
    ],
)
def test_what_cannot_be_meant_is_refused(key: Key, quality: Quality, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        made_of({key: quality})


def test_of_what_nobody_shows_there_is_a_row_that_says_so() -> None:
    table = made_of({Key("connector:http", "samples"): Quality(tests={"t": 2})})
    assert list(table.connectors) == connectors()
    assert table.connectors["http"].letters().startswith("S.--")
    assert isinstance(table.profiles["cammra"], Row)
    assert table.profiles["cammra"].letters() == "-..-.--.?"


def test_a_table_goes_between_its_marks_and_nowhere_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_table(page, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(NoMarks):
        with_table("before\nafter\n", "new\n")
