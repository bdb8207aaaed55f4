"""The memory of one segment: `python -m benchmarks.extracting.span PARAMS KIND MEDIA START_S END_S` extracts it as a worker does.

Prints the peak of the process's resident set, in MB, and its processor seconds.
"""

import json
import resource
import sys
import time
from pathlib import Path

from pipeline.artifacts.corpus.segments import Segment
from pipeline.params import Audio, Visual, load


def segment_of(media: str, start_s: float, end_s: float) -> Segment:
    """A segment that says nothing but where it is."""
    return Segment(
        id="span", split="train", label=0.0, speaker="s", video="v", language="en", text=None, media=media,
        media_sha256=None, has_audio=True, has_video=True, start_s=start_s, end_s=end_s,
    )  # fmt: skip


def main() -> None:
    params, kind, media = sys.argv[1:4]
    segment = segment_of(media, float(sys.argv[4]), float(sys.argv[5]))
    if kind == "visual":
        from pipeline.extract.cached.visual import visual_extractor

        extractor = visual_extractor(load(Visual, Path(params)).model_dump())
    else:
        from pipeline.extract.cached.audio import audio_extractor

        extractor = audio_extractor(load(Audio, Path(params)).model_dump())
    started = time.process_time()
    rows = extractor.function(segment)
    used = time.process_time() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_rss_mb": round(peak_mb), "processor_s": round(used, 2), "rows": len(rows.valid)}))


if __name__ == "__main__":
    main()
