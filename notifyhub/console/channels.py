"""The two kinds of accounts, SMS and email: their pages are the same but for what the API has for each."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, NamedTuple

from flask import Blueprint

from notifyhub.api.endpoint import View
from notifyhub.api.resource import Resource
from notifyhub.console.blueprint import page
from notifyhub.messages.models import Channel
from notifyhub.notifiers.check_views import check_email_notifier, check_sms_notifier
from notifyhub.notifiers.views import email_notifiers, sms_notifiers
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.patterns.names import PatternModel
from notifyhub.patterns.views import email_patterns, sms_patterns


class Kind(NamedTuple):
    """What the API has for the accounts of a channel."""

    channel: str
    notifiers: Resource
    patterns: Resource
    pattern_model: PatternModel
    check: View


SMS = Kind(Channel.SMS.value, sms_notifiers, sms_patterns, SMSPattern, check_sms_notifier)
EMAIL = Kind(Channel.EMAIL.value, email_notifiers, email_patterns, EmailPattern, check_email_notifier)
KINDS = (SMS, EMAIL)


def page_of_each(
    blueprint: Blueprint, rule: str, operation: Callable[[Kind], View], *methods: str
) -> Callable[[View], View]:
    """Return the decorator of a view that is a page of each channel, for who may do the operation there.

    The view is given the kind first. Its endpoints have the channel behind: `show_sms` and `show_email`.
    """

    def add(view: View) -> View:
        for kind in KINDS:
            of_kind: Callable[..., Any] = update_wrapper(partial(view, kind), view)
            blueprint.add_url_rule(
                f"/{kind.channel}{rule}",
                f"{view.__name__}_{kind.channel}",
                page(operation(kind))(of_kind),
                methods=methods or ("GET",),
            )
        return view

    return add
