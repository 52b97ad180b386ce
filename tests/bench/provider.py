"""A simulated MeliPayamak in its own process: `python -m tests.bench.provider LATENCY` prints its URL."""
# ruff: noqa: T201 - it is a command

import sys
import threading

from tests.simulators import MeliPayamakSimulator

if __name__ == "__main__":
    with MeliPayamakSimulator() as simulator:
        simulator.latency = float(sys.argv[1])
        print(simulator.url, flush=True)
        threading.Event().wait()
