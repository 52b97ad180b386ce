"""How many clients a worker can have at once."""

import resource

MAX_CONNECTIONS = 4096
"""The most connections of one worker, where the system allows it so many files."""

_RESERVED_FILES = 256  # for the database, the broker, the listeners


def connections_allowed() -> int:
    """Let the process open as many files as it may, and return how many of them clients can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else max(min(MAX_CONNECTIONS, soft - _RESERVED_FILES), 16)
    )
