"""Which extractor of sound a configuration names."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.frames import EncoderExtractor, FrameExtractor, FunctionExtractor

_CLASSIC = ("sample_rate_hz", "hop_s", "n_mfcc", "n_chroma", "f0_min_hz", "f0_max_hz")


def audio_extractor(settings: Mapping[str, Any], *, folder: str | None = None) -> FrameExtractor:
    """The extractor that `encoder` names, with those of the settings that it knows.

    Args:
        settings: the section `audio` of the parameters, or the settings of an extractor's own description.
        folder: where the encoder lies, None to find it by its name.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    if settings["encoder"] == "classic":
        from pipeline.extract.audio import audio_columns, extract_audio

        chosen = {name: settings[name] for name in _CLASSIC}
        return FunctionExtractor(
            modality="audio",
            function=partial(extract_audio, **chosen),
            columns=audio_columns(n_mfcc=chosen["n_mfcc"], n_chroma=chosen["n_chroma"]),
            settings={"encoder": "classic", **chosen},
            libraries=("av", "librosa", "numpy", "scipy"),
            module="pipeline.extract.audio",
            rows_per_s=1 / chosen["hop_s"],
        )
    if settings["encoder"] == "egemaps":
        from pipeline.extract.egemaps import EGEMAPS_ROWS_PER_S, egemaps_columns, extract_egemaps

        return FunctionExtractor(
            modality="audio",
            function=extract_egemaps,
            columns=egemaps_columns(),
            settings={"encoder": "egemaps"},
            libraries=("av", "numpy", "opensmile"),
            module="pipeline.extract.egemaps",
            rows_per_s=EGEMAPS_ROWS_PER_S,
        )
    from pipeline.extract.speech import SpeechEncoder

    encoder = SpeechEncoder(
        folder or settings["encoder"],
        revision=settings.get("revision", "main"),
        layer=settings["layer"],
        n_layers=settings["n_layers"],
        precision=settings["precision"],
        device=best_device(mps=True),
    )
    return EncoderExtractor("audio", encoder, "pipeline.extract.speech")
