"""What others can learn of one-time passwords, as it happens."""

from blinker import Signal

verified = Signal(
    "A one-time password was verified: its `row`, as it is shown, and whether a `test` token issued it. Sent by "
    "the application inside the transaction of the `connection`, in which a receiver writes what belongs to it; "
    "it may return a function, which is called after the commit. Sent only while there are webhooks."
)
