"""What would be too much work for an expression is refused when it is written, or not run when it is asked."""

from __future__ import annotations

import contextlib

import pytest

from bridge.profiles.bounds import HEAVIEST_PATTERN, pattern_weight, shape_of
from bridge.profiles.evaluation import ExpressionFailed
from bridge.profiles.expression import Expression, ExpressionError, compile_expression
from bridge.profiles.lexer import tokens, uses

LIST = [f"a{n}" for n in range(1000)]
BIG = "x" * 65_000


class Unrun:
    """Stands for the engine: whatever reaches it is counted, and nothing is evaluated."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, context: dict[str, object]) -> object:
        self.runs += 1
        return None


def runs(text: str, item: dict[str, object]) -> int:
    """How often the engine was asked to evaluate it."""
    engine = Unrun()
    expression: Expression = compile_expression(text)
    object.__setattr__(expression, "_execute", engine)
    with contextlib.suppress(ExpressionFailed):
        expression.evaluate({"item": item})
    return engine.runs


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("item.a + " * 200 + "item.a == ''", {"a": BIG}),
        ("size(" + "item.l + " * 200 + "item.l) > 0", {"l": LIST}),
        ("item.l.exists(x, x in item.m)", {"l": LIST, "m": LIST}),
        ("item.l.exists(x, item.m == item.n)", {"l": LIST, "m": LIST, "n": LIST}),
        ("item.l.exists(x, item.b + item.b == '')", {"l": LIST, "b": BIG}),
        ("item.l.exists(x, x.matches('^[a-z]+q$'))", {"l": LIST}),
        ("item.l.exists(x, " + "||".join(["x == 'y'"] * 150) + ")", {"l": LIST}),
        ("item.l.map(x, x + item.b)", {"l": LIST[:300], "b": "x" * 30_000}),
        ("item.l.map(x, item.l)", {"l": LIST[:300]}),
        ("item.l.map(x, [x, [x, [x, [x]]]])", {"l": LIST[:400]}),
        ("item.l.filter(x, true)", {"l": [{f"k{n}": n for n in range(10)}] * 200}),
        ("item.l.filter(x, true)", {"l": LIST[:500]}),
        ("size(item.l) > 0", {"l": [*LIST, "more"]}),
        ("size(item.a) > 0", {"a": "x" * 65_537}),
        ("size(item.l) > 0", {"l": [{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}] * 900}),
    ],
)
def test_what_would_be_too_much_work_is_not_run(text: str, item: dict[str, object]) -> None:
    assert runs(text, item) == 0


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("item.a + '|' + item.b == ''", {"a": "x" * 5000, "b": "y" * 5000}),
        ("item.l.exists(x, x == 'a7')", {"l": LIST}),
        ("item.l.exists(x, x in item.m)", {"l": LIST[:100], "m": LIST[:100]}),
        ("item.l.filter(x, x.score > 0.5)", {"l": [{"score": 0.9, "id": "a"}] * 50}),
        ("item.l.map(x, x.id + '!')", {"l": [{"id": "a"}] * 50}),
        ("item.l.exists(x, x.matches('^4AB'))", {"l": LIST[:100]}),
        ("item.a.matches('^[0-9A-Z]{2,10}$')", {"a": "4AB1234"}),
        (r"item.a.matches(r'\w+ \d+')", {"a": "a 1"}),
        ("size(item.a) > 0", {"a": BIG}),
    ],
)
def test_what_devices_need_is_run(text: str, item: dict[str, object]) -> None:
    assert runs(text, item) == 1


@pytest.mark.parametrize(
    "text",
    [
        "item.a.matches(item.b)",
        "item.a.matches('a' + item.b)",
        r"item.a.matches('\\w{50}')",
        r"item.a.matches(r'(\w{10}){5}')",
        r"item.a.matches(r'(\pL{1,40}){4}')",
        r"item.a.matches('\x5cw\x7b50\x7d')",
        r"item.a.matches('\u005cw{99}')",
        "item.a.matches('" + "a" * 1600 + "')",
        "item.l.exists(x, x.matches(x))",
    ],
)
def test_a_pattern_that_is_large_or_not_written_in_the_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)


def test_the_weight_of_a_pattern_counts_classes_and_repetitions() -> None:
    assert pattern_weight("'abc'") == 5
    assert pattern_weight(r"'\\w{9}'") > 900
    assert pattern_weight("'(a{10}){10}'") > 1000
    assert pattern_weight("'a{ 2 , 999999999 }'") > HEAVIEST_PATTERN


def test_what_a_comprehension_uses_in_its_body_is_told_from_what_it_goes_through() -> None:
    words = tokens("has(item.z) && item.l.exists(x, x.a in item.m && identity.n == 1 && (outer[item.k]) == x)")
    used, calls, _ = uses(words)
    shape = shape_of(words, used, calls)
    assert shape.body == {("item", "m"), ("identity", "n"), ("outer", None), ("item", "k")}
    assert shape.loops
    assert not shape.builds


def test_a_plain_map_over_a_thousand_elements_never_needs_the_engine() -> None:
    expression = compile_expression("items.map(m, m.code)")
    items: list[object] = [{"code": f"c{n}", "n": {"m": 2**70}} for n in range(1000)]
    assert expression.evaluate({"items": items}) == [f"c{n}" for n in range(1000)]
    assert compile_expression("items.map(m, m.n.m)").evaluate({"items": items[:1]}) == [float(2**70)]
    for wrong in ([*items, {"x": 1}], [*items[:5], 7], [*items, items[0]]):
        with pytest.raises(ExpressionFailed):
            expression.evaluate({"items": wrong})
    with pytest.raises(ExpressionFailed):
        expression.evaluate({})


@pytest.mark.parametrize(
    "value", [[], [{"a": 1}], [{"a": None}, {"a": [1]}], [{"b": 1}], [1], {"a": {"a": 1}}, "text", None, 1]
)
def test_a_plain_map_answers_as_cel_does(value: object) -> None:
    def answer(text: str) -> object:
        try:
            return compile_expression(text).evaluate({"item": {"l": value}})
        except ExpressionFailed:
            return "failed"

    assert answer("item.l.map(x, x.a)") == answer("item.l.map(x, (x.a))")


@pytest.mark.parametrize("opened", ["(", "[", "{'a':", "size(", "!", "-", "item.t?1:"])
def test_an_expression_of_nothing_but_openings_is_refused_or_read_but_never_ends_the_process(opened: str) -> None:
    for text in (opened * (2000 // len(opened)), opened * (1000 // len(opened)) + "1"):
        with pytest.raises(ExpressionError):
            compile_expression(text + " +")
