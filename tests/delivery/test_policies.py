"""The delivery settings as the delivery reads them."""

import pytest

from notifyhub.delivery import policies
from tests.support.rows import change_settings


@pytest.mark.usefixtures("_context")
def test_texts_share_a_call_up_to_the_size_that_is_stored() -> None:
    assert policies.in_force().sms_batch_size == 100
    change_settings(sms_batch_size=7)
    assert policies.in_force().sms_batch_size == 7
