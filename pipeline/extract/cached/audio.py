"""The entries of the sound of a segment, by the extractor that a configuration names."""

from functools import partial
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.cached.frames import FrameEntries, encoder_entries, function_entries

_CLASSIC = ("sample_rate_hz", "hop_s", "n_mfcc", "n_chroma", "f0_min_hz", "f0_max_hz")


def audio_entries(*, encoder: str, folder: str | None = None, **settings: Any) -> FrameEntries:
    """Keys, function, columns and format of the entries.

    Args:
        encoder: `classic`, `egemaps`, or a speech encoder of transformers.
        folder: where the encoder lies, None to find it by its name.
        settings: the section `audio` of the parameters, or the settings of a description; what the extractor does not know is
            passed over.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    if encoder == "classic":
        from pipeline.extract.audio.classic import audio_columns, extract_audio

        chosen = {name: settings[name] for name in _CLASSIC}
        return function_entries(
            "audio",
            partial(extract_audio, **chosen),
            module="pipeline.extract.audio.classic",
            settings={"encoder": encoder, **chosen},
            columns=audio_columns(n_mfcc=chosen["n_mfcc"], n_chroma=chosen["n_chroma"]),
            libraries=("av", "librosa", "numpy", "scipy"),
            rate_hz=1 / chosen["hop_s"],
        )
    if encoder == "egemaps":
        from pipeline.extract.audio.egemaps import RATE_HZ, egemaps_columns, extract_egemaps

        return function_entries(
            "audio",
            extract_egemaps,
            module="pipeline.extract.audio.egemaps",
            settings={"encoder": encoder},
            columns=egemaps_columns(),
            libraries=("av", "numpy", "opensmile"),
            rate_hz=RATE_HZ,
        )
    from pipeline.extract.audio.speech import SpeechEncoder

    reads = SpeechEncoder(
        folder or encoder,
        revision=settings.get("revision", "main"),
        layer=settings["layer"],
        n_layers=settings["n_layers"],
        precision=settings["precision"],
        device=best_device(mps=True),
    )
    return encoder_entries("audio", reads, module="pipeline.extract.audio.speech")
