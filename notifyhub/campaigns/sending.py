"""Sending: the rows of a campaign become batches, each once, whoever asks for it how often."""

from datetime import timedelta

from marshmallow import ValidationError
from sqlalchemy import Connection, func, insert, select, update

from notifyhub.campaigns import storage
from notifyhub.campaigns.checking import CheckedFile, RowComposer, divide
from notifyhub.campaigns.models import Campaign, CampaignBatch, CampaignStatus
from notifyhub.campaigns.storage import Content, Settings
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, transaction
from notifyhub.messages.bulk import accept

ABANDONED_AFTER = timedelta(seconds=30)
"""Without a new batch for so long, who was sending a campaign is gone."""

_campaigns, _batches = table_of(Campaign), table_of(CampaignBatch)


def confirm(
    connection: Connection, id: int, content: Content, checked: CheckedFile, *, by: str, test: bool
) -> bool:
    """Have a draft sent as it was checked; return False if it is none any more: it was confirmed before.

    From now on it is that of who has confirmed it, by name.
    """
    values = {
        "created_by": by,
        "status": CampaignStatus.SENDING,
        "is_test": test,
        "content": Content(content.rows, divide(checked.messages)).pack(),
        "count": len(checked.messages),
        "segments": checked.segments,
    }
    return storage.change_draft(connection, id, values)


def send(id: int) -> None:
    """Store all batches of a confirmed campaign that are not stored yet, each in a transaction of its own."""
    row, content = storage.read(autocommit(), id), storage.read_content(autocommit(), id)
    if row is None or content is None:
        return
    try:
        while _send_next(id, storage.settings_of(row), content, test=row.is_test):
            pass
    except ValidationError as error:  # what was right when it was confirmed is not any more
        (words, *_) = error.normalized_messages().values()
        _stop(id, str(words[0]) if isinstance(words, list) else str(words))


def _send_next(id: int, settings: Settings, content: Content, *, test: bool) -> bool:
    """Store the next batch; return False when there is none, or the campaign is not to be sent any more."""
    with transaction() as connection:
        sending = (_campaigns.c.id == id) & (_campaigns.c.status == CampaignStatus.SENDING)
        if connection.execute(select(_campaigns.c.id).where(sending).with_for_update()).first() is None:
            return False
        stored = select(func.count()).where(_batches.c.campaign_id == id)
        number: int = connection.execute(stored).scalar_one()
        this, moment = update(_campaigns).where(_campaigns.c.id == id), now()
        if number == len(content.batches):
            connection.execute(this.values(status=CampaignStatus.SENT, updated_at=moment))
            return False
        composer = RowComposer(connection, id, settings, moment)
        composed = [composer.compose(content.rows[place]) for place in content.batches[number]]
        batch_id = accept(connection, composed, moment, test=test)
        connection.execute(insert(_batches).values(campaign_id=id, number=number, batch_id=batch_id))
        connection.execute(this.values(updated_at=moment))
    return True


def stop(id: int) -> None:
    """Store no further batches of a campaign."""
    _stop(id, None)


def _stop(id: int, problem: str | None) -> None:
    sending = (_campaigns.c.id == id) & (_campaigns.c.status == CampaignStatus.SENDING)
    with transaction() as connection:
        connection.execute(
            update(_campaigns)
            .where(sending)
            .values(status=CampaignStatus.STOPPED, problem=problem, updated_at=now())
        )


def resume() -> int:
    """Go on with campaigns whose sending has ended too early; return how many there were."""
    abandoned = (_campaigns.c.status == CampaignStatus.SENDING) & (
        _campaigns.c.updated_at < now() - ABANDONED_AFTER
    )
    ids = autocommit().scalars(select(_campaigns.c.id).where(abandoned).order_by(_campaigns.c.id)).all()
    for campaign_id in ids:
        send(campaign_id)
    return len(ids)
