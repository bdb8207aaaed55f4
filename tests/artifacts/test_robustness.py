import numpy as np
import pytest

from pipeline.artifacts.evaluated.robustness import RobustnessCurve, read_robustness, write_robustness
from pipeline.errors import PipelineError

RATES = np.array([0.0, 0.5, 0.9])


def curve(modality="text", model="grcf", seeds=(1, 2)):
    random = np.random.default_rng(len(modality + model))
    error, order = random.random((2, len(seeds), len(RATES)))
    return RobustnessCurve("valid", modality, model, RATES, seeds, error, order)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.csv"


def test_curves_survive_a_round_trip(path):
    curves = [curve(), curve(model="pointwise")]
    write_robustness(path, curves, perturbation="missing")
    found = read_robustness(path, perturbation="missing")
    assert [(each.split, each.modality, each.model, each.seeds) for each in found] == [
        ("valid", "text", "grcf", (1, 2)),
        ("valid", "text", "pointwise", (1, 2)),
    ]
    for one, other in zip(curves, found, strict=True):
        np.testing.assert_allclose(one.error, other.error, atol=1e-6)
        np.testing.assert_allclose(one.order, other.order, atol=1e-6)
        np.testing.assert_array_equal(one.rates, other.rates)


def test_a_table_of_noise_has_its_own_names(path):
    write_robustness(path, [curve(), curve(model="pointwise")], perturbation="noisy")
    assert path.read_text().startswith("split,noisy,model,scale,error,error_seed_1,")
    found, _ = read_robustness(path, perturbation="noisy")
    np.testing.assert_array_equal(found.rates, RATES)
    with pytest.raises(PipelineError, match="not a table of robustness"):
        read_robustness(path, perturbation="missing")


def test_no_curves_are_a_table_without_rows(path):
    write_robustness(path, [], perturbation="missing")
    assert path.read_text() == "split,missing,model,rate,error,order\n"
    assert read_robustness(path, perturbation="missing") == []


def test_what_is_undefined_stays_undefined(path):
    gap = curve()
    gap.error[0, 1] = np.nan
    write_robustness(path, [gap, curve(model="pointwise")], perturbation="missing")
    found, _ = read_robustness(path, perturbation="missing")
    assert np.isnan(found.error).tolist() == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "split,missing,model,rate,error_seed_1\nv,t,g,0,1\n"])
def test_another_table_is_refused_by_name(path, text):
    path.write_text(text)
    with pytest.raises(PipelineError, match=r"r\.csv: not a table of robustness .*run `dvc repro evaluate`"):
        read_robustness(path, perturbation="missing")


def test_no_table_is_read_by_half(path):
    write_robustness(path, [curve(), curve(model="pointwise")], perturbation="missing")
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for length in range(header + 1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(PipelineError, match=r"r\.csv: .*run `dvc repro evaluate`"):
            read_robustness(path, perturbation="missing")
