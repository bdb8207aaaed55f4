"""Which extractor of faces a configuration names."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.frames import EncoderExtractor, FrameExtractor, FunctionExtractor
from pipeline.extract.visual import extract_visual, visual_columns

_LOOKING = ("face", "frame_rate_hz", "min_confidence")


def visual_extractor(settings: Mapping[str, Any], *, folder: str | None = None) -> FrameExtractor:
    """The extractor that `encoder` names, with those of the settings that it knows.

    Args:
        settings: the section `visual` of the parameters, or the settings of an extractor's own description.
        folder: where the encoder lies, None to find it by its name.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    looking = {name: settings[name] for name in _LOOKING}
    if settings["encoder"] == "mesh":
        chosen = {"landmarks": settings["landmarks"], **looking}
        return FunctionExtractor(
            modality="visual",
            function=partial(extract_visual, **chosen),
            columns=visual_columns(landmarks=settings["landmarks"]),
            settings={"encoder": "mesh", **chosen},
            libraries=("av", "mediapipe", "numpy", "opencv-python-headless"),
            module="pipeline.extract.visual",
            rows_per_s=settings["frame_rate_hz"],
        )
    from pipeline.extract.images import ImageEncoder

    encoder = ImageEncoder(
        folder or settings["encoder"],
        revision=settings.get("revision", "main"),
        layer=settings["layer"],
        n_layers=settings["n_layers"],
        precision=settings["precision"],
        device=best_device(mps=True),
        **looking,
    )
    return EncoderExtractor("visual", encoder, "pipeline.extract.images")
