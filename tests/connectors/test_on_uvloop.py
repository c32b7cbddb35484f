"""What depends on how a loop reads, pauses and closes holds on uvloop too, on which the bridge runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.asgi import test_bounds
from tests.connectors import (
    test_http_limits,
    test_http_odd_clients,
    test_http_receipts,
    test_http_tls,
    test_isolation_listening,
    test_tcp,
)
from tests.connectors.conftest import Inbox

uvloop = pytest.importorskip("uvloop")

WITH_AN_INBOX: list[Callable[[Inbox], Awaitable[None]]] = [
    test_http_receipts.test_no_byte_is_answered_before_the_commit,
    test_http_receipts.test_what_is_in_flight_when_the_connector_stops_is_answered,
    test_http_odd_clients.test_requests_sent_without_waiting_are_answered_in_their_order,
    test_tcp.test_an_object_ended_by_a_reset_is_kept,
    test_tcp.test_one_object_per_connection_ended_by_closing_is_kept,
    test_tcp.test_while_the_intake_does_not_keep_up_the_sender_is_held_back,
    test_tcp.test_several_wait_for_their_commit_at_once_in_the_order_they_came,
    test_tcp.test_when_it_stops_what_was_read_is_kept_first,
    test_tcp.test_one_connection_too_many_is_closed_and_the_others_go_on,
    test_isolation_listening.test_handshakes_that_do_not_end_have_places_like_others_and_give_way,
]
ALONE: list[Callable[[], Awaitable[None]]] = [
    test_http_limits.test_a_body_as_long_as_may_be_is_taken_and_one_byte_more_is_refused_unread,
    test_http_limits.test_a_sender_in_the_midst_of_a_body_that_is_too_long_can_read_why,
    test_http_limits.test_a_body_that_does_not_come_whole_ends_in_a_408,
    test_http_limits.test_a_head_that_never_ends_is_hung_up_on_while_others_are_served,
    test_http_limits.test_one_connection_too_many_is_told_to_come_back,
    test_http_tls.test_a_sender_that_trusts_the_certificate_is_served,
    test_http_tls.test_a_sender_without_tls_is_not_served_in_the_clear,
    test_http_tls.test_who_stops_in_the_midst_of_the_handshake_is_hung_up_on_when_the_port_stops,
    test_bounds.test_of_requests_sent_without_end_few_are_held_and_each_is_answered,
    test_bounds.test_who_ends_what_it_says_before_it_listens_has_all_its_answers,
    test_bounds.test_a_body_that_is_cut_off_by_the_end_is_not_answered,
    test_tcp.test_a_connection_that_says_nothing_for_too_long_is_closed,
]


@pytest.mark.parametrize("scenario", [*WITH_AN_INBOX, *ALONE], ids=lambda scenario: scenario.__name__)
def test_on_uvloop(scenario: Callable[..., Awaitable[None]]) -> None:
    async def play() -> None:
        await (scenario(Inbox()) if scenario in WITH_AN_INBOX else scenario())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())
