"""The ten speakers."""

from dataclasses import dataclass
from typing import Literal

from demo.face import Look
from demo.voice import Voice

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Speaker:
    """A speaker: resting voice, resting face, and how much the face gives away.

    Attributes:
        id: `s01` … `s10`.
        split: split that holds all clips of the speaker.
        voice: voice without any sentiment.
        look: appearance in the picture.
        resting_smile: offset that is added to the smile of every frame.
        expressiveness: factor by which every expression is scaled.
    """

    id: str
    split: Split
    voice: Voice
    look: Look
    resting_smile: float
    expressiveness: float


SPEAKERS: tuple[Speaker, ...] = (
    Speaker(
        id="s01",
        split="train",
        voice=Voice("en-us+f3", rate_wpm=170, pitch=48, pitch_range=50),
        look=Look(magnification=1.22, backdrop=((186, 196, 204), (120, 134, 150))),
        resting_smile=0.05,
        expressiveness=1.0,
    ),
    Speaker(
        id="s02",
        split="train",
        voice=Voice("en-us+m3", rate_wpm=164, pitch=46, pitch_range=45),
        look=Look(
            traits={
                "jaw_width": 0.9,
                "face_length": 0.5,
                "brow_height": -0.6,
                "nose_size": 0.7,
                "eye_size": -0.4,
            },
            mirrored=True,
            magnification=1.28,
            aspect=1.05,
            offset_px=(-14.0, 2.0),
            tint=(3.0, 4.0),
            brightness=0.86,
            contrast=1.08,
            backdrop=((92, 104, 96), (58, 66, 62)),
        ),
        resting_smile=-0.12,
        expressiveness=0.9,
    ),
    Speaker(
        id="s03",
        split="train",
        voice=Voice("en-gb-x-rp", rate_wpm=158, pitch=54, pitch_range=55),
        look=Look(
            traits={"jaw_width": 0.4, "face_length": 0.9, "mouth_width": 0.4, "brow_height": 0.3},
            magnification=1.14,
            aspect=0.95,
            offset_px=(18.0, 4.0),
            tint=(-3.0, -6.0),
            brightness=1.06,
            contrast=0.92,
            backdrop=((214, 200, 178), (168, 148, 120)),
        ),
        resting_smile=0.0,
        expressiveness=1.1,
    ),
    Speaker(
        id="s04",
        split="train",
        voice=Voice("en-us+f2", rate_wpm=178, pitch=55, pitch_range=48),
        look=Look(
            traits={"jaw_width": -0.5, "eye_size": 0.8, "mouth_width": -0.5, "face_length": -0.4},
            mirrored=True,
            magnification=1.3,
            aspect=0.97,
            offset_px=(8.0, 6.0),
            tint=(5.0, 12.0),
            brightness=0.78,
            contrast=1.12,
            backdrop=((150, 120, 140), (84, 66, 90)),
        ),
        resting_smile=0.12,
        expressiveness=1.1,
    ),
    Speaker(
        id="s05",
        split="train",
        voice=Voice("en+f5", rate_wpm=162, pitch=40, pitch_range=52),
        look=Look(
            traits={"face_length": 0.4, "nose_size": -0.6, "brow_height": 0.8, "mouth_width": 0.6},
            magnification=1.16,
            aspect=1.03,
            offset_px=(-22.0, 0.0),
            tint=(-5.0, 3.0),
            brightness=1.0,
            contrast=1.1,
            backdrop=((70, 84, 110), (34, 40, 58)),
        ),
        resting_smile=-0.05,
        expressiveness=0.95,
    ),
    Speaker(
        id="s06",
        split="train",
        voice=Voice("en-gb-scotland+m7", rate_wpm=172, pitch=42, pitch_range=46),
        look=Look(
            traits={"jaw_width": 1.0, "nose_size": 0.9, "eye_size": -0.6, "brow_height": -0.3},
            magnification=1.24,
            aspect=1.07,
            offset_px=(10.0, -2.0),
            tint=(7.0, 2.0),
            brightness=0.92,
            contrast=0.95,
            backdrop=((198, 206, 190), (146, 158, 134)),
        ),
        resting_smile=-0.1,
        expressiveness=1.0,
    ),
    Speaker(
        id="s07",
        split="valid",
        voice=Voice("en-us+f4", rate_wpm=168, pitch=52, pitch_range=54),
        look=Look(
            traits={"jaw_width": -0.3, "face_length": 0.6, "eye_size": 0.4, "nose_size": 0.3},
            magnification=1.2,
            aspect=0.98,
            offset_px=(-8.0, 3.0),
            tint=(2.0, -8.0),
            brightness=1.04,
            contrast=1.05,
            backdrop=((130, 150, 160), (96, 108, 112)),
        ),
        resting_smile=0.0,
        expressiveness=1.05,
    ),
    Speaker(
        id="s08",
        split="valid",
        voice=Voice("en+m2", rate_wpm=160, pitch=50, pitch_range=50),
        look=Look(
            traits={
                "jaw_width": 0.7,
                "face_length": -0.3,
                "mouth_width": 0.3,
                "brow_height": -0.5,
                "nose_size": 0.4,
            },
            mirrored=True,
            magnification=1.26,
            aspect=1.04,
            offset_px=(16.0, 1.0),
            tint=(4.0, 9.0),
            brightness=0.84,
            contrast=1.0,
            backdrop=((176, 160, 150), (104, 92, 86)),
        ),
        resting_smile=-0.08,
        expressiveness=0.95,
    ),
    Speaker(
        id="s09",
        split="test",
        voice=Voice("en-us+Michael", rate_wpm=166, pitch=44, pitch_range=48),
        look=Look(
            traits={
                "jaw_width": 0.6,
                "face_length": 0.8,
                "nose_size": 0.5,
                "eye_size": -0.2,
                "mouth_width": 0.2,
            },
            magnification=1.18,
            aspect=1.02,
            offset_px=(-16.0, 4.0),
            tint=(6.0, 6.0),
            brightness=0.8,
            contrast=1.06,
            backdrop=((112, 122, 104), (70, 80, 70)),
        ),
        resting_smile=-0.06,
        expressiveness=1.0,
    ),
    Speaker(
        id="s10",
        split="test",
        voice=Voice("en-us+Annie", rate_wpm=174, pitch=45, pitch_range=50),
        look=Look(
            traits={"jaw_width": -0.6, "face_length": -0.2, "eye_size": 0.6, "brow_height": 0.4},
            mirrored=True,
            magnification=1.27,
            aspect=0.96,
            offset_px=(12.0, 5.0),
            tint=(-2.0, 5.0),
            brightness=1.02,
            contrast=0.96,
            backdrop=((206, 184, 190), (150, 126, 138)),
        ),
        resting_smile=0.06,
        expressiveness=1.05,
    ),
)
