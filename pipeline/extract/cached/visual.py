"""The cached extractor of the face that a configuration names."""

from collections.abc import Mapping
from typing import Any

from pipeline.execution.device import best_device
from pipeline.extract.cached.frames import CachedFrames, cached_encoder, cached_function
from pipeline.extract.cached.plugins import plugin_extractor
from pipeline.extract.extractors import choose
from pipeline.extract.visual.mesh import FaceSettings, MeshSettings, mesh_extractor
from pipeline.plugins import is_plugin


def visual_extractor(settings: Mapping[str, Any], *, folder: str | None = None) -> CachedFrames:
    """Make the extractor that `encoder` names: `mesh`, one of your own, or an image encoder of transformers.

    Args:
        settings: the section `visual` of the parameters, or the settings in the header of features; what the extractor does not
            know is ignored.
        folder: folder of a pretrained encoder, None to find it by its name.

    Raises:
        PipelineError: an encoder that cannot be found or used.
        KeyError: a setting is missing.
    """
    encoder = settings["encoder"]
    if is_plugin(encoder):
        return plugin_extractor("visual", encoder)
    if encoder == "mesh":
        return cached_function("visual", encoder, mesh_extractor(choose(MeshSettings, settings)))
    from pipeline.extract.visual.images import (
        ImageEncoder,  # torch and transformers, which the mesh does without
    )
    from pipeline.pretrained.models import EncoderSettings

    chosen, faces = choose(EncoderSettings, settings), choose(FaceSettings, settings)
    return cached_encoder(
        "visual", ImageEncoder(folder or encoder, settings=chosen, faces=faces, device=best_device(mps=True))
    )
