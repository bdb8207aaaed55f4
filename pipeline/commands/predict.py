"""`python -m pipeline predict`: what a trained model predicts for a new recording, and why."""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.artifacts.formats.files import finite
from pipeline.artifacts.formats.outputs import add_force, require_writable, write_output
from pipeline.errors import PipelineError, written_out_in_json
from pipeline.execution import garbage
from pipeline.prediction.recording import Recording, length_notice, read_transcript

if TYPE_CHECKING:
    from pipeline.artifacts.aligned.preprocessing import Preprocessing
    from pipeline.artifacts.corpus.segments import Segment
    from pipeline.prediction.extraction import Extractors
    from pipeline.prediction.guarded import Observation
    from pipeline.prediction.model import Model
    from pipeline.prediction.timeline import Page

DESCRIPTION = """\
Predict the sentiment of new recordings with a trained model, through exactly what its training data went through: the
folder of checkpoints carries the settings of the extractors, the scaler and the columns. Prints the mean over the
seeds and their spread, what the recording had to offer, and what each word and each modality contributes: the
prediction minus what it would be with that word or modality hidden. See docs/howto/predict.md.
"""

EXAMPLES = """\
examples:
  python -m pipeline predict clip.mp4 --transcript "I would see it again."
  python -m pipeline predict clip.mp4                            recognise the words, roughly (English)
  python -m pipeline predict talk.mkv --start-s 61.5 --end-s 66 --transcript-file words.txt --html talk.html
  python -m pipeline predict a.mp4 b.mov --model data/pointwise --json
  python -m pipeline predict --transcript "It was not worth it."    words alone
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    add_recording_arguments(parser)
    parser.add_argument(
        "--model", metavar="FOLDER", type=Path, default=Path("data/calibrate"),
        help="folder of checkpoints of stage calibrate or pointwise; default data/calibrate",
    )  # fmt: skip
    for modality in MODALITIES:
        parser.add_argument(
            f"--{modality}-model",
            metavar="FOLDER",
            help=f"where the {modality} encoder lies, if it was a folder in training",
        )
    parser.add_argument("--json", action="store_true", help="print JSON in place of text")
    parser.add_argument(
        "--html",
        "--timeline",
        metavar="FILE",
        type=Path,
        help="write a page with words, voice and face in time",
    )
    add_force(parser)


def add_recording_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what a recording is; `preview` has them too."""
    parser.add_argument(
        "media",
        metavar="CLIP",
        nargs="*",
        type=Path,
        help="a video or sound file, in any format FFmpeg reads",
    )
    transcripts = parser.add_mutually_exclusive_group()
    transcripts.add_argument("--transcript", metavar="TEXT", help="what is said in the clip")
    transcripts.add_argument(
        "--transcript-file", metavar="FILE", type=Path, help="a UTF-8 text file with what is said"
    )
    parser.add_argument(
        "--language",
        metavar="CODE",
        help="language of the speech, such as en or Chinese; default: that of training",
    )
    parser.add_argument(
        "--start-s", metavar="S", type=float, help="start of the stretch to look at, in seconds; default 0"
    )
    parser.add_argument(
        "--end-s", metavar="S", type=float, help="end of the stretch to look at, in seconds; default: the end"
    )


def recordings(args: argparse.Namespace) -> list[Recording]:
    """What the arguments of `add_recording_arguments` name.

    Raises:
        PipelineError: neither a clip nor a transcript, or one transcript for several clips.
    """
    transcript = args.transcript
    if args.transcript_file is not None:
        transcript = read_transcript(args.transcript_file)
    if not args.media and not (transcript or "").strip():
        raise PipelineError("there is nothing to look at; name a clip, or give a --transcript")
    if len(args.media) > 1 and transcript is not None:
        raise PipelineError(
            f"one transcript was given for {len(args.media)} clips; run the command once for each of them"
        )
    return [
        Recording(
            media=media,
            transcript=transcript,
            language=args.language,
            start_s=args.start_s,
            end_s=args.end_s,
        )
        for media in args.media or [None]
    ]


def run(args: argparse.Namespace) -> int:
    """Predict every recording; what cannot be used is a sentence, and the others go on."""
    asked = recordings(args)
    if args.html is not None:
        require_writable(args.html, force=args.force)
    # Inside, so that --help and a mistyped option do not wait for libraries; neither of the two loads torch.
    from pipeline.execution.preloading import preload
    from pipeline.prediction.guarded import Observer, Refusal, map_segments, open_recordings
    from pipeline.prediction.model import load_model

    # Those that open and those that extract are forked from it; meanwhile the checkpoints are read here.
    preload(("pipeline.prediction.guarded", "pipeline.prediction.extraction"))
    named = {modality: getattr(args, f"{modality}_model") for modality in MODALITIES}
    folders = {modality: folder for modality, folder in named.items() if folder is not None}
    model = load_model(args.model, text_model=folders.get("text"))
    opened = open_recordings(asked, language=model.preprocessing.language)
    for found in opened:
        if not isinstance(found, Refusal):
            _say_if_long(found, model.preprocessing)
    output = _Output(model, folders, as_json=args.json)
    # What predicts is loaded while the workers load what extracts.
    with (
        ThreadPoolExecutor(1) as beside,
        closing(map_segments(Observer(model.preprocessing, folders), opened)) as answers,
    ):
        loaded = (
            beside.submit(output.load)
            if len(opened) > sum(isinstance(recording, Refusal) for recording in opened)
            else None
        )
        for recording, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Refusal):
                output.refusal(recording.name, answer.sentence)
                continue
            assert loaded is not None
            loaded.result()
            output.prediction(recording.name, answer.result)
    output.end(args.model)
    if args.html is not None and output.pages:
        from pipeline.prediction.timeline import timeline

        write_output(args.html, timeline(output.pages).encode(), force=args.force)
        sys.stderr.write(f"wrote {args.html}\n")
    return output.status


def _say_if_long(segment: "Segment", preprocessing: "Preprocessing") -> None:
    """Tell who waits, before the work starts, that a recording is long; its prediction has notes on what that means."""
    notice = length_notice(
        segment,
        longest_s=preprocessing.train["duration_s"]["max"],
        n_words=int(preprocessing.align["max_words"]),
        recogniser=str(preprocessing.words["settings"]["recogniser"]),
    )
    if notice is not None:
        sys.stderr.write(f"{notice}\n")


class _Output:
    """Prints the answers about the recordings: text at once, JSON at the end.

    Attributes:
        pages: the part of the page of each prediction.
        status: exit status of the command: 1 where a recording was refused.
    """

    def __init__(self, model: "Model", folders: Mapping[Modality, str], *, as_json: bool) -> None:
        self._model, self._folders, self._as_json = model, folders, as_json
        self._records: list[dict[str, Any]] = []
        self._other_encoders: dict[str, None] = {}
        self.pages: list[Page] = []
        self.status = 0

    @cached_property
    def _extractors(self) -> "Extractors":
        from pipeline.prediction.extraction import Extractors

        return Extractors(self._model.preprocessing, folders=self._folders)

    def load(self) -> None:
        """Import and load what reads text and predicts."""
        with garbage.loading():
            importlib.import_module("pipeline.prediction.timeline")
            self._extractors.load_text()
            _ = self._model.scorer

    def refusal(self, name: str, sentence: str) -> None:
        """Say why a recording cannot be used."""
        sys.stderr.write(f"{sentence}\n")
        self._records.append({"file": name, "error": sentence})
        self.status = 1

    def prediction(self, name: str, observation: "Observation") -> None:
        """Predict a recording and say what and why."""
        from pipeline.plugins import speaking_aside
        from pipeline.prediction.explanation import available, notes
        from pipeline.prediction.predicting import predict_observed
        from pipeline.prediction.text import to_json, to_text
        from pipeline.prediction.timeline import as_page

        model = self._model
        self._other_encoders |= dict.fromkeys(observation.other_encoders)
        try:
            with speaking_aside():  # a fusion may be a part of one's own
                prediction = predict_observed(model, self._extractors.add_text(observation.observed))
        except PipelineError as error:
            self.refusal(name, str(error))
            return
        found = available(prediction, model.preprocessing.columns["audio"])
        doubts = notes(model, prediction, found)
        if not self._as_json:
            sys.stdout.write(("\n" if self.pages else "") + to_text(model, prediction, found, doubts))
        self.pages.append(as_page(model, prediction, found, doubts))
        self._records.append(to_json(model, prediction, found, doubts))

    def end(self, folder: Path) -> None:
        """Say what concerns all recordings, and everything where it is JSON."""
        from pipeline.prediction.model import environment_warning
        from pipeline.prediction.origin import as_record

        warning = environment_warning(
            self._model, [*self._other_encoders, *(self._extractors.other_encoders() if self.pages else ())]
        )
        if warning is not None:
            sys.stderr.write(f"{warning}\n")
        if self._as_json:
            record = {
                "model": str(folder),
                "trained_on": as_record(self._model),
                "warning": warning,
                "recordings": self._records,
            }
            text = json.dumps(finite(record), indent=2, ensure_ascii=False)
            sys.stdout.write(written_out_in_json(text) + "\n")
