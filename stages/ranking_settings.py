"""The sections `margin` and `advantage` as the library knows them; apart from `settings`, because the baseline has neither."""

from pipeline import params
from pipeline.artifacts.corpus.task import Groups
from pipeline.grcf.loss.groupwise import AdvantageSettings, MarginSettings


def margin_settings(section: params.Margin, groups: Groups) -> MarginSettings:
    """The section `margin`, with the groups of the task."""
    return MarginSettings(
        groups=groups,
        base=section.base,
        slope=section.slope,
        distance=section.distance,
        shape=section.shape,
        smoothing=section.smoothing,
        within=section.within,
        across=section.across,
    )


def advantage_settings(section: params.Advantage) -> AdvantageSettings:
    """The section `advantage`."""
    return AdvantageSettings(
        scope=section.scope,
        scale=section.scale,
        strength=section.strength,
        cap=section.cap,
        direction=section.direction,
        bound=section.bound,
    )
