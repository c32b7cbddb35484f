"""Writing a meta document that is there once however often it is written [8].

Documented: an ``id`` in the body replaces that document. Not documented: whether an ``id`` of ours may name a new one.
So it is tried; where it is refused, the document is looked for by a string of ours, and written without ``id`` when it
is not there. A VMS that refuses even that, or fails over the same document again and again, does not keep the event
back: the journal has the whole message.
"""

from __future__ import annotations

import msgspec

from bridge.model import Delivered, Outcome, Rejected, Retry
from bridge.vms.http import Answer, NotSent, SendingError
from bridge.vms.vxg.account import Account
from bridge.vms.vxg.answers import failure, refusal, why
from bridge.vms.vxg.exchange import Exchange
from bridge.vms.vxg.steps import DOCUMENTS, Step

TRIES = 3
"""Of a document that VXG neither writes nor refuses, before its event goes on without it."""
_MOST_FAILED = 1024


class _Result(msgspec.Struct):
    status: int = 201
    id: str | int | None = None


class _Results(msgspec.Struct):
    objects: list[_Result]


_results = msgspec.json.Decoder(_Results).decode
_documents = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


class Documents:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._ids_refused = False
        self._failed: dict[str, int] = {}

    async def write(self, account: Account, step: Step, urgent: bool) -> Outcome:
        """Raises Unusable."""
        try:
            outcome = await self._write(account, step, urgent)
        except NotSent as error:  # nor could the event be
            return failure(error, raising=False)
        except SendingError as error:
            outcome = failure(error, raising=False)
        if isinstance(outcome, Retry) and not self._often(step.subject):
            return outcome
        if isinstance(outcome, Retry | Rejected):
            return Delivered(note=f"the event goes on without its meta document: {outcome.why}")
        if self._failed:
            self._failed.pop(step.subject, None)
        return outcome

    async def _write(self, account: Account, step: Step, urgent: bool) -> Outcome:
        if not self._ids_refused:
            outcome = await self._post(account, step.body, urgent)
            if not isinstance(outcome, Rejected):
                return outcome
        if await self._is_there(account, step.subject, urgent):
            return Delivered(note="there already")
        outcome = await self._post(account, _without_id(step.body), urgent)
        # Only then was it for the id; a document too large, say, tells nothing about the next one.
        self._ids_refused = self._ids_refused or isinstance(outcome, Delivered)
        return outcome

    def _often(self, document: str) -> bool:
        """Count one more failure; whether this document alone would keep its event back any longer."""
        failed = min(self._failed.pop(document, 0) + 1, TRIES)
        if len(self._failed) >= _MOST_FAILED:
            del self._failed[next(iter(self._failed))]
        self._failed[document] = failed
        return failed >= TRIES

    async def _post(self, account: Account, body: bytes, urgent: bool) -> Outcome:
        answer, grant = await self._exchange(account, "POST", DOCUMENTS, body, urgent)
        if answer.status == 403:  # documents may be closed to this token; whether events are, the raise is told
            return Rejected(f"VXG refused the meta document ({why(answer, grant)})")
        if not 200 <= answer.status < 300:
            return refusal(answer, grant, raising=False)
        try:
            results = _results(answer.body).objects
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Retry(f"{grant.origin} answers {answer.status} with something that is not about meta documents")
        refused = [each.status for each in results if not 200 <= each.status < 300]
        if refused:
            return Rejected(f"VXG refused the meta document ({refused[0]})")
        return Delivered(str(results[0].id) if results and results[0].id is not None else "")

    async def _is_there(self, account: Account, known_by: str, urgent: bool) -> bool:
        wanted = {"limit": 1, "filter": {"and": [{"field": "string.bridge_document", "eq": known_by}]}}
        body = msgspec.json.encode(wanted)
        answer, _ = await self._exchange(account, "POST", f"{DOCUMENTS}filter/", body, urgent)
        return _has_objects(answer)


def _has_objects(answer: Answer) -> bool:
    try:
        return 200 <= answer.status < 300 and bool(_results(answer.body).objects)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _without_id(body: bytes) -> bytes:
    documents = _documents(body)
    for each in documents:
        each.pop("id", None)
    return msgspec.json.encode(documents)
