"""Predict with the model in this folder: `python FOLDER/predict.py clip.mp4 --transcript "I would see it again."`.

It needs the code that trained the model: run it in the root of the pipeline's repository.
"""

import argparse
import shlex
import sys
from pathlib import Path


def main() -> None:
    """Print the mean over the seeds, and the prediction of each seed, in label units or as a probability."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("media", nargs="?", help="a video or sound file; without one, the transcript alone")
    parser.add_argument("--transcript", help="what is said; recognised where it is not given")
    args = parser.parse_args()
    # Python looks beside this file; the pipeline lies where it is run, as for `python -m pipeline`.
    sys.path[0] = str(Path.cwd())
    try:
        from pipeline.errors import PipelineError
        from pipeline.prediction.model import Model
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "pipeline":
            again = f"python {shlex.quote(str(Path(__file__).resolve()))}"
            sys.exit(f"{Path.cwd()}: not the root of the pipeline's repository; run `{again}` there")
        sys.exit(
            f"the package {error.name} is not installed; run in the environment of the pipeline's repository"
        )

    try:
        prediction = Model.load(Path(__file__).parent).predict(args.media, transcript=args.transcript)
    except PipelineError as error:
        sys.exit(str(error))
    print(prediction.mean, *prediction.by_seed)


if __name__ == "__main__":
    main()
