"""Sensors from a spreadsheet, and cameras looked up in one: what is taken, and what is said of what cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from bridge.config.difference import difference
from bridge.config.document import parse, plain
from bridge.config.errors import SiteErrors
from bridge.config.load import load
from bridge.config.schema import site_schema
from bridge.config.site import Site

HEAD = """\
version: 1
site: {name: Doors}
vms:
  alarms: {type: webhook, url: http://127.0.0.1:8084/alarms}
cameras:
  lobby: {vms: alarms}
  gate: {vms: alarms}
connectors:
  ways: {type: http, bind: 127.0.0.1:8080}
"""
GROUP = """\
sensors:
  plain: {profile: cammra, connector: ways, cameras: [gate], address: {path: /plain}}
  doors: {from: doors.csv, profile: cammra, connector: ways, address: {path: /doors}, cameras: [gate]}
"""
BY = """\
sensors:
  hub: {profile: cammra, connector: ways, cameras: {by: fields.lane, table: lanes.csv}}
"""
DOORS = "id,name,cameras,identity.serial\nfront,Front door,lobby gate,S1\nback,Back door,,S2\n"

Write = Callable[..., Site]


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes a site and its tables (text, or bytes as they are) and loads it."""

    def made(sensors: str = GROUP, **tables: str | bytes) -> Site:
        Path("site.yaml").write_text(HEAD + sensors, "utf-8")
        for name, text in tables.items():
            Path(f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(Path("site.yaml"))

    return made


def told(write: Write, sensors: str = GROUP, **tables: str | bytes) -> list[str]:
    with pytest.raises(SiteErrors) as caught:
        write(sensors, **tables)
    return [str(error) for error in caught.value.errors]


def test_each_row_is_a_sensor_and_what_stands_beside_from_holds_for_all(write: Write) -> None:
    site = write(doors=DOORS)
    assert list(site.sensors) == ["plain", "front", "back"]
    front, back = site.sensors["front"], site.sensors["back"]  # type: ignore[index]
    assert (front.name, front.cameras, front.address.identity) == ("Front door", ("lobby", "gate"), {"serial": "S1"})
    assert (back.cameras, back.address.path, back.address.identity) == (("gate",), "/doors", {"serial": "S2"})  # type: ignore[attr-defined]
    assert [(table.what, table.file, table.rows) for table in site.tables] == [("sensors", "doors.csv", 2)]


def test_sensors_as_a_whole_may_be_a_table(write: Write) -> None:
    site = write("sensors: {from: doors.csv, profile: cammra, connector: ways, cameras: [gate]}\n", doors=DOORS)
    assert list(site.sensors) == ["front", "back"]


def test_several_groups_and_files_of_a_folder_make_one_site(folder: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "1.yaml").write_text(HEAD + "sensors: {from: a.csv, profile: cammra, connector: ways}\n")
    (folder / "site" / "2.yaml").write_text(
        "version: 1\nsensors:\n  b: {from: b.csv, profile: cammra, connector: ways, defaults: {cameras: [gate]}}\n"
    )
    (folder / "site" / "a.csv").write_text("id,cameras,address.path\na1,lobby,/a\n")
    (folder / "site" / "b.csv").write_text("id,address.path,timezone\nb1,/b,Australia/Perth\n")
    site = load(Path("site"))
    assert set(site.sensors) == {"a1", "b1"}
    assert site.sensors["b1"].timezone.key == "Australia/Perth"  # type: ignore[index]


@pytest.mark.parametrize(
    "table",
    [
        b"\xef\xbb\xbf" + DOORS.encode(),
        DOORS.replace("\n", "\r\n").encode(),
        DOORS.replace("\n", "\r").encode(),
        DOORS.replace(",", ";").encode(),
        DOORS.replace(",", "\t").encode(),
        DOORS.encode("utf-16"),
        b"sep=;\r\n" + DOORS.replace(",", ";").encode(),
        ("\n\n" + DOORS.replace("\n", "\n\n,,,\n   \n")).encode(),
        DOORS.replace("Front door", '"Front door"').replace("lobby gate", '" lobby;gate"').encode(),
        DOORS.replace("front,", "  front ,").replace("Front door", " Front\u00a0 door ").encode(),
        DOORS.replace("Front door", '"Front\r\ndoor"').encode(),
        DOORS.replace("S1", '"=""S1"""').encode(),
        DOORS.replace("id,", "ID,").replace("identity.serial", "Identity.serial,,# note").encode(),
    ],
    ids=[
        "bom",
        "crlf",
        "cr",
        "semicolon",
        "tab",
        "utf-16",
        "sep",
        "empty",
        "quoted",
        "blanks",
        "break",
        "zeros",
        "remark",
    ],
)
def test_a_table_is_read_as_spreadsheets_save_it(write: Write, table: bytes) -> None:
    front = write(doors=table).sensors["front"]  # type: ignore[index]
    assert (front.name, front.cameras, front.address.identity) == ("Front door", ("lobby", "gate"), {"serial": "S1"})


def test_plain_csv_of_excel_is_windows_1252_and_that_is_said(write: Write) -> None:
    site = write(doors=DOORS.replace("Front", "Café “A”").encode("cp1252"))
    assert site.sensors["front"].name == "Café “A” door"  # type: ignore[index]
    assert site.tables[0].encoding == "windows-1252"


def test_the_headers_of_another_system_are_named_and_the_rest_of_its_sheet_is_not_read(write: Write) -> None:
    group = (
        "sensors:\n  doors:\n    from: doors.csv\n    profile: cammra\n    connector: ways\n"
        "    columns: {Door no: id, Controller: identity.serial, Shown on: cameras}\n"
    )
    table = "Door no;Keyholder;Controller;Shown on\n7;J. Novak;S1;lobby\n"
    assert list(write(group, doors=table).sensors) == ["7"]
    errors = told(write, group.replace("Shown on", "Showed on"), doors=table)
    assert any("site.yaml:15:" in each and "no column Showed on; did you mean Shown on?" in each for each in errors)
    errors = told(write, group.replace("identity.serial", "identiti"), doors=table)
    assert any("identiti is no key that a column can have" in each for each in errors)


def test_all_that_is_wrong_in_the_cells_is_said_at_once_each_at_its_place(write: Write) -> None:
    table = (
        "id,name,cameras,timezone,address.path,colour\n"
        "front,A,loby gate,Europe/Prag,/a,\n"
        "front,B,gate,,/b,\n"
        "Back door/2,C,gate,,c,\n"
        ",D,gate,,/d,\n"
        "side,#REF!,gate gate,,/e,\n"
        'yard,"a "b",gate,,/f,\n'
        "hall,1.23E+15,gate,,/g,,more\n"
    )
    errors = told(write, doors=table)
    for place, words in (
        ("doors.csv:1:39:", "colour is no key of this table; the columns are id, name"),
        ("doors.csv:2:9: sensors.front.cameras[0]:", "there is no camera loby; did you mean lobby?"),
        ("doors.csv:2:19: sensors.front.timezone:", "Europe/Prague"),
        ("doors.csv:3:1: sensors.front:", "front is written twice; the first is at doors.csv:2:1"),
        ("doors.csv:4:1:", "write for example Back-door-2"),
        ("doors.csv:4:21:", "beginning with a slash"),
        ("doors.csv:5:2:", "this row has no id"),
        ("doors.csv:6:6:", "this is a formula, or what one left behind"),
        ("doors.csv:6:17:", "gate is named twice"),
        ("doors.csv:7:6:", "this quotation mark is not closed"),
        ("doors.csv:8:6:", "a spreadsheet has shortened this number"),
        ("doors.csv:8:25:", "this column has no header"),
    ):
        assert any(each.startswith(place) and words in each for each in errors), (place, words, errors)


def test_what_is_wrong_beside_from_is_said_once_and_in_the_yaml(write: Write) -> None:
    group = GROUP.replace("profile: cammra, connector: ways, address: {path: /doors}, cameras: [gate]}",
                          "profile: camra, connector: way, adress: {}, cameras: [gat]}")  # fmt: skip
    rows = "".join(f"d{n},S{n}\n" for n in range(500))
    errors = told(write, group, doors="id,identity.serial\n" + rows)
    assert [each.partition(": ")[2] for each in errors] == [
        "sensors.doors.profile: there is no profile camra here or in profiles; did you mean cammra?",
        "sensors.doors.connector: there is no connector way; did you mean ways?",
        "sensors.doors.adress: there is no key adress here; did you mean address?",
        "sensors.doors.cameras[0]: there is no camera gat; did you mean gate?",
    ]
    assert all(each.startswith("site.yaml:12:") for each in errors)


def test_a_missing_column_is_said_once_and_not_for_every_row(write: Write) -> None:
    group = "sensors: {from: doors.csv, connector: ways}\n"
    errors = told(write, group, doors="Door,name\n1,a\n2,b\n".replace("Door", "# Door"))
    assert [each.partition(": ")[2] for each in errors] == [
        "sensors: there is no column id, by which each sensor is known for good; name a column so, or say which it is "
        "beside from: columns: {# Door: id}",
        "sensors.profile: profile is missing: there is no column profile, and it does not stand beside from",
        "sensors.cameras: cameras is missing: there is no column cameras, and it does not stand beside from",
    ]


def test_a_second_column_of_a_name_is_an_error(write: Write) -> None:
    (error,) = told(write, doors="id,identity.serial,name,Name\na,S1,x,y\n")
    assert error == "doors.csv:1:25: a second column Name; the first is at column 20 of this line: keep one"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"PK\x03\x04rest", "is a workbook, not text; save the sheet as CSV UTF-8"),
        (b"", "is empty; its first line names the columns"),
        (b"\xef\xbb\xbf\r\n", "is empty; its first line names the columns"),
    ],
)
def test_what_is_no_table_is_said(write: Write, table: bytes, words: str) -> None:
    (error,) = told(write, doors=table)
    assert error == f"doors.csv: {words}"


def test_a_table_that_is_not_there_is_said_where_it_is_named(write: Write, folder: Path) -> None:
    (folder / "doors.csv").write_text(DOORS)
    (error,) = told(write, GROUP.replace("doors.csv", "dors.csv"))
    assert error == "site.yaml:12:17: sensors.doors.from: there is no file dors.csv; did you mean doors.csv?"
    (error,) = told(write, GROUP.replace("doors.csv", "10.0.0.21"))
    assert "address: {from: 10.0.0.21}" in error


def test_a_password_in_a_cell_is_in_no_error(write: Write) -> None:
    for cell in ("hunter2-and-more", '"hunter2;and ""more"""'):
        with pytest.raises(SiteErrors) as caught:
            write(doors=f"id,name,address.basic,address.path\nfront,Front,{cell},nopath\nfront,x,{cell},/x\n")
        assert "hunter2" not in caught.value.render()
        assert "doors.csv:2:13" in caught.value.render()


@pytest.mark.parametrize("table", ["id,identity.serial\na,S1\n", "id\n", "name\na\n", None])
def test_a_password_beside_from_is_in_no_error(write: Write, table: str | None) -> None:
    for group in (
        "sensors: {from: doors.csv, profil: cammra, connector: ways, address: {basic: hunter2}, cameras: [gate]}\n",
        "sensors: {from: doors.csv, profil: x, defaults: {address: {basic: hunter2}}}\n",
    ):
        with pytest.raises(SiteErrors) as caught:
            write(group, **({} if table is None else {"doors": table}))
        assert "hunter2" not in caught.value.render()


def test_the_rows_count_in_the_digest_and_in_the_difference(write: Write) -> None:
    before = write(doors=DOORS)
    assert write(doors=DOORS.replace("\n", "\r\n").replace(",", ";")).digest == before.digest
    after = write(doors=DOORS.replace("Back door", "Rear door") + "side,Side,gate,S3\n")
    assert after.digest != before.digest
    changed = difference(before, after).sensors
    assert (changed.added, changed.changed, changed.removed) == (("side",), ("back",), ())


def test_cameras_are_looked_up_in_a_table(write: Write) -> None:
    site = write(BY, lanes="Key;camera;# who\n1;lobby;me\n2;gate;\n2;lobby;\n3;gate, lobby;\n")
    by = site.sensors["hub"].cameras_by  # type: ignore[index]
    assert by is not None
    assert by.table == {"1": ("lobby",), "2": ("gate", "lobby"), "3": ("gate", "lobby")}
    assert (site.sensors["hub"].cameras, by.by.text) == ((), "fields.lane")  # type: ignore[index]
    assert [(table.what, table.rows) for table in site.tables] == [("cameras", 4)]


def test_a_changed_row_of_a_camera_table_changes_digest_and_sensor(write: Write) -> None:
    before = write(BY, lanes="key,camera\n1,lobby\n")
    assert not difference(before, write(BY, lanes="key,camera\n1,lobby\n"))
    after = write(BY, lanes="key,camera\n1,gate\n")
    assert after.digest != before.digest
    assert difference(before, after).sensors.changed == ("hub",)


def test_what_is_wrong_in_a_camera_table_is_said_at_its_place(write: Write) -> None:
    table = "key,camera\n1,loby\n,gate\n2,\n3,gate\n3,gate\n"
    errors = told(write, BY.replace("fields.lane", "event.lane"), lanes=table)
    for place, words in (
        ("lanes.csv:2:3:", "there is no camera loby; did you mean lobby?"),
        ("lanes.csv:3:2:", "this row has no key"),
        ("lanes.csv:4:1:", "this row has no camera"),
        ("lanes.csv:6:3:", "3 has gate already"),
        ("site.yaml:11:", "there is no variable event; it may use fields, identity"),
    ):
        assert any(each.startswith(place) and words in each for each in errors), (place, words, errors)
    (error,) = told(write, BY, lanes="kye,camera\n1,gate\n".replace("kye", "# kye"))
    assert "there is no column key" in error
    (error,) = told(write, BY.replace("table: lanes.csv", "tabel: lanes.csv"))
    assert "there is no key tabel here; did you mean table?" in error


def test_ten_thousand_rows_are_loaded_in_the_time_of_ten_thousand_entries(write: Write) -> None:
    """Measured 0.7 s; the bound is wide, and is there for what would grow with the square of the rows."""
    rows = [f'door-{n},"Door ""{n}""",lobby gate,S{n:05}' for n in range(10_000)]
    began = time.process_time()
    site = write(doors="id,name,cameras,identity.serial\n" + "\n".join(rows))
    assert len(site.sensors) == 10_001
    assert time.process_time() - began < 20


def test_the_schema_knows_tables() -> None:
    schema = jsonschema.Draft202012Validator(site_schema(installed=False))

    def faults(sensors: str) -> int:
        return len(list(schema.iter_errors(plain(parse(HEAD + sensors, "site.yaml")))))

    whole = "sensors: {from: doors.csv, profile: cammra, connector: ways, columns: {Door: id}}\n"
    assert [faults(GROUP), faults(BY), faults(whole)] == [0, 0, 0]
    for wrong in (
        GROUP.replace("from:", "form:"), GROUP.replace("profile: cammra, connector: ways, address", "adress"),
        BY.replace("by:", "bye:"), BY.replace(", table: lanes.csv", ""), whole.replace("columns:", "colums:"),
    ):  # fmt: skip
        assert faults(wrong), wrong
