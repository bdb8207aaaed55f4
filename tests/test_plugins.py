"""Parts of one's own: what a reference names is loaded, is part of the keys of caches, and is refused by a sentence."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.corpus.layouts import LAYOUTS, layout_of
from pipeline.errors import PipelineError
from pipeline.execution.plugin_sources import plugin_sources
from pipeline.execution.source import package_digest, source_digest
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.visual import visual_extractor
from pipeline.grcf.loss.baselines import ranknet_loss
from pipeline.grcf.loss.objectives import objective_of
from pipeline.grcf.network.checkpoints import restore
from pipeline.grcf.network.network import fusion_of
from pipeline.plugins import is_plugin, load_plugin, module_of
from tests.grcf.models import NETWORK, SETTINGS, rank
from tests.grcf.synthetic import make_split
from tests.segments import make_segment

CLIP = Path(__file__).parent.parent / "data/raw/demo/clips/s01_01.mp4"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files of `plugins/` in a repository of its own."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "plugins"]:
            del sys.modules[name]
        source_digest.cache_clear()

    def write_file(name, text):
        forget()
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    forget()
    yield write_file
    forget()


@pytest.mark.parametrize(
    ("reference", "module"),
    [
        ("loss.py:Loss", "plugins.loss"),
        ("plugins/loss.py:Loss", "plugins.loss"),
        ("mine/loss.py:loss_2", "plugins.mine.loss"),
        ("a_package.losses:Loss", "a_package.losses"),
    ],
)
def test_a_reference_names_a_module(reference, module):
    assert is_plugin(reference)
    assert module_of(reference) == module


@pytest.mark.parametrize(
    "name",
    [
        "gated",
        "loss.py",
        "../loss.py:Loss",
        "/tmp/loss.py:Loss",
        "facebook/wav2vec2-base",
        "a:b:c",
        "loss.py:",
        "x y.py:Z",
        "models/a.b",
    ],
)
def test_other_names_are_none(name):
    assert not is_plugin(name)


@pytest.mark.parametrize(
    ("text", "reference", "sentence"),
    [
        ("", "absent.py:Loss", r"rank.objective is 'absent.py:Loss', but there is no plugins/absent.py; put a loss there"),
        ("", "no_such_package.x:Loss", "no package 'no_such_package' is installed"),
        ("", "my-loss.py:Loss", "Python cannot import a file called 'my-loss'"),
        ("Los = 1", "part.py:Loss", r"plugins/part.py has no 'Loss' \(did you mean 'Los'\?\); rank.objective expects a loss"),
        ("import no_such_package", "part.py:Loss", "plugins/part.py imports 'no_such_package', which is not installed"),
        ("x = 1\ndef Loss(:\n", "part.py:Loss", r"plugins/part.py cannot be imported \(line 2: "),
        ("x = 1\n1 / 0\n", "part.py:Loss", r"plugins/part.py cannot be imported \(ZeroDivisionError in line 2: division by zero\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_a_sentence(write, text, reference, sentence):
    write("part.py", text)
    with pytest.raises(PipelineError, match=sentence):
        load_plugin(reference, parameter="rank.objective", expected="a loss")


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (objective_of, "rank.objective is 'part.py:Part', which is of type int; expected a function of score, label and owner"),
        (fusion_of, "network.fusion is 'part.py:Part', which is of type int; expected a subclass of .*Fusion"),
        (layout_of, "layout is 'part.py:Part', which is of type int; expected a function of a folder"),
        (lambda name: audio_extractor({"encoder": name}), "audio.encoder is 'part.py:Part', which is of type int; expected a FrameFunction"),
        (lambda name: visual_extractor({"encoder": name}), "visual.encoder is 'part.py:Part', which is of type int; expected a FrameFunction"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_a_sentence(write, load, sentence):
    write("part.py", "Part = 3")
    with pytest.raises(PipelineError, match=sentence):
        load("part.py:Part")


def test_a_class_of_another_kind_is_no_fusion(write):
    write("part.py", "from subprocess import Popen")
    with pytest.raises(PipelineError, match="which is Popen; expected a subclass"):
        fusion_of("part.py:Popen")


def test_the_source_of_a_part_is_in_the_keys_with_all_that_it_imports(write):
    write("inner.py", "SCALE = 1")
    write("outer.py", "SCALE = 2")
    write(
        "part.py", "from plugins.inner import SCALE\nfrom . import outer\n\n\ndef loss(*_):\n    return SCALE"
    )
    settings = {"rank": {"objective": "part.py:loss", "learning_rate": 0.1}, "seeds": [1, 2]}
    before = plugin_sources(settings)
    assert list(before) == ["part.py:loss"]
    write("unrelated.py", "SCALE = 3")
    assert plugin_sources(settings) == before
    for edited in ("inner.py", "outer.py"):
        write(edited, "SCALE = 5")
        after = plugin_sources(settings)
        assert after != before
        before = after


def test_a_part_in_a_folder_of_its_own_is_in_the_keys_too(write):
    write("sub/helper.py", "SCALE = 1")
    write("sub/deeper/inner.py", "SCALE = 1")
    write(
        "sub/part.py",
        "from plugins import sub\nfrom plugins.sub.helper import SCALE\nfrom .deeper.inner import SCALE as OTHER\n"
        "try:\n    import plugins.absent\nexcept ImportError:\n    pass\n\n\ndef loss(*_):\n    return SCALE",
    )
    write(
        "top.py",
        "from plugins.sub.helper import SCALE\nfrom plugins.sub import part\n\n\ndef loss(*_):\n    return 1",
    )
    before = plugin_sources(["sub/part.py:loss", "top.py:loss"])
    for edited in ("sub/helper.py", "sub/deeper/inner.py", "absent.py"):
        write(edited, "SCALE = 5")
        after = plugin_sources(["sub/part.py:loss", "top.py:loss"])
        for reference, sources in after.items():
            assert sources["source"] is not None
            assert sources != before[reference], (edited, reference)
        before = after


def test_every_file_of_an_installed_package_is_in_the_keys(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lab_of_mine").mkdir()
    (tmp_path / "lab_of_mine" / "loss.py").write_text("from lab_of_mine.scale import SCALE\n")
    (tmp_path / "lab_of_mine" / "scale.py").write_text("SCALE = 1\n")
    (tmp_path / "alone_of_mine.py").write_text("SCALE = 1\n")
    references = ["lab_of_mine.loss:SCALE", "alone_of_mine:SCALE"]
    before = plugin_sources(references)
    assert plugin_sources(references) == before
    package_digest.cache_clear()
    (tmp_path / "lab_of_mine" / "scale.py").write_text("SCALE = 2\n")
    (tmp_path / "alone_of_mine.py").write_text("SCALE = 2\n")
    after = plugin_sources(references)
    assert [after[reference]["source"] != before[reference]["source"] for reference in references] == [
        True,
        True,
    ]


def test_the_version_of_a_package_is_in_the_keys_and_without_parts_there_is_nothing():
    assert plugin_sources({"x": "numpy.linalg:norm"})["numpy.linalg:norm"]["numpy"] == np.__version__
    assert plugin_sources({"rank": {"objective": "groupwise"}, "model": "a/b", "layers": [-1]}) == {}


def test_the_loss_of_the_example_is_that_of_its_formula():
    objective = objective_of("examples.focal_ranking:focal_ranking")
    score, label = torch.tensor([0.3, -1.0, 0.8], requires_grad=True), torch.tensor([1.0, 0.0, 0.0])
    assert objective.loss is not None
    p = torch.sigmoid(torch.tensor([0.3 + 1.0, 0.3 - 0.8]))
    expected = (-((1 - p) ** 2) * p.log()).mean()
    part = load_plugin("examples.focal_ranking:focal_ranking", parameter="rank.objective", expected="")
    torch.testing.assert_close(part(score, label), expected)
    assert part(score, label, torch.tensor([0, 1, 2])).item() == 0
    assert objective.leaves_order
    assert part(score, label).item() < ranknet_loss(score, label).item()


def test_a_network_with_a_fusion_and_a_loss_of_ones_own_learns_and_comes_back():
    train, valid = make_split("train", 96, seed=1), make_split("valid", 48, seed=2)
    checkpoint = rank(
        train,
        valid,
        network=dataclasses.replace(NETWORK, fusion="examples.low_rank_fusion:LowRankFusion"),
        objective="examples.focal_ranking:focal_ranking",
        settings=SETTINGS,
    )
    assert checkpoint.objective == "examples.focal_ranking:focal_ranking"
    ordered = [row["valid_ordered_pair_accuracy"] for row in checkpoint.history]
    assert max(ordered) > 0.6
    network, _ = restore(checkpoint, device="cpu")
    assert type(network.fusion).__name__ == "LowRankFusion"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return Fused(torch.zeros(2, 3))", r"the representation has shape \(2, 3\); expected \(\d+, 16\)"),
        ("return torch.zeros(2)", "forward gives Tensor; expected Fused"),
    ],
)
def test_a_fusion_of_another_shape_is_a_sentence(write, body, sentence):
    write(
        "part.py",
        "import torch\n"
        "from pipeline.grcf.network.fusion.interface import Fused, Fusion\n"
        "class Part(Fusion):\n"
        "    def __init__(self, n_features, width, dropout, input_dropout):\n"
        "        super().__init__()\n"
        f"    def forward(self, batch):\n        {body}\n"
        "    def own_parameters(self, modality):\n        return iter(())\n",
    )
    train, valid = make_split("train", 48, seed=1), make_split("valid", 24, seed=2)
    with pytest.raises(PipelineError, match=sentence):
        rank(train, valid, network=dataclasses.replace(NETWORK, fusion="part.py:Part"))


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (audio_extractor, "examples.loudness:loudness"),
        (visual_extractor, "examples.face_motion:face_motion"),
    ],
)
def test_extractors_of_ones_own_run_in_workers_and_are_kept(make, reference, tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    extractor = make({"encoder": reference})
    segments = [
        make_segment(id="whole", media=str(CLIP), media_sha256="1" * 64, has_audio=True, has_video=True),
        make_segment(id="nothing"),
    ]
    whole, nothing = extractor.map(segments)
    assert whole.values.shape[1] == len(extractor.columns) == 1
    assert whole.valid.mean() > 0.8
    assert np.isfinite(whole.values).all()
    assert np.ptp(whole.values[whole.valid]) > 0
    assert nothing.failure is not None
    np.testing.assert_array_equal(whole.values, extractor.one(segments[0]).values)
    assert extractor.description["settings"]["encoder"] == reference
    assert len(list(extractor.cache.entries())) == 2


def test_an_edited_extractor_has_other_keys(write):
    text = (Path(__file__).parent.parent / "examples/loudness.py").read_text()
    write("loudness.py", text)
    segments = [make_segment()]
    before = audio_extractor({"encoder": "loudness.py:loudness"}).keys(segments)
    assert audio_extractor({"encoder": "loudness.py:loudness"}).keys(segments) == before
    write("loudness.py", text.replace("-100.0", "-90.0"))
    assert audio_extractor({"encoder": "loudness.py:loudness"}).keys(segments) != before


def test_a_layout_of_ones_own_reads_a_folder(tmp_path):
    read = layout_of("examples.lines_of_json:read").read
    with pytest.raises(PipelineError, match=r"clips.jsonl: not found; expected a line of JSON per clip"):
        read(tmp_path)
    table = tmp_path / "clips.jsonl"
    table.write_text('{"clip": "a1", "file": "a1.mp4", "score": 0.4, "who": "ann"}\n')
    (row,) = read(tmp_path)
    assert (row.id, row.label, row.media, row.speaker, row.text) == ("a1", 0.4, "a1.mp4", "ann", None)
    table.write_text('{"clip": "a1"}\n')
    with pytest.raises(PipelineError, match=r"clips.jsonl, line 1: 'score'; expected an object with clip"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [("return [1]", "gives int for .*; expected .*Candidate"), ("return []", "finds no segment in it")],
)
def test_a_layout_that_gives_something_else_is_a_sentence(write, tmp_path, body, sentence):
    write("part.py", f"def read(folder):\n    {body}\n")
    with pytest.raises(PipelineError, match=sentence):
        layout_of("part.py:read").read(tmp_path)


def test_a_misspelt_layout_names_the_near_one():
    assert layout_of("mosi") is LAYOUTS["mosi"]
    with pytest.raises(PipelineError, match=r"did you mean .mosi."):
        layout_of("mosi-v2")


def test_what_a_part_prints_is_no_part_of_the_answer(write, tmp_path, capsys):
    write("noisy.py", "print('loaded')\ndef read(folder):\n    print('read')\n    return []\n")
    layout = layout_of("noisy.py:read")
    with pytest.raises(PipelineError, match="finds no segment"):
        layout.read(tmp_path)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "loaded\nread\n")


def test_a_script_in_place_of_a_part_is_a_sentence(write):
    write("script.py", "import sys\nsys.exit(0)\n")
    with pytest.raises(PipelineError, match=r"plugins/script\.py ends the program while it is imported"):
        load_plugin("script.py:read", parameter="layout", expected="a function")
