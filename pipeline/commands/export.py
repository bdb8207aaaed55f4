"""`python -m pipeline export`: the extracted features for other toolkits, and the trained model for the Hugging Face hub."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pipeline import params
from pipeline.artifacts.corpus.segments import Segment, iterate_segments, read_segments
from pipeline.artifacts.corpus.task import read_task
from pipeline.artifacts.formats.outputs import add_force, require_new_folder, require_writable
from pipeline.errors import PipelineError
from pipeline.pages.numbers import plural
from pipeline.settled.facts import load_facts

DATA, EXPORTS = Path("data"), Path("exports")
MANIFEST = DATA / "manifest/segments.jsonl"
CARD = Path("reports/model_card.md")

DESCRIPTION = """\
Write what the stages made, for others. Runs no stage. The features for other toolkits, as they were before normalisation:

  mmsa       the pickle that MMSA and its descendants load; row w of every modality is word w, or with --unaligned
             every row that was extracted, with lengths
  npz        plain arrays with masks, offsets, ids and columns: a corpus folder with every modality precomputed
  datasets   Parquet with a dataset card, for `datasets.load_dataset`
  textgrid   the words that were found, a TextGrid per recording, for Praat and ELAN
  vtt        the same as WebVTT with a timestamp per word, for players and ELAN

or the trained model:

  huggingface   checkpoints, model card, configuration and a program that predicts, a folder that the Hugging Face hub takes;
                nothing is sent

Nothing half-written appears: a file replaces the one before it when it is whole, a folder must not be there yet.
"""

EXAMPLES = """\
examples:
  python -m pipeline export mmsa
  python -m pipeline export mmsa --unaligned --out ../MMSA/unaligned_50.pkl
  python -m pipeline export npz --out data/raw/features_of_mine
  python -m pipeline export datasets
  python -m pipeline export textgrid
  python -m pipeline export huggingface --out ../my_model
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "format", choices=("mmsa", "npz", "datasets", "textgrid", "vtt", "huggingface"), help="see above"
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        type=Path,
        help="where to; default exports/<corpus>.<format>, with .pkl for mmsa",
    )
    parser.add_argument("--unaligned", action="store_true", help="audio and vision row by row; mmsa only")
    parser.add_argument(
        "--pad",
        choices=("left", "right"),
        help="side of the zeros, mmsa only; default left, where its recurrent models want them, but right for audio and vision with "
        "--unaligned",
    )
    add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Write one export."""
    if args.unaligned and args.format != "mmsa":
        raise PipelineError(f"--unaligned is for mmsa; {args.format} has one form")
    if args.pad and args.format != "mmsa":
        raise PipelineError(f"--pad is for mmsa; {args.format} has no padding")
    corpus = params.load(params.Corpus)
    out: Path = args.out or EXPORTS / f"{corpus.name}.{args.format}{'.pkl' if args.format == 'mmsa' else ''}"
    if args.format != "mmsa":
        require_new_folder(out)
    elif args.out is not None:
        require_writable(out, force=args.force)
    if args.format == "huggingface":
        return _export_model(out, corpus=corpus.name)
    segments = read_segments(MANIFEST)
    _refuse_other_corpus(segments, corpus=corpus.name)
    if args.format in ("textgrid", "vtt"):
        return _export_annotations(segments, out, corpus=corpus.name, form=args.format)
    # Inside, so that --help and a mistyped option do not wait for pyarrow.
    from pipeline.exporting.arrays import export_arrays, exported_facts
    from pipeline.exporting.extracted import read_extracted
    from pipeline.exporting.mmsa import export_mmsa
    from pipeline.exporting.tables import export_tables

    extracted = read_extracted(DATA, segments)
    task = read_task(DATA / "manifest/task.json")
    if args.format == "mmsa":
        export_mmsa(
            extracted,
            out,
            unaligned=args.unaligned,
            binary=task.kind == "binary",
            classes=task.classes,
            pad=args.pad,
            force=args.force or args.out is None,
        )
        others = sorted({segment.language for segment in extracted.segments} - {"en"})
        if others:
            sys.stderr.write(
                f"text_bert holds tokens of bert-base-uncased, which is of no use for {', '.join(others)}; features in text "
                "are those that were extracted\n"
            )
    else:
        facts = exported_facts(load_facts(), task, split=params.load(params.Manifest).split)
        if args.format == "npz":
            export_arrays(extracted, out, classes=task.classes, facts=facts)
        else:
            export_tables(extracted, out, facts=facts)
    counts = ", ".join(f"{len(extracted.of(split))} {split}" for split in ("train", "valid", "test"))
    sys.stdout.write(f"{out}: {counts} segments\n")
    return 0


def _refuse_other_corpus(segments: Iterable[Segment], *, corpus: str) -> None:
    """Refuse features of one corpus with the facts and the licence of another, which params.yaml names meanwhile."""
    found = {segment.corpus for segment in segments} - {"", corpus}
    # Only a pool's segments have other names; a model or words are exported where the corpus itself is gone, too.
    if found and (found := found - set(load_facts().parts)):
        raise PipelineError(
            f"{MANIFEST}: is of {', '.join(sorted(found))}, and params.yaml names {corpus}; run `dvc repro`, or restore "
            "params.yaml"
        )


def _export_annotations(
    segments: Sequence[Segment], out: Path, *, corpus: str, form: Literal["textgrid", "vtt"]
) -> int:
    from pipeline.exporting.annotations import export_annotations

    n_files = export_annotations(DATA, segments, out, corpus=corpus, form=form)
    sys.stdout.write(f"{out}: words of {n_files} recordings\n")
    return 0


def _export_model(out: Path, *, corpus: str) -> int:
    from pipeline.hub.folder import export_huggingface

    if MANIFEST.is_file():  # a model is exported without one, too
        _refuse_other_corpus(iterate_segments(MANIFEST), corpus=corpus)
    model = export_huggingface(DATA / "calibrate", CARD, out)
    sys.stdout.write(
        f"{out}: {plural(len(model.checkpoints), 'seed')}, model card, config.json and predict.py\n"
        f"  python -m pipeline predict clip.mp4 --model {shlex.quote(str(out))}\n"
        f"  hf upload NAME/MODEL {shlex.quote(str(out))}    # read README.md first: the terms of the corpus decide whether you may\n"
    )
    return 0
