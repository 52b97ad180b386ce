"""Providers as real servers on this machine, faithful to their documents, that can be told to misbehave.

Each records what it accepted (`journal`), takes orders (`troubles`) and has a control endpoint for other
processes (`control`). `python -m tests.simulators` runs all of them by hand.
"""

from tests.simulators.ippanel import IPPanelSimulator
from tests.simulators.melipayamak import MeliPayamakSimulator
from tests.simulators.smtp import SMTPSimulator

__all__ = ["IPPanelSimulator", "MeliPayamakSimulator", "SMTPSimulator"]
