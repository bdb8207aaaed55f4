"""The cached extractor of one's own that a configuration names by a reference, such as `loudness.py:loudness`."""

from pipeline.extract.cached.frames import CachedFrames, FrameModality, cached_encoder, cached_function
from pipeline.extract.extractors import FrameEncoder, FrameFunction
from pipeline.plugins import load_plugin, module_of, refuse_plugin

_EXPECTED = "a FrameFunction or a FrameEncoder of pipeline.extract.extractors, or a function without arguments that makes one"


def plugin_extractor(kind: FrameModality, reference: str) -> CachedFrames:
    """Make the extractor that a reference names.

    Args:
        kind: modality, and section of the parameter `encoder`.
        reference: see `pipeline.plugins.PATTERN`. What it names is a `FrameFunction`, a `FrameEncoder`, or a function or class
            that makes one without arguments.

    Raises:
        PipelineError: there is no such file, package or name, or it is nothing of that kind.
    """
    parameter = f"{kind}.encoder"
    found = load_plugin(reference, parameter=parameter, expected=_EXPECTED)
    is_one = not isinstance(found, type) and isinstance(found, FrameFunction | FrameEncoder)
    made = found() if callable(found) and not is_one else found
    if isinstance(made, FrameFunction):
        return cached_function(kind, reference, made, module=module_of(reference))
    if isinstance(made, FrameEncoder):
        return cached_encoder(kind, made, reference=reference, module=module_of(reference))
    raise refuse_plugin(reference, found, parameter=parameter, expected=_EXPECTED)
