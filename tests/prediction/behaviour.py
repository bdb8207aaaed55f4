"""A function that does to its worker what the segment is called; a module of its own, so that workers can import it."""

import os
import signal
import time

from pipeline.artifacts.corpus.segments import Segment
from pipeline.prediction.guarded import Refusal


def behave(segment: Segment) -> str | Refusal:
    if segment.id == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if segment.id == "hang":
        time.sleep(600)
    return Refusal("refused") if segment.id == "refuse" else f"saw {segment.id}"
