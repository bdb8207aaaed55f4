"""The cached extractor of sound that a configuration names."""

from collections.abc import Mapping
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.cached.frames import CachedFrames, cached_encoder, cached_function
from pipeline.extract.cached.plugins import plugin_extractor
from pipeline.extract.extractors import choose
from pipeline.plugins import is_plugin


def audio_extractor(settings: Mapping[str, Any], *, folder: str | None = None) -> CachedFrames:
    """Make the extractor that `encoder` names: `classic`, `egemaps`, one of your own, or a speech encoder of transformers.

    Args:
        settings: the section `audio` of the parameters, or the settings in the header of features; what the extractor does not
            know is ignored.
        folder: folder of a pretrained encoder, None to find it by its name.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    # Imported where they are chosen: each needs libraries of its own, which take seconds to load.
    encoder = settings["encoder"]
    if is_plugin(encoder):
        return plugin_extractor("audio", encoder)
    if encoder == "classic":
        from pipeline.extract.audio.classic import ClassicSettings, classic_extractor

        return cached_function("audio", encoder, classic_extractor(choose(ClassicSettings, settings)))
    if encoder == "egemaps":
        from pipeline.extract.audio.egemaps import egemaps_extractor

        return cached_function("audio", encoder, egemaps_extractor())
    from pipeline.extract.audio.speech import SpeechEncoder
    from pipeline.pretrained.models import EncoderSettings

    chosen = choose(EncoderSettings, settings)
    return cached_encoder(
        "audio", SpeechEncoder(folder or encoder, settings=chosen, device=best_device(mps=True))
    )
