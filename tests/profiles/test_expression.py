"""Expressions mean what CEL means, are bounded, and say where they are wrong."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.profiles.expression import ExpressionError, ExpressionFailed, compile_expression
from bridge.profiles.lexer import tokens
from bridge.profiles.native import plain

FAILED = "failed"

# ------------------------------------------------------------------------------------- the same answers as CEL gives

numbers = st.one_of(
    st.integers(-3, 3), st.integers(-(2**70), 2**70), st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)]),
    st.floats(allow_nan=True), st.sampled_from([0.0, -0.0, 1.0, 2.0**53]),
)  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(["", "x", "a b", "(null)", "1", "true"]))
names = st.sampled_from(["a", "b", "c", "in_", "has"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)
contexts = st.fixed_dictionaries(
    {}, optional={"item": st.one_of(values, st.dictionaries(names, values)), "fields": values}
)

paths = st.lists(names, max_size=3).flatmap(
    lambda keys: st.tuples(st.sampled_from(["item", "item", "item", "fields"]), st.just(keys))
)
dotted = paths.map(lambda path: ".".join([path[0], *path[1]]))
indexed = paths.map(lambda path: path[0] + "".join(f'["{key}"]' for key in path[1]))
literals = st.one_of(
    st.sampled_from(["null", "true", "false", "0", "1", "-1", "- 2", "0x1", "1.0", "1e3", ".5", "-0.0", "2.5"]),
    st.sampled_from(["9007199254740993", "9223372036854775807", "9007199254740992.0", "1u"]),
    st.sampled_from(["'x'", '"x"', "''", "'a b'", "'\\x78'", "r'x'", "'''x'''", "b'x'", "'(null)'"]),
)
selections = st.one_of(dotted, indexed)
comparisons = st.one_of(
    st.builds("{} {} {}".format, selections, st.sampled_from(["==", "!="]), literals),
    st.builds("{}{}{}".format, literals, st.sampled_from(["==", "!="]), selections),
    st.builds("{} in [{}]".format, selections, st.lists(literals, min_size=1, max_size=3).map(", ".join)),
    dotted.filter(lambda path: "." in path).map("has({})".format),
)
expressions = st.recursive(
    st.one_of(comparisons, comparisons, selections, literals),
    lambda inner: st.one_of(
        inner.map("({})".format),
        inner.map("!{}".format),
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
    ),
    max_leaves=6,
)


def as_cel_says(text: str, context: dict[str, object]) -> object:
    try:
        return cel.compile(text).execute(context)
    except Exception:  # noqa: BLE001 - the crate's errors have no class in common
        return FAILED


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other) or repr(one) == repr(other))


@given(expressions, contexts)
@settings(max_examples=700, deadline=None)
def test_what_is_evaluated_in_python_gives_the_answer_of_cel(text: str, context: dict[str, object]) -> None:
    found = plain(tokens(text), text)
    if found is None:
        return
    try:
        answer = found[0](context)
    except ExpressionFailed:
        answer = FAILED
    assert same(answer, as_cel_says(text, context)), text


@given(expressions, contexts)
@settings(max_examples=300, deadline=None)
def test_any_expression_gives_the_answer_of_cel_though_it_sees_only_the_keys_it_uses(
    text: str, context: dict[str, object]
) -> None:
    try:
        expression = compile_expression(f"({text}) == (item.a == 1 ? 1 : 2) || size(item.b) > 1 || ({text})")
    except ExpressionError:
        return
    try:
        answer = expression.evaluate(context)
    except ExpressionFailed:
        answer = FAILED
    assert same(answer, as_cel_says(expression.text, context))


@given(st.text(alphabet="item.abh()[]'\"!=&|<>0123456789 ,?:{}+-\n/\\", max_size=30))
@settings(max_examples=700, deadline=None)
def test_no_text_is_taken_that_cel_would_refuse(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        compile_expression(text)
        cel.compile(text)


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("item.a == 9007199254740993", float(2**53), True),
        ("item.a == 9007199254740992.0", 2**53 + 1, True),
        ("item.a == 9007199254740993", 2**53, False),
        ("item.a", 2**64, float(2**64)),
        ("item.a == 1", True, False),
        ("item.a == true", 1, False),
    ],
)
def test_numbers_are_compared_as_cel_compares_them(text: str, value: object, answer: object) -> None:
    assert same(compile_expression(text).evaluate({"item": {"a": value}}), answer)
    assert same(as_cel_says(text, {"item": {"a": value}}), answer)


def test_a_whole_number_beyond_64_bits_is_refused_as_cel_refuses_it() -> None:
    with pytest.raises(ExpressionError, match="int literal"):
        compile_expression("item.a == 9223372036854775808")


ITEM = {"a": 1, "s": "x", "n": None, "m": {"k": "v"}, "l": [1, 2]}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("item.a", 1),
        ('item["s"]', "x"),
        ("item.m.k", "v"),
        ("item.none", FAILED),
        ("item.s.k", FAILED),
        ("has(item.none)", False),
        ("has(item.n)", True),
        ("has(item.none.k)", FAILED),
        ("item.none == 'x' || item.a == 1", True),
        ("item.a == 1 || item.none == 'x'", True),
        ("item.none == 'x' && item.a == 2", False),
        ("item.none == 'x' && item.a == 1", FAILED),
        ("!(item.a == 2)", True),
        ("!item.a", FAILED),
        ("item.s in ['y', 'x']", True),
        ("item.a == 1.0", True),
        ("item.a == '1'", False),
        ("nobody.a", FAILED),
    ],
)
def test_plain_expressions_are_answered_without_cel(text: str, answer: object) -> None:
    found = plain(tokens(text), text)
    assert found is not None
    try:
        given_answer = found[0]({"item": ITEM})
    except ExpressionFailed:
        given_answer = FAILED
    assert given_answer == answer
    assert as_cel_says(text, {"item": ITEM}) == answer


def test_a_bare_selection_tells_its_path() -> None:
    assert compile_expression('item.m["k"]').path == ("item", "m", "k")
    assert compile_expression("item.a == 1").path is None


# ------------------------------------------------------------------------------------------- only what is needed


def test_cel_is_loaded_only_when_some_expression_needs_it_and_without_its_command_line() -> None:
    program = (
        "import sys; from bridge.profiles.expression import compile_expression as c\n"
        "c('has(item.a) && item.a in [1, 2]').evaluate({'item': {'a': 1}})\n"
        "assert not any('cel' == name.split('.')[0] for name in sys.modules)\n"
        "assert c('item.a + 1').evaluate({'item': {'a': 1}}) == 2\n"
        "assert 'typer' not in sys.modules and 'rich' not in sys.modules\n"
        "import cel; assert cel.evaluate('1 + 1') == 2  # somebody else may still use the package\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_cel_is_handed_only_the_keys_an_expression_uses() -> None:
    expression = compile_expression("item.a + 1 == size(item.l)")
    unreadable = {**ITEM, "picture": object()}
    assert expression.evaluate({"item": unreadable, "other": object()}) is True


# -------------------------------------------------------------------------------------------------- what is refused


def refusal(text: str, variables: set[str] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, variables)
    return caught.value


def test_a_second_comprehension_is_refused_where_it_stands() -> None:
    error = refusal("item.l.exists(x, item.l.exists(y, x == y))")
    assert (error.line, error.column) == (1, 25)
    assert "only one" in error.message


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    error = refusal("has(item.a)\n  && fied.plate == 'x'", {"item", "field"})
    assert (error.line, error.column) == (2, 6)
    assert error.message == "there is no variable fied; did you mean field?"


def test_the_element_of_a_comprehension_is_a_known_name() -> None:
    assert compile_expression("item.l.exists(x, x == 2)", {"item"}).evaluate({"item": ITEM}) is True


def test_an_unknown_function_is_refused_when_compiling() -> None:
    assert "did you mean startsWith" in refusal("item.s.startWith('x')").message
    assert "there is no function lower()" in refusal("lower(item.s)").message


def test_broken_text_is_refused_with_its_place() -> None:
    error = refusal("item.a ==")
    assert (error.line, error.column) == (1, 10)
    assert "ends too early" in error.message
    assert (refusal("item.a && $").line, refusal("item.a && $").column) == (1, 11)


def test_a_text_above_two_kilobytes_is_refused() -> None:
    assert "2048 bytes" in refusal("item.a == '" + "x" * 2048 + "'").message


@pytest.mark.parametrize("text", ["(" * 900 + "1" + ")" * 900, "[" * 900 + "]" * 900, "!" * 2000 + "true"])
def test_deep_nesting_neither_crashes_nor_hangs(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert compile_expression(text).evaluate({}) is True


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("item.l.all(x, x > 0)", {"l": [1] * 1001}),
        ("item.l.map(x, x)[0] == 1", {"l": [1] * 501}),
        ("item.l.all(x, size(x) > 0)", {"l": [[1] * 1001]}),
        ("item.l.all(x, size(x) > 0)", {"l": [[1] * 900] * 900}),
        ("item.l.all(x, x.matches('a*'))", {"l": ["a" * 1000] * 900}),
        ("item.m.all(x, x != '')", {"m": {str(n): 1 for n in range(1001)}}),
    ],
)
def test_values_too_large_for_an_engine_that_cannot_be_stopped_fail(text: str, item: dict[str, object]) -> None:
    with pytest.raises(ExpressionFailed):
        compile_expression(text).evaluate({"item": item})


def test_a_failure_says_which_expression_and_why() -> None:
    with pytest.raises(ExpressionFailed, match=r"item\.m\.none: there is no item\.m\.none"):
        compile_expression("item.m.none").evaluate({"item": ITEM})
    with pytest.raises(ExpressionFailed, match=r"item\.a \+ item\.s: No such overload"):
        compile_expression("item.a + item.s").evaluate({"item": ITEM})
    with pytest.raises(ExpressionFailed, match="there is no none"):
        compile_expression("item.none + 1").evaluate({"item": ITEM})
