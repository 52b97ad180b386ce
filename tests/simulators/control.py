"""The control endpoint of every simulator, for other processes: JSON under `/_control`.

| request | does |
|---|---|
| `GET /_control/counts` | accepted messages by recipient |
| `GET /_control/messages?recipient=` | the accepted messages |
| `DELETE /_control/messages` | forgets them |
| `POST /_control/troubles` `{"kind", "times", "recipient", "seconds", "on"}` | a trouble; null: it stays |
| `DELETE /_control/troubles` | ends all troubles |
| `POST /_control/reports` `{"state", "id", "recipient"}` | advances the report of a message, or of all |
| `PATCH /_control` `{"latency": 0.05, …}` | changes the simulator's switches |

The `recipient` of a report is for IPPanel, where a send may have several.
"""

from typing import Any, ClassVar

from tests.simulators.journal import Journal
from tests.simulators.server import Reply, Request
from tests.simulators.trouble import Troubles

PATH = "/_control"


class Controlled:
    """What all simulators have; `switches` names the attributes that may be changed from outside."""

    kinds: ClassVar[frozenset[str]]
    switches: ClassVar[dict[str, type | tuple[type, ...]]]

    def __init__(self) -> None:
        self.journal = Journal()
        self.troubles = Troubles(self.kinds)

    def advance(self, state: str, id: str | None = None) -> None:
        """Set the delivery report of one message, or of all."""
        raise ValueError(f"no delivery reports here: {state}, {id}")

    def control(self, request: Request) -> Reply:
        try:
            return Reply(200, self._obey(request))
        except (ValueError, TypeError, KeyError) as error:
            return Reply(400, {"detail": str(error)})

    def _obey(self, request: Request) -> Any:
        body = request.body if isinstance(request.body, dict) else {}
        match request.method, request.path.removeprefix(PATH):
            case "GET", "/counts":
                return self.journal.counts()
            case "GET", "/messages":
                return [m.as_json() for m in self.journal.messages(request.query.get("recipient"))]
            case "DELETE", "/messages":
                self.journal.clear()
            case "POST", "/troubles":
                self.troubles.add(**body)
            case "DELETE", "/troubles":
                self.troubles.clear()
            case "POST", "/reports":
                self.advance(**body)
            case "PATCH", "":
                for name, value in body.items():
                    if not isinstance(value, self.switches[name]):
                        raise TypeError(f"{name} can't be {value!r}")
                    setattr(self, name, value)
            case _:
                raise ValueError("no such order")
        return {}
