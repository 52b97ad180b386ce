"""The `notifyhub` command as a program, also as `python -m notifyhub`."""

import signal


def run() -> None:
    """Run the command that was asked for.

    Until all is imported, which takes a second, Ctrl-C ends the process as it ends any: not by a traceback
    out of somebody's module.
    """
    waits = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it was to be ignored
    if waits:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from notifyhub.cli import main  # noqa: PLC0415 - the signal comes first

    if waits:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()


if __name__ == "__main__":
    run()
