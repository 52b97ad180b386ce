"""What is wrong with a seed file."""

from dataclasses import dataclass, field

from notifyhub.database.commands import CommandError


class Mistake(CommandError):
    """A seed file can't be used; the text names the file, the line and what is wrong there."""


@dataclass
class Mistakes:
    """What was found wrong with a file, in any order. `raise_first` tells of the first by its line."""

    file: str
    _found: list[tuple[int, str]] = field(default_factory=list)

    def note(self, line: int, words: str) -> None:
        """Note a mistake, and go on: another one may stand further up."""
        self._found.append((line, words))

    def fail(self, line: int, words: str) -> Mistake:
        """Return the error for a mistake after which nothing can be read."""
        return Mistake(f"{self.file}:{line}: {words}")

    def raise_first(self) -> None:
        """Raise Mistake for the one with the lowest line; of several there, for the one noted first."""
        if self._found:
            raise self.fail(*min(self._found, key=lambda found: found[0]))
