"""The entries of the face in a segment, by the extractor that a configuration names."""

from functools import partial
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.cached.frames import FrameEntries, encoder_entries, function_entries
from pipeline.extract.visual.mesh import extract_visual, visual_columns

_LOOKING = ("face", "frame_rate_hz", "min_confidence")


def visual_entries(*, encoder: str, folder: str | None = None, **settings: Any) -> FrameEntries:
    """Keys, function, columns and format of the entries.

    Args:
        encoder: `mesh`, or an image encoder of transformers.
        folder: where the encoder lies, None to find it by its name.
        settings: the section `visual` of the parameters, or the settings of a description; what the extractor does not know is
            passed over.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    looking = {name: settings[name] for name in _LOOKING}
    if encoder == "mesh":
        chosen = {"landmarks": settings["landmarks"], **looking}
        return function_entries(
            "visual",
            partial(extract_visual, **chosen),
            module="pipeline.extract.visual.mesh",
            settings={"encoder": encoder, **chosen},
            columns=visual_columns(landmarks=chosen["landmarks"]),
            libraries=("av", "mediapipe", "numpy", "opencv-python-headless"),
            rate_hz=looking["frame_rate_hz"],
        )
    from pipeline.extract.visual.images import ImageEncoder

    reads = ImageEncoder(
        folder or encoder,
        revision=settings.get("revision", "main"),
        layer=settings["layer"],
        n_layers=settings["n_layers"],
        precision=settings["precision"],
        device=best_device(mps=True),
        **looking,
    )
    return encoder_entries("visual", reads, module="pipeline.extract.visual.images")
