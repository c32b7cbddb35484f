"""Everything that is wrong is said at once, with its place and what to write instead, and without any secret.

Each folder under ``cases`` holds a site (``site.yaml`` or a folder ``site``) and the whole text of what is said of it.
A bug report becomes such a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.config.errors import Located, SiteErrors, did_you_mean
from bridge.config.faults import MOST_SEARCHED, Faults
from bridge.config.load import load

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name for path in CASES.iterdir())


def said_of(case: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(CASES / case)
    with pytest.raises(SiteErrors) as caught:
        load(Path("site") if Path("site").is_dir() else Path("site.yaml"))
    return caught.value.render()


@pytest.mark.parametrize("case", NAMES)
def test_a_wrong_site_is_answered_word_for_word(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said_of(case, monkeypatch) + "\n" == (CASES / case / "errors.txt").read_text("utf-8")


@pytest.mark.parametrize("case", NAMES)
def test_no_secret_written_in_plain_is_repeated(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = said_of(case, monkeypatch)
    assert not any(secret in said for secret in ("hunter2", "hunter3", "12345678"))


def test_an_error_is_one_line_with_file_line_and_column() -> None:
    assert str(Located("site.yaml", 3, 7, "site.name", "it is wrong")) == "site.yaml:3:7: site.name: it is wrong"
    assert str(Located("site.yaml", 0, 0, "", "is empty")) == "site.yaml: is empty"


def test_errors_come_in_the_order_of_the_file_and_once() -> None:
    first, second = Located("a.yaml", 2, 1, "", "x"), Located("a.yaml", 10, 1, "", "y")
    assert SiteErrors([second, first, second]).errors == (first, second)


def test_the_nearest_name_is_offered_and_nothing_far_off() -> None:
    assert did_you_mean("Gate-Inn", ["gate-in", "gate-wide"]) == "; did you mean gate-in?"
    assert did_you_mean("xyz", ["gate-in", "gate-wide"]) == ""


def test_a_file_that_is_not_there_or_no_text_is_said(folder: Path) -> None:
    Path("latin.yaml").write_bytes(b"version: 1\nsite: {name: Caf\xe9}\n")
    with pytest.raises(SiteErrors) as caught:
        load(Path("latin.yaml"))
    assert caught.value.render() == "latin.yaml:2:17: this is not UTF-8; save the file as UTF-8\n1 error"
    with pytest.raises(SiteErrors, match=r"^gone\.yaml: cannot be read: No such file or directory$"):
        load(Path("gone.yaml"))


def test_a_line_too_long_to_read_is_shown_around_its_fault(folder: Path) -> None:
    cameras = ", ".join(f"cam{n}" for n in range(200))
    Path("site.yaml").write_text(f"version: 1\nsite: {{name: x, faults: {{cameras: [{cameras}]}}}}\n")
    with pytest.raises(SiteErrors) as caught:
        load(Path("site.yaml"))
    for line in caught.value.render().splitlines():
        assert len(line) < 200


def test_the_search_for_what_was_meant_is_bounded() -> None:
    searched: list[str] = []

    class Names(list[str]):
        def __iter__(self) -> Iterator[str]:
            searched.append("")
            return super().__iter__()

    faults = Faults()
    names = Names(f"gate-{n}" for n in range(MOST_SEARCHED // 4))
    found = [faults.meant(f"gate-{n}x", names) for n in range(20)]
    assert found[0] != "" == found[-1]
    assert len(searched) == 4


def test_a_thousand_errors_are_all_said(folder: Path) -> None:
    sensors = "".join(f"  s{n}: {{profle: cammra}}\n" for n in range(1000))
    Path("site.yaml").write_text(f"version: 1\nsite: {{name: x}}\nvms:\ncameras:\nconnectors:\nsensors:\n{sensors}")
    with pytest.raises(SiteErrors) as caught:
        load(Path("site.yaml"))
    assert (
        sum("there is no key profle here; did you mean profile?" in str(error) for error in caught.value.errors) == 1000
    )
