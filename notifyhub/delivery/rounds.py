"""Rounds: messages are claimed and given to their notifiers, one after the other, until each is decided.

    claim ─► next notifier ──────────► breaker open: it rests ─► next notifier
                  │  └─► called too often: the message waits ────────► decided, without an attempt
                  ▼
              attempt ─► accepted ───────────────────────────────────► sent
                  │  └─► temporary, or not served here ──────────────► next notifier
                  └────► permanent, or uncertain ────────────────────► decided, see retry_policy
              no notifier left ──────────────────────────────────────► decided, see retry_policy

What is decided is either final or the moment of the next round. The attempts of several messages at one
notifier may share a call, see shared_calls; each message has a round of its own nevertheless.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from flask import current_app

from notifyhub.database import connections
from notifyhub.database.base import now
from notifyhub.delivery import (
    circuit_breaker,
    claims,
    journal,
    one_time_codes,
    outcomes,
    policies,
    rate_limits,
)
from notifyhub.delivery.claims import ClaimedMessage
from notifyhub.delivery.message_round import MessageRound
from notifyhub.delivery.notifier_clients import NotifierClient, backend_for
from notifyhub.delivery.outcomes import FinishedRound
from notifyhub.delivery.retry_policy import Result, RoundDecision
from notifyhub.delivery.routing import Route
from notifyhub.delivery.shared_calls import call_key, call_limit
from notifyhub.jobs.leases import CLAIM_RETRIED_SECONDS, persist
from notifyhub.jobs.threads import threads
from notifyhub.providers.base import SMS, Email, SMSProvider
from notifyhub.providers.boundary import hand_over, hand_over_all
from notifyhub.providers.errors import BATCH_REFUSED, Failure


def claim(ids: Sequence[int]) -> list[ClaimedMessage]:
    """Claim those of some messages that are due and that nobody has."""
    return connections.persist(lambda: claims.claim(ids), CLAIM_RETRIED_SECONDS)


def deliver(message_id: int) -> None:
    """Claim a message and give it a round; nothing is done if it is not due or another worker has it."""
    give_rounds(claim([message_id]))


def give_rounds(claimed: Sequence[ClaimedMessage], after_calls: Callable[[], object] = lambda: None) -> None:
    """Give messages that were claimed together a round each, in which those that can share calls.

    `after_calls` is called once all are decided, before what is left of them is written. While a provider is
    called, no connection to the database is held.
    """
    _give([MessageRound(message) for message in claimed], after_calls)


def _give(going: list[MessageRound], after_calls: Callable[[], object]) -> None:
    while going:
        tried = going[:1]
        try:
            route = going[0].next_route()
            if route is not None:
                tried = _sharing(going, route)
                if len(tried) == 1:
                    going = _give_away(going)
                going = _try(tried, route.client, going)
        except Exception as error:  # the messages must not wait until their worker is taken for dead
            if connections.is_out_of_reach(error):
                raise
            for each in tried:
                each.break_off(error)
        ended = [each for each in going if each.decision]
        going = [each for each in going if not each.decision]
        if not going:
            after_calls()
        _finish(ended)


def _give_away(going: list[MessageRound]) -> list[MessageRound]:
    """Give all rounds but the first, which goes alone, to free threads; return those that stay.

    A worker that is told to stop puts them back instead: their turn may be minutes away.
    """
    others = [each for each in going[1:] if not each.attempt_id]
    if not others:
        return going
    if threads().is_closed:
        for each in others:
            each.put_back()
        return going
    given = others[: threads().reserve_free(len(others))]
    for each in given:
        threads().run(current_app._get_current_object(), _give, [each])  # type: ignore[attr-defined]
    return [each for each in going if each not in given]


def _sharing(going: Sequence[MessageRound], route: Route) -> list[MessageRound]:
    """Return the first of the rounds, whose next route is given, and those that share the call with it."""
    sharing = list(going[:1])
    key = _key(going[0], route) if len(going) > 1 else None
    if key is None:
        return sharing
    limit = call_limit(route.client, persist(policies.in_force).sms_batch_size)
    for other in going[1:]:
        other_route = other.next_route() if len(sharing) < limit else None
        if other_route and other_route.client.id == route.client.id and _key(other, other_route) == key:
            sharing.append(other)
    return sharing


def _key(round_: MessageRound, route: Route) -> object:
    """Return what the messages of a call have in common; None for one that goes alone."""
    message = round_.message
    if message.is_test or message.otp_id is not None or not isinstance(route.content, SMS):
        return None
    if any(failure.code == BATCH_REFUSED for failure in round_.failures):
        return None
    return call_key(route.client, route.content)


def _try(
    tried: list[MessageRound], client: NotifierClient, going: Sequence[MessageRound]
) -> list[MessageRound]:
    """Try the next notifier of some rounds, unless it rests; return the rounds that still have their leases.

    A notifier that is probed is given one message; the others come after it.
    """
    if not _is_admitted(tried, client):
        return list(going)
    if not tried[0].attempt_id or _has_waited(tried[0].message):
        lost = _start(tried, client, [each for each in going if each not in tried])
        tried[:] = [each for each in tried if each not in lost]
        going = [each for each in going if each not in lost]
    if tried:
        _call(tried, client)
    return list(going)


def _has_waited(message: ClaimedMessage) -> bool:
    """Return whether so much of the lease is over that it might end during a call: it is to be renewed.

    A message waits for its thread while the calls of others take long.
    """
    return now() - message.claimed_at > timedelta(seconds=current_app.config["LEASE_SECONDS"] / 4)


def _is_admitted(tried: list[MessageRound], client: NotifierClient) -> bool:
    """Return whether the notifier may be called now; where not, the rounds pass it over or wait for it."""
    first = tried[0]
    if first.message.is_test:
        return True
    if not first.attempt_id:  # what was started with the claim needs no admission by the breaker
        admission = persist(lambda: circuit_breaker.try_acquire(client.channel, client.id))
        if admission.open_until:
            for each in tried:
                each.rest(client, admission.open_until)
            return False
        if admission.is_probe:
            del tried[1:]
            first.is_probe = True
    is_called = not isinstance(first.route_content(), Failure)
    later = _wait_for_place(first.message, client) if is_called else None
    if later is None:
        return True
    if first.attempt_id:
        persist(lambda: claims.withdraw([each.attempt_id for each in tried]))
    for each in tried:
        each.wait(client, later)
    return False


def _wait_for_place(message: ClaimedMessage, client: NotifierClient) -> datetime | None:
    """Wait until a notifier may be called; if that is too far ahead, return the moment to come back.

    One that is neither limited nor slowed down, as far as its message's claim knows, costs no statement.
    """
    if client.id == message.home_notifier_id and not message.is_paced and client.max_per_second is None:
        return None
    longest = rate_limits.MAX_WAIT_SECONDS if message.otp_id is None else rate_limits.MAX_CODE_WAIT_SECONDS
    return rate_limits.wait_for_place(client.channel, client.id, client.max_per_second, longest)


def _start(
    tried: Sequence[MessageRound], client: NotifierClient, waiting: Sequence[MessageRound]
) -> list[MessageRound]:
    """Start an attempt of some rounds; return those whose leases were lost."""
    started = persist(
        lambda: claims.start_attempts(
            [each.message for each in tried],
            client.id,
            client.name,
            waiting=[each.message for each in waiting],
        )
    )
    for each in tried:
        each.attempt_id = started.get(each.message.id, 0)
    lost = [each for each in tried if not each.attempt_id]
    for each in lost:
        journal.lease_lost(each.message)
    return lost


def _call(tried: Sequence[MessageRound], client: NotifierClient) -> None:
    """Hand the messages over in one call, and take its answers."""
    for each in tried:
        each.client = client
        each.message.attempts += 1
    started = time.monotonic()
    results = _hand_over(tried, client)
    ms = round((time.monotonic() - started) * 1000)
    told: set[type[Result]] = set()
    for each, result in zip(tried, results, strict=True):
        each.take(result, ms, counts=type(result) not in told)
        told.add(type(result))
    going_on = [each for each in tried if each.decision is None]
    if going_on:
        ended = [(each.message, each.finished) for each in going_on if each.finished]
        persist(lambda: outcomes.record(ended))
    for each in going_on:
        each.recorded()


def _hand_over(tried: Sequence[MessageRound], client: NotifierClient) -> Sequence[Result]:
    try:
        contents = [_content(each) for each in tried]
        backend = backend_for(client, is_test=tried[0].message.is_test)
    except Failure as failure:
        return [failure for _ in tried]
    connections.release()
    if len(contents) == 1:
        return [hand_over(backend, contents[0])]
    return hand_over_all(cast("SMSProvider", backend), cast("list[SMS]", contents))


def _content(round_: MessageRound) -> SMS | Email:
    """Return what a notifier is given to send; raises Failure if it can't be given that."""
    content, message = round_.route_content(), round_.message
    if isinstance(content, Failure):
        raise content
    content = replace(content, attempt=message.attempts, request_id=message.request_id)
    if message.otp_id is None:
        return content
    return persist(partial(one_time_codes.revealed, content, message.otp_id))


def _finish(ended: Sequence[MessageRound]) -> None:
    """Write what rounds have come to; one for which that fails is broken off."""
    if not ended:
        return
    try:
        written = _write(ended)
    except Exception as error:
        if connections.is_out_of_reach(error):
            raise
        if len(ended) > 1:
            _finish_singly(ended)
            return
        ended[0].break_off(error)
        written = _write(ended)
    for each, decision in zip(ended, written, strict=True):
        if decision is not None:
            each.log_end(decision)
        else:
            journal.lease_lost(each.message)


def _write(ended: Sequence[MessageRound]) -> list[RoundDecision | None]:
    """Write what rounds have come to, and return it; None for one whose lease was lost."""
    finished = [
        FinishedRound(each.message, decision, each.finished)
        for each in ended
        if (decision := each.decision) is not None
    ]
    held = persist(lambda: outcomes.finish(finished))
    return [each.decision if is_held else None for each, is_held in zip(finished, held, strict=True)]


def _finish_singly(ended: Sequence[MessageRound]) -> None:
    errors = []
    for each in ended:
        try:
            _finish([each])
        except Exception as error:  # noqa: BLE001 - it is raised when the others are written
            errors.append(error)
    if errors:
        raise errors[0]
