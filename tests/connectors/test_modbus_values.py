"""What registers mean, which level a value is on, and which questions are asked: pure, by literal values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.modbus import ModbusAddress, ModbusSettings
from connectors.modbus.levels import Level, Thresholds
from connectors.modbus.plan import Apart, blocks, taken_apart
from connectors.modbus.points import BadAddress, Point, Span, on_the_wire, points_of


def point(**address: object) -> Point:
    return points_of([ModbusAddress.model_validate(address)], "zero")[0]


@pytest.mark.shows("connector:modbus", "samples")
@pytest.mark.parametrize(
    ("registers", "settings", "value"),
    [
        ((0x4048, 0xF5C3), {"as": "float32"}, 3.14),
        ((0xF5C3, 0x4048), {"as": "float32", "word_order": "little"}, 3.14),
        ((0x4840, 0xC3F5), {"as": "float32", "byte_order": "little"}, 3.14),
        ((0xC3F5, 0x4840), {"as": "float32", "word_order": "little", "byte_order": "little"}, 3.14),
        ((0xF5C3, 0x4048), {"as": "float32"}, -4.9e32),
        ((0x4009, 0x1EB8, 0x51EB, 0x851F), {"as": "float64"}, 3.14),
        ((0x851F, 0x51EB, 0x1EB8, 0x4009), {"as": "float64", "word_order": "little"}, 3.14),
        ((0xFFFF,), {"as": "int16"}, -1),
        ((0xFFFF,), {}, 65535),
        ((0x0001, 0x0000), {"as": "uint32"}, 65536),
        ((0x0001, 0x0000), {"as": "uint32", "word_order": "little"}, 1),
        ((0xFFFF, 0xFFFE), {"as": "int32"}, -2),
        ((0, 0, 1, 0), {"as": "uint64"}, 65536),
        ((0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF), {"as": "int64"}, -1),
        ((0x0102,), {"byte_order": "little"}, 0x0201),
        ((-148 & 0xFFFF,), {"as": "int16", "scale": 0.1}, -14.8),
        ((29,), {"scale": 0.1, "offset": 0.1}, 3.0),
        ((0x0810,), {"mask": 0x00FF}, 0x10),
        ((0x0810,), {"mask": 0xFF00}, 0x08),
        ((0x0810,), {"bit": 11}, True),
        ((0x0810,), {"bit": 12}, False),
        ((0x8000,), {"as": "int16", "bit": 15}, True),
        ((0x0000, 0x0001), {"as": "uint32", "bit": 0}, True),
        ((0x8000,), {"as": "int16", "absent": [-32768]}, None),
        ((0xFFFF,), {"absent": [0xFFFF], "bit": 0}, None),
        ((0x04FF,), {"mask": 0xFF, "absent": [0xFF]}, None),
        ((0x7FC0, 0x0000), {"as": "float32"}, None),
        ((0x7F80, 0x0000), {"as": "float32"}, None),
    ],
)
def test_registers_are_the_number_they_are_written_as(
    registers: tuple[int, ...], settings: dict[str, object], value: object
) -> None:
    read = point(input_register=0, **settings).read
    assert read.span.count == len(registers)
    found = read.value(registers)
    if isinstance(value, float):
        assert found == pytest.approx(value, rel=0.02 if value < -1e30 else 1e-6)
    else:
        assert found == value
        assert type(found) is type(value)


def test_scaled_values_are_told_without_the_digits_of_binary_fractions() -> None:
    assert str(point(input_register=0, scale=0.1).read.value((3,))) == "0.3"


@pytest.mark.shows("connector:modbus", "samples")
@pytest.mark.parametrize(
    ("table", "written", "addressing", "wire"),
    [
        ("holding_register", 0, "zero", 0),
        ("holding_register", 1, "one", 0),
        ("coil", 1, "modicon", 0),
        ("discrete_input", 10001, "modicon", 0),
        ("input_register", 30001, "modicon", 0),
        ("input_register", 30012, "modicon", 11),
        ("holding_register", 40001, "modicon", 0),
        ("holding_register", 44000, "modicon", 3999),
        ("holding_register", 400001, "modicon", 0),
        ("holding_register", 465536, "modicon", 65535),
    ],
)
def test_addresses_are_read_as_manuals_write_them(table: str, written: int, addressing: str, wire: int) -> None:
    assert on_the_wire(table, written, addressing) == wire  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "written", "addressing"),
    [
        ("holding_register", 65536, "zero"), ("coil", 0, "one"), ("holding_register", 30001, "modicon"),
        ("input_register", 40001, "modicon"), ("holding_register", 12, "modicon"), ("coil", 0, "modicon"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(table: str, written: int, addressing: str) -> None:
    with pytest.raises(BadAddress, match=f"{table} {written}"):
        on_the_wire(table, written, addressing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({}, "name what is read"),
        ({"coil": 1, "discrete_input": 1}, "coil and discrete_input"),
        ({"coil": 1, "bit": 3}, "bit is for registers"),
        ({"coil": 1, "thresholds": {"high": 1}}, "thresholds is for registers"),
        ({"input_register": 1, "bit": 16}, "uint16 has the bits 0 to 15"),
        ({"input_register": 1, "as": "float32", "bit": 1}, "whole numbers"),
        ({"input_register": 1, "thresholds": {"high": 1}, "change": 1}, "give thresholds or change"),
        ({"input_register": 1, "thresholds": {"high": 1, "low": 2}}, "low_low < low < high < high_high"),
        ({"input_register": 1, "thresholds": {"hysteresis": 2}}, "name at least one"),
        ({"points": {"a": {"coil": 1}}, "coil": 1}, "coil belongs to one point"),
        ({"points": {"a": {}}}, r"points\.a\n +Value error, name what is read"),
        ({"coil": 1, "values": {"x": {"scale": 2.0}}}, r"values\.x\n +Value error, name what is read"),
        ({"input_register": 1, "scale": 0}, "scale of 0"),
    ],
)
def test_an_address_says_what_is_wrong_with_it(address: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ModbusAddress.model_validate(address)


def test_a_connector_polls_a_host_or_a_serial_line() -> None:
    for wrong in ({}, {"host": "10.0.0.1", "serial": "/dev/ttyUSB0"}):
        with pytest.raises(ValidationError, match="give host or serial"):
            ModbusSettings.model_validate(wrong)


def test_two_sensors_on_one_register_have_two_states() -> None:
    found = points_of(
        [
            ModbusAddress.model_validate({"input_register": 0, "thresholds": {"high": 30}}),
            ModbusAddress.model_validate({"input_register": 0, "change": 1}),
        ],
        "zero",
    )
    assert len({each.key for each in found}) == 2


# ------------------------------------------------------------------------------------------------------------- levels


def test_a_level_that_was_entered_is_held_by_the_hysteresis() -> None:
    limits = Thresholds(low_low=-50, low=-10, high=10, high_high=50, hysteresis=5)
    told = []
    level: Level = "normal"
    for value in (9, 10, 5, 4.9, 50, 45, 44.9, 5, 4.9, -10, -5, -4.9, -50, -45, -44.9, 10):
        level = limits.level(value, level)
        told.append(level)
    assert told == [
        "normal", "high", "high", "normal", "high_high", "high_high", "high", "high", "normal",
        "low", "low", "normal", "low_low", "low_low", "low", "high",
    ]  # fmt: skip


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.floats(0, 50))
def test_a_level_is_entered_at_its_threshold_and_left_only_beyond_the_hysteresis(
    values: list[float], hysteresis: float
) -> None:
    limits = Thresholds(low_low=-50, low=-10, high=10, high_high=50, hysteresis=hysteresis)
    level = limits.level(values[0], "normal")
    for value in values:
        before, level = level, limits.level(value, level)
        if value >= 50:
            assert level == "high_high"
        elif value >= 10:
            assert level == "high" or (level == before == "high_high" and value + hysteresis >= 50)
        elif value > -10:
            assert (
                level == "normal"
                or (level in ("high", "high_high") and value + hysteresis >= 10 and before.startswith("high"))
                or (level in ("low", "low_low") and value - hysteresis <= -10 and before.startswith("low"))
            )
        elif value > -50:
            assert level == "low" or (level == before == "low_low" and value - hysteresis <= -50)
        else:
            assert level == "low_low"


# --------------------------------------------------------------------------------------------------------------- plan


def spans(*starts: int, unit: int = 1, table: str = "input_register", count: int = 1) -> list[Span]:
    return [Span(unit, table, start, count) for start in starts]  # type: ignore[arg-type]


def asked(found: list[Span], gap: int = 8, most: int = 125, apart: Apart | None = None) -> list[tuple[int, int]]:
    return [(block.start, block.count) for block in blocks(found, gap, most, apart or set())]


def test_what_lies_near_is_asked_for_at_once() -> None:
    assert asked(spans(0, 1, 9, 18)) == [(0, 19)]
    assert asked(spans(0, 1, 10, 20)) == [(0, 11), (20, 1)]
    assert asked(spans(0, 2), gap=0) == [(0, 1), (2, 1)]
    assert asked(spans(0, 1), gap=0) == [(0, 2)]


def test_no_question_is_longer_than_the_protocol_or_the_device_allows() -> None:
    assert asked(spans(*range(130))) == [(0, 125), (125, 5)]
    assert asked(spans(*range(2001), table="coil")) == [(0, 2000), (2000, 1)]
    assert asked(spans(*range(10)), most=4) == [(0, 4), (4, 4), (8, 2)]
    assert asked(spans(*range(65), table="coil"), most=4) == [(0, 64), (64, 1)]


def test_a_number_of_several_registers_is_never_cut() -> None:
    assert asked(spans(0, 4, count=4), most=6) == [(0, 4), (4, 4)]


def test_units_and_tables_are_asked_for_apart() -> None:
    mixed = [*spans(0), *spans(1, unit=2), *spans(1, table="holding_register")]
    assert len(blocks(mixed, 8, 125, set())) == 3


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([1, 2, 4])), min_size=1, max_size=60),
    st.integers(0, 20),
    st.integers(4, 125),
    st.integers(0, 40),
)
def test_every_point_is_in_exactly_one_question_however_often_it_is_taken_apart(
    wanted: list[tuple[int, int]], gap: int, most: int, times: int
) -> None:
    all_of = {Span(1, "input_register", start, count) for start, count in wanted}
    apart: Apart = set()
    for _ in range(times):
        more = {each for block in blocks(all_of, gap, most, apart) for each in taken_apart(block)} - apart
        if not more:
            break
        apart |= more
    found = blocks(all_of, gap, most, apart)
    assert sorted(span for block in found for span in block.spans) == sorted(all_of)
    for block in found:
        assert block.count <= most
        assert all(block.start <= span.start and span.end <= block.start + block.count for span in block.spans)


def test_a_refused_block_is_parted_at_its_gaps_then_in_the_middle_until_one_thing_is_left() -> None:
    (block,) = blocks(spans(0, 1, 4, 5, 6, 7), 8, 125, set())
    apart = taken_apart(block)
    assert asked(spans(0, 1, 4, 5, 6, 7), apart=apart) == [(0, 2), (4, 4)]
    (_, second) = blocks(spans(0, 1, 4, 5, 6, 7), 8, 125, apart)
    apart |= taken_apart(second)
    assert asked(spans(0, 1, 4, 5, 6, 7), apart=apart) == [(0, 2), (4, 2), (6, 2)]
    assert taken_apart(blocks(spans(3), 8, 125, set())[0]) == set()
