"""The models that a run compares, by the names under which every file has them."""

METHOD, BASELINE = "grcf", "pointwise"
COMPARED = (METHOD, BASELINE)
"""The method first; differences are its values minus those of the other."""

_ENSEMBLE = "_ensemble"


def ensemble_of(model: str) -> str:
    """Name of the model that predicts the mean of the predictions of a model's seeds: `grcf_ensemble`."""
    return model + _ENSEMBLE


def is_ensemble(model: str) -> bool:
    """Whether a name is one of `ensemble_of`."""
    return model.endswith(_ENSEMBLE)


def minus(other: str) -> str:
    """Name of the difference between the method and another model, as files have it: `grcf - pointwise`."""
    return f"{METHOD} - {other}"
