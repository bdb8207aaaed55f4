"""What torch is set to while a network reads, noted in whatever process it does so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.extract.words.locate import WordSettings, ctc_aligner, whisper_recogniser


@contextmanager
def noted(module: torch.nn.Module) -> Iterator[list[tuple[object, ...]]]:
    """The settings of torch under which a network reads, time after time."""
    found: list[tuple[object, ...]] = []
    hook = module.register_forward_pre_hook(
        lambda *_: found.append(
            (
                torch.get_num_threads(),
                torch.get_float32_matmul_precision(),
                torch.backends.cudnn.allow_tf32,
                torch.backends.cudnn.deterministic,
            )
        )
    )
    try:
        yield found
    finally:
        hook.remove()


def reader_of(settings: WordSettings):
    """What reads with the model that the settings name."""
    if settings.aligner == "ctc":
        return ctc_aligner(settings.ctc_model, settings.ctc_revision)
    return whisper_recogniser(settings.whisper_model, settings.whisper_revision)


@dataclass(frozen=True)
class Noting:
    """What `noted` finds while the words of a segment are looked for."""

    function: Callable[[Segment], SegmentWords]
    settings: WordSettings

    def __call__(self, segment: Segment) -> list[tuple[object, ...]]:
        with noted(reader_of(self.settings)._model) as found:
            self.function(segment)
        return found
