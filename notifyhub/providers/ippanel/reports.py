"""IPPanel's delivery reports: the operator's, recipient by recipient, and the state of a whole send."""

import re
from collections import defaultdict
from collections.abc import Sequence

from notifyhub.providers.base import Report, Sent
from notifyhub.providers.http import Answer, Client, whole_number
from notifyhub.providers.ippanel.envelope import data_of, meta_of, objects

# EDGE docs/report, message_status: 0 sent to the operator, 1 taken by it, 2 delivered, 3 not, 4 blacklisted.
RECIPIENT_REPORTS = {
    "0": Report("pending"),
    "1": Report("pending"),
    "2": Report("delivered"),
    "3": Report("undelivered", "undelivered", "The operator could not deliver it (message_status 3)."),
    "4": Report("undelivered", "blacklisted", "The recipient is blacklisted (message_status 4)."),
}
# EDGE docs/report, state_id of a whole send; 6 means handed over, which is not delivered.
SEND_REPORTS = {
    3: ("rejected", "Rejected by monitoring (state_id 3)."),
    4: ("invalid_recipient", "The recipients are wrong (state_id 4)."),
    7: ("cancelled", "Cancelled at the provider (state_id 7)."),
    8: ("no_credit", "Insufficient credit (state_id 8)."),
    9: ("provider_error", "System error of the provider (state_id 9)."),
}

ROWS_PER_PAGE = (
    100  # [N] as of patterns; with texts of 1,400 characters a page is far below the limit of http
)
MAX_PAGES = 10
"""Pages that are read of one send, which has at most 1,000 recipients."""


def reports_of(client: Client, sent: Sequence[Sent]) -> dict[Sent, Report]:
    """Return what became of messages, asking once for those that one send took."""
    sends: defaultdict[str, list[Sent]] = defaultdict(list)
    for one in sent:
        sends[one.id].append(one)
    return {
        one: report for id_, group in sends.items() for one, report in _reports_of_send(client, id_, group)
    }


def _reports_of_send(client: Client, id_: str, sent: Sequence[Sent]) -> list[tuple[Sent, Report]]:
    """Of whom the operator says nothing, the state of the whole send tells."""
    wanted = {_subscriber(one.recipient) for one in sent}
    told = _recipient_reports(client, id_, wanted)
    others = Report("pending") if wanted <= told.keys() else _send_report(client, id_)
    return [(one, told.get(_subscriber(one.recipient), others)) for one in sent]


def _recipient_reports(client: Client, id_: str, wanted: set[str]) -> dict[str, Report]:
    """What the operator says of a send's recipients, page by page until all that are `wanted` are found.

    Of a number that stands in a send twice the first row counts, for both of its messages. An only recipient
    is found without a number, too.
    """
    told: dict[str, Report] = {}
    for page in range(1, MAX_PAGES + 1):
        answer = client.get(
            "/api/report/recipients", {"bulk_id": id_, "page": page, "per_page": ROWS_PER_PAGE}
        )
        if _knows_nothing(answer):
            break
        rows = objects(data_of(client, answer))
        for row in rows:
            report = RECIPIENT_REPORTS.get(str(row.get("message_status")))
            if report:
                told.setdefault(_subscriber(str(row.get("recipient"))), report)
        if page == 1 and len(rows) == 1 and told:
            told[""] = next(iter(told.values()))
        last = whole_number(meta_of(answer).get("last_page")) or page
        if wanted <= told.keys() or not rows or page >= last:
            break
    return told


def _send_report(client: Client, id_: str) -> Report:
    answer = client.get("/api/report/by_bulk", {"messages_outbox_id": id_})
    if _knows_nothing(answer):
        return Report("pending")
    data = data_of(client, answer)
    state = data.get("state_id") if isinstance(data, dict) else None
    code, detail = SEND_REPORTS.get(state if type(state) is int else -1, (None, ""))
    return Report("undelivered", code, detail) if code else Report("pending")


def _knows_nothing(answer: Answer) -> bool:
    """Whether IPPanel itself says that there is nothing to report yet ([N]: how it says so)."""
    return answer.status in {404, 422} and bool(meta_of(answer))


def _subscriber(number: str) -> str:
    """The digits that make a number out, whatever prefix it is written with."""
    return re.sub(r"\D", "", number)[-10:]
