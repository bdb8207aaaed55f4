"""Miniatures of published corpora: their files, names and oddities, with a few of our own clips in them.

A replica of scores or of two classes has six segments, in their standard split two for each part, except where a corpus has no
valid part. One of several classes has each of them in train. No two parts of a split have a recording in common.
"""

import csv
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parent.parent.parent
CLIPS = ROOT / "data/raw/demo"
VIDEOS = {
    # Two of each part of the standard split of CMU-MOSI, one name with a leading dash or underscore among them.
    "mosi": ("2iD-tVS8NPw", "03bSnISJMiM", "_dI--eQ6qVU", "WKA5OygbEKI", "tmZoasNr4rU", "c7UH_rxdZv4"),
    "mosei": ("-3g5yACwYnA", "-3nNcZdcdvU", "abcdefghij_"),
}
CHINESE = (
    "我不想嫁给李茶, 真的",
    "这部电影太好看了我想再看一遍",
    "今天的天气还可以吧没什么特别的",
    "你为什么总是迟到让大家都等你",
    "妈妈做的饭永远是最香的味道",
    "他说的话我一个字也不相信",
    "昨天晚上我们一起去看了演出",
    "老师表扬了他写的那篇作文",
    "火车晚点了两个小时才到站",
    "我把钥匙忘在办公室里了",
    "外面下着大雨谁都没带伞",
    "这家餐厅的服务实在太差",
    "弟弟终于学会骑自行车了",
    "请把窗户关上屋里有点冷",
)
LABELS = (1.6, -2.0, 0.4, -1.2, 2.4, -0.6)


def clips(n: int = 6) -> list[dict[str, str]]:
    """Clips of different speakers with what is said in them and how they were labelled."""
    with (CLIPS / "segments.csv").open() as file:
        rows = list(csv.DictReader(file))
    return rows[:: len(rows) // n][:n]


def put(clip: dict[str, str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CLIPS / clip["media"], path)


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_csd(path: Path, name: str, sequences) -> None:
    """A computational sequence: `{video: (intervals, features)}`, as the CMU SDK writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for video, (intervals, features) in sequences.items():
            file[f"{name}/data/{video}/intervals"] = np.asarray(intervals)
            file[f"{name}/data/{video}/features"] = np.asarray(features)
        file[f"{name}/metadata/root name"] = np.asarray([name.encode()])


def mosi(folder: Path) -> None:
    """The archives of CMU-MOSI: no `Raw` around them, clips, capital transcripts, words in seconds of the video."""
    labels, words = {}, {}
    for video, clip, label in zip(VIDEOS["mosi"], clips(), LABELS, strict=True):
        put(clip, folder / f"Video/Segmented/{video}_1.mp4")
        write(folder / f"Transcript/Segmented/{video}.annotprocessed", f"1_DELIM_{clip['text'].upper()}\r\n")
        spoken = clip["text"].upper().split()
        starts_s = 52.7 + 0.2 * np.arange(len(spoken) + 1)
        labels[video] = ([[52.7, 54.7]], np.asarray([[label]], np.float32))
        # The first word belongs to what was said before; `sp` is a pause.
        words[video] = (
            [[40.0, 40.2], *zip(starts_s, starts_s + 0.2, strict=True)],
            np.asarray([[b"before"], [b"sp"], *([word.encode()] for word in spoken)]),
        )
    write_csd(folder / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    write_csd(folder / "CMU_MOSI_TimestampedWords.csd", "words", words)


def mosei(folder: Path) -> None:
    """The archive of CMU-MOSEI: whole videos, times in the transcripts, emotions beside the sentiment, folds of the SDK."""
    labels = {}
    for number, (video, clip) in enumerate(zip(VIDEOS["mosei"], clips(3), strict=True)):
        put(clip, folder / f"Raw/Videos/Full/Combined/{video}.mp4")
        lines = [
            f"{video}___10___0.0___0.9___ so ,  {clip['text'].lower()}",
            f"{video}___11___0.9___1.8___and___that is it",
            f"{video}___12___1.8___1.9___nobody labelled this",
        ]
        write(folder / f"Raw/Transcript/Segmented/Combined/{video}.txt", "\n".join(lines) + "\n")
        # Labels come in another order than the transcript, and their times have more digits.
        labels[video] = (
            [[0.9000001, 1.8], [0.0, 0.9]],
            np.asarray([[LABELS[2 * number], 0, 1, 0, 0, 0, 0], [LABELS[2 * number + 1], 2, 0, 0, 0, 0, 0]]),
        )
    write_csd(folder / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    folds = zip(("train", "valid", "test"), VIDEOS["mosei"], strict=True)
    write(
        folder / "cmu_mosei_std_folds.py",
        "\n".join(f"standard_{split}_fold=['{video}', 'not_in_the_archive']" for split, video in folds),
    )


def label_csv(folder: Path, *, unimodal: bool, encoding: str, zeros: bool, table: str = "label.csv") -> None:
    """`label.csv` and `Raw/<video>/<clip>.mp4`; `zeros` says whether the table kept the zeros of the clips' names."""
    header = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]
    rows = []
    for number, (clip, label) in enumerate(zip(clips(), LABELS, strict=True)):
        video, name = f"video_{number % 3 + 1:04d}", f"{number // 3 + 1:04d}"
        put(clip, folder / f"Raw/{video}/{name}.mp4")
        label = round(label / 3, 1)
        others = [label, "", round(-label, 1)] if unimodal else ["", "", ""]
        split = ("train", "valid", "test")[number // 2]
        mark = "Negative" if label < 0 else "Positive"
        rows.append([video, name if zeros else str(int(name)), CHINESE[number], label, *others, mark, split])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / table).open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([header, *rows])


def sims(folder: Path) -> None:
    """CH-SIMS: a byte order mark, a split that cuts through the videos, junk of the system that packed it."""
    label_csv(folder, unimodal=True, encoding="utf-8-sig", zeros=True)
    write(folder / "Raw/video_0001/._0001.mp4", b"\0\5\26\7")
    write(folder / "__MACOSX/._Raw", b"\0\5\26\7")


def simsv2(folder: Path) -> None:
    """CH-SIMS v2: `meta.csv`, saved by a spreadsheet (GB 18030, no leading zeros), with an unlabelled row."""
    label_csv(folder, unimodal=True, encoding="gb18030", zeros=False, table="meta.csv")
    with (folder / "meta.csv").open("a", encoding="gb18030") as file:
        file.write("aqgy4,00023,没有标签,,,,,,\n")


def mustard(folder: Path) -> None:
    """MUStARD: its JSON in `data`, clips in `utterances_final`, a clip of the context, the pickle of the folds."""
    rows = {}
    # Each has a segment of either class, so that a valid part drawn by speaker has both.
    people = [
        *[("BBT", "SHELDON")] * 2, *[("BBT", "PERSON1")] * 2, *[("GOLDENGIRLS", "DOROTHY")] * 2, *[("GOLDENGIRLS", "PERSON")] * 2,
        ("FRIENDS", "ROSS"), ("FRIENDS", "PERSON"),
    ]  # fmt: skip
    for number, (clip, (show, speaker)) in enumerate(zip(clips(len(people)), people, strict=True)):
        id_ = f"{number % 2 + 1}_{number}"
        put(clip, folder / f"mmsd_raw_data/utterances_final/{id_}.mp4")
        rows[id_] = {
            "utterance": f"It\u0100\u2019s fine. {clip['text']}",
            "speaker": speaker,
            "context": ["Is it?"],
            "context_speakers": ["LEONARD"],
            "show": show,
            "sarcasm": number % 2 == 0,
        }
    put(clips()[0], folder / "mmsd_raw_data/context_final/1_0_c.mp4")
    write(folder / "data/sarcasm_data.json", json.dumps(rows, indent=4))
    everyone = np.arange(len(people))
    folds = [(np.setdiff1d(everyone, tested), tested) for tested in np.array_split(everyone[::-1], 5)]
    write(folder / "data/split_indices.p", pickle.dumps(folds, protocol=2))


def urfunny(folder: Path) -> None:
    """UR-FUNNY V2: three pickles by number, clips named by number, intervals in seconds of the talk."""
    language, labels = {}, {}
    for number, clip in enumerate(clips(), start=7):
        put(clip, folder / f"urfunny2_videos/{number}.mp4")
        words = clip["text"].lower().split()
        starts_s = 300.6 + 0.15 * np.arange(len(words))
        language[number] = {
            "punchline_sentence": " ".join(words),
            "context_sentences": ["so i said"],
            "punchline_intervals": [[float(s), float(s) + 0.15] for s in starts_s],
            "context_intervals": [[[300.0, 300.2], [300.2, 300.4], [300.4, 300.6]]],
        }
        labels[number] = number % 2
    folds = {"train": [7, 8], "dev": [9, 10], "test": [11, 12]}
    for name, content in (("language_sdk", language), ("humor_label_sdk", labels), ("data_folds", folds)):
        write(folder / f"{name}.pkl", pickle.dumps(content))


def folder(folder: Path) -> None:
    """Our own layout."""
    rows = []
    for number, (clip, label) in enumerate(zip(clips(), LABELS, strict=True)):
        put(clip, folder / f"clips/c{number}.mp4")
        split = ("train", "valid", "test")[number // 2]
        rows.append({"id": f"c{number}", "label": label, "split": split, "text": clip["text"]})
    with (folder / "segments.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def meld(folder: Path) -> None:
    """MELD: three tables of cp1252 misread as Latin-1, clips in folders of three names, dialogues numbered anew in each part."""
    header = (
        "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
    )
    parts = (
        (
            "train",
            "train/train_splits",
            ("joy", "neutral", "anger", "sadness", "disgust", "surprise", "fear"),
        ),
        ("dev", "dev_splits_complete", ("Anger", "neutral")),
        ("test", "output_repeated_splits_test", ("joy", "neutral")),
    )
    unused = iter(clips(11))
    for name, below, emotions in parts:
        rows = [header]
        for utterance, emotion in enumerate(emotions):
            clip = next(unused)
            put(clip, folder / f"{below}/dia0_utt{utterance}.mp4")
            sentiment = {"joy": "positive", "neutral": "neutral", "surprise": "positive"}.get(
                emotion, "negative"
            )
            spoken = clip["text"].replace('"', "'")
            rows.append(
                f'{utterance},"It\x92s: {spoken}",Ross,{emotion},{sentiment},0,{utterance},8,21,"00:16:16,059","00:16:21,731"'
            )
        write(folder / f"{name}_sent_emo.csv", "\n".join(rows) + "\n")
    put(clips()[0], folder / "output_repeated_splits_test/final_videos_testdia0_utt0.mp4")
    write(folder / "output_repeated_splits_test/._dia0_utt0.mp4", b"\0\5\26\7")


def iemocap(folder: Path) -> None:
    """IEMOCAP: dialogues of sessions 1, 4 and 5, evaluations with comments, one emotion that is no class."""
    improvised = (("F000", "exc"), ("M000", "neu"), ("M001", "fru"))
    dialogues = {
        "Ses01F_impro01": improvised,
        "Ses01M_script01_1": (("F000", "sad"), ("M000", "ang"), ("F001", "hap")),
        "Ses04F_impro01": improvised,
        "Ses05F_impro01": improvised,
    }
    recordings, unused = iter(clips(4)), iter(clips(16)[1:])
    for dialogue, turns in dialogues.items():
        base = folder / f"IEMOCAP_full_release/Session{int(dialogue[3:5])}"
        lines, transcript = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""], []
        for turn, emotion in turns:
            id_, start_s = f"{dialogue}_{turn}", 0.2 * len(transcript)
            lines += [
                f"[{start_s:.4f} - {start_s + 1:.4f}]\t{id_}\t{emotion}\t[2.5000, 3.0000, 4.0000]",
                "C-E2:\tNeutral;\t()",
                "",
            ]
            transcript.append(f"{id_} [{start_s:08.4f}-{start_s + 1:08.4f}]: {next(unused)['text']}")
        write(base / f"dialog/EmoEvaluation/{dialogue}.txt", "\n".join(lines))
        write(base / f"dialog/EmoEvaluation/._{dialogue}.txt", b"\0\5\26\7")
        write(base / f"dialog/transcriptions/{dialogue}.txt", "\n".join(transcript))
        put(next(recordings), base / f"dialog/avi/DivX/{dialogue}.avi")


def mer2023(folder: Path) -> None:
    """MER2023: tables of train and two test sets, one without valence, and the transcripts of the baseline's code."""
    # Two of each emotion, so that a drawn valid part leaves one of each in train.
    train = 2 * ("happy", "worried", "neutral", "sad", "angry", "surprise")
    parts = {"mer2023train/train": train, "test1": ("angry",), "test3": ("surprise",)}
    recordings = clips(14)
    texts, number = ["name,chinese"], 0
    for below, emotions in parts.items():
        part = below.split("/")[-1]
        lines = ["name,discrete" + (",valence" if part != "test3" else "")]
        for emotion in emotions:
            name = f"sample_{number:08d}"
            put(recordings[number], folder / f"{below}/{name}.avi")
            lines.append(f"{name},{emotion}" + (f",{number % 6 - 3.5}" if part != "test3" else ""))
            texts.append(f'{name},"{CHINESE[number]}"')
            number += 1
        place = "mer2023train" if part == "train" else "test-labels"
        write(folder / f"{place}/{part}-label.csv", "\n".join([*lines, ""]))
    write(folder / "label-transcription.csv", "\n".join([*texts, ""]))


def cremad(folder: Path) -> None:
    """CREMA-D: Flash videos beside sound, three actors who say the same sentence, the raters' votes with a tie."""
    recordings = iter(clips(18))
    rows = []
    for actor in (1001, 1002, 1003):
        for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"):
            name = f"{actor}_ITH_{emotion}_{'HI' if emotion == 'ANG' else 'XX'}"
            put(next(recordings), folder / f"VideoFlash/{name}.flv")
            write(folder / f"AudioWAV/{name}.wav", b"RIFF")
            perceived = "A:D" if emotion == "DIS" else emotion[0]
            rows.append(f"{len(rows) + 1},{name},{emotion[0]},80,{emotion[0]},75,{perceived},70")
    header = ",FileName,VoiceVote,VoiceLevel,FaceVote,FaceLevel,MultiModalVote,MultiModalLevel"
    write(folder / "processedResults/summaryTable.csv", "\n".join([header, *rows, ""]))


def ravdess(folder: Path) -> None:
    """RAVDESS: three actors, performances with picture and sound, without sound, with sound alone, and one that is sung."""
    recordings = iter(clips(24))
    for actor in (1, 2, 3):
        for emotion in range(1, 9):
            clip, rest = next(recordings), f"01-0{emotion}-0{1 + (emotion == 2)}-01-01-{actor:02d}"
            put(clip, folder / f"Actor_{actor:02d}/02-{rest}.mp4")
            modality = "03" if (actor, emotion) == (3, 6) else "01"
            put(clip, folder / f"Actor_{actor:02d}/{modality}-{rest}.mp4")
    put(clips()[0], folder / "Actor_01/01-02-01-01-01-01-01.mp4")


REPLICAS: dict[str, Callable[[Path], None]] = {
    "folder": folder,
    "mosi": mosi,
    "mosei": mosei,
    "sims": sims,
    "simsv2": simsv2,
    "urfunny": urfunny,
    "mustard": mustard,
    "meld": meld,
    "iemocap": iemocap,
    "mer2023": mer2023,
    "cremad": cremad,
    "ravdess": ravdess,
}

N_SEGMENTS = dict.fromkeys(REPLICAS, 6) | {
    "mustard": 10,
    "meld": 11,
    "iemocap": 9,
    "mer2023": 14,
    "cremad": 18,
    "ravdess": 24,
}
"""How many segments of each replica have the label that its layout learns."""
