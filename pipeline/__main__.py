"""What a person runs besides DVC: `python -m pipeline <command>`."""

import argparse
import contextlib
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from pipeline.errors import PipelineError, sentence_of_machine
from pipeline.terminal import (
    INTERRUPTED,
    end_quietly_when_interrupted,
    prepare_streams,
    raise_when_interrupted,
    sentence_of_link,
)

# Each is a module of pipeline.commands with `add_arguments(parser)` and `run(args) -> exit status`. Only the one that
# is asked for is imported, so that showing results does not wait for the libraries that comparing needs.
COMMANDS = {
    "new": "make a fresh repository for a study of your own",
    "import": "bring a corpus into place, under DVC",
    "check": "look for what would end or spoil a run before it starts",
    "results": "show the results of the last run, and what to try next",
    "compare": "show what experiments changed, with confidence intervals",
    "history": "show a metric over the commits of a branch, and where it changed",
    "power": "say before a sweep how large a difference it could show",
    "predict": "predict the sentiment of new recordings, and say why",
    "preview": "draw what the extractors see on a few pictures",
    "report": "draw the figures of the report as files, for papers",
    "log": "hand finished runs to TensorBoard, MLflow or trackio",
    "inspect": "write the page of pairs and segments that the model gets wrong",
    "cache": "show what the clip cache holds, and prune what nothing needs",
    "export": "write features for other toolkits, or the model for the hub",
    "sweep": "run every combination of some values side by side, and rank them",
    "cross": "train on each corpus of a pool, and measure on every other",
    "search": "look for good values with a budget, each trial an experiment",
}

DESCRIPTION = """\
What to run besides DVC. `dvc repro` makes the results, `dvc exp run -S margin.base=0.5` tries something else,
and these commands show what came of it.
"""

PIPE_CLOSED = 141  # what a shell reports of a program that SIGPIPE ended


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; the module of the chosen command is in `command`."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description=DESCRIPTION,
        epilog="`python -m pipeline <command> --help` says more about one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="<command>", required=True)
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary)
        if name == chosen:
            module = f"{name}_" if keyword.iskeyword(name) else name
            command = importlib.import_module(f"pipeline.commands.{module}")
            command.add_arguments(subparser)
            subparser.set_defaults(command=command)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one command; a `PipelineError` is its sentence on standard error and status 1."""
    if not prepare_streams():
        sys.stderr.write(
            "standard output is closed, so nothing could be shown; send it to a file or to /dev/null\n"
        )
        return 1
    try:
        try:
            args = parse(arguments)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing in ("", "pipeline", "plugins", "stages"):
                raise
            raise PipelineError(
                f"{missing}: not installed for {sys.executable}; activate the environment (`. .venv/bin/activate`), "
                "which make creates"
            ) from error
        command: ModuleType = args.command
        raise_when_interrupted()
        status: int = command.run(args)
        sys.stdout.flush()
    except PipelineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:  # a reader that leaves early is no failure of ours
        # What is left in the buffer goes nowhere, or the interpreter complains while it shuts down.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = sentence_of_machine(error) or sentence_of_link(error)
        if sentence is None:
            raise
        sys.stderr.write(f"{sentence}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if __name__ == "__main__":
    end_quietly_when_interrupted()
    sys.exit(main(sys.argv[1:]))
