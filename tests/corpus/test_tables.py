"""Tables as people save them are read, or refused by a sentence that names the line and the cause."""

import os
import unicodedata
from pathlib import Path

import pytest

from pipeline.artifacts.corpus.words import Word
from pipeline.artifacts.formats.csv_cells import escaped, restored
from pipeline.corpus.cells import language_code, number, split_named
from pipeline.corpus.folder import read_folder
from pipeline.corpus.layouts import LAYOUTS
from pipeline.corpus.tables import read_rows, read_text_file
from pipeline.errors import PipelineError

LABELS = "video_id,clip_id,text,label,mode\n"


def folder_of(tmp_path: Path, table: str | bytes, words: str | None = None) -> Path:
    (tmp_path / "segments.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    if words is not None:
        (tmp_path / "words.csv").write_text("id,word,start_s,end_s\n" + words, encoding="utf-8")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(PipelineError) as caught:
        read_folder(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("row", "n_cells"), [("r1,Hello, there,2.0", 4), ("r1,2.0", 2), ("r1,Hello,2.0,", 4), ("r1", 1)]
)
def test_cells_are_counted(tmp_path, row, n_cells):
    sentence = refusal(folder_of(tmp_path, f"id,text,label\n{row}\n"))
    assert f"segments.csv, line 2: has {n_cells} cells, but the header has 3" in sentence


@pytest.mark.parametrize("layout", ["sims", "simsv2", "mosi", "mosei"])
@pytest.mark.parametrize(("row", "n_cells"), [("v,1,Hello, there,2.0,train", 6), ("v,1,Hello,2.0", 4)])
def test_cells_are_counted_in_the_layouts_of_the_field(tmp_path, layout, row, n_cells):
    (tmp_path / "label.csv").write_text(f"{LABELS}{row}\n", encoding="utf-8")
    sentence = rf"label\.csv, line 2: has {n_cells} cells, but the header has 5"
    with pytest.raises(PipelineError, match=sentence):
        LAYOUTS[layout].read(tmp_path)


def test_the_words_of_a_table_are_counted_too(tmp_path):
    sentence = refusal(folder_of(tmp_path, "id,label\na,1\n", "a,yes,well,0,1\n"))
    assert "words.csv, line 2: has 5 cells, but the header has 4" in sentence


def test_a_row_behind_a_cell_of_several_lines_has_its_true_line(tmp_path):
    table = 'id,text,label\na,"one\ntwo\nthree",1\nb,fine,bad\n'
    assert "segments.csv, line 5: label is 'bad'" in refusal(folder_of(tmp_path, table))
    table = 'id,text,label\na,"one\r\ntwo",1\r\n\r\nb,"more\nlines",0,1\n'
    assert "segments.csv, line 5: has 4 cells" in refusal(folder_of(tmp_path, table))


@pytest.mark.parametrize(
    "table",
    [
        "id;text;label\na;Yes, really;-1.5\n",
        "id\ttext\tlabel\na\tYes, really\t-1.5\n",
        "sep=;\nid;text;label\na;Yes, really;-1.5\n",
        ' id , text ,label \n a ,"Yes, really", \u22121.5 \n',
        'id,label,text\r\na,-1.5,"Yes, really"\r\n',
        'id,label,text\ra,-1.5,"Yes, really"\r',
        '\n \n\nid,label,text\na,-1.5,"Yes, really"\n',
        '\n'.join(['id,label,text', '', ',,', 'a,-1.5,"Yes, really"', '', ',,']),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_padding_line_ends_and_encodings_are_read(tmp_path, table, encoding):
    (row,) = read_folder(folder_of(tmp_path, table.encode(encoding)))
    assert (row.id, row.text, row.label) == ("a", "Yes, really", -1.5)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is missing 'id'"),
        (b"id,label\n", "has no rows"),
        (b"id,label,label\na,1,2\n", "names the column 'label' twice"),
        (b"id,label\na,1\0\n", "line 2: holds a NUL byte"),
        ("id,label\na,1\n".encode("utf-16-le"), "NUL byte"),
        ("id,label\na,1\n".encode("utf-32"), "NUL byte"),
        ("id,label\na,1\nb\u00e9,2\n".encode("latin-1"), "line 3: the byte 0xe9 is no text in utf-8"),
        (b'id,label,text\na,1,"never closed\nb,2,x\n', "line 2: a quote is opened and never closed"),
        (b"id,label,spaker\na,1,p\n", "does not know the column 'spaker' (did you mean 'speaker'?)"),
        (b"ID,Lable\na,1\n", "does not know the column 'Lable' (did you mean 'label'?)"),
        (b"ID,Id,label\na,a,1\n", "names the column 'id' twice; keep one of them"),
        (b"ID,id,label\na,a,1\n", "does not know the column 'ID'"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        (b"PK\x03\x04rest", "is a zip archive"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(tmp_path, content, sentence):
    assert sentence in refusal(folder_of(tmp_path, content))


def test_a_column_in_capitals_is_the_one_of_that_name(tmp_path):
    folder = folder_of(tmp_path, "ID;Label;START_S;Label_Audio;LABEL_1\na;1.5;0;2;3\n")
    (folder / "ratings.csv").write_text("Id,Rater,LABEL\na,x,0.5\n")
    (candidate,) = read_folder(folder)
    assert (candidate.id, candidate.label, candidate.start_s) == ("a", 1.5, 0.0)
    assert (candidate.other_labels, candidate.ratings) == ({"audio": 2.0}, {"1": 3.0, "x": 0.5})


def test_a_column_in_capitals_that_a_published_table_has_beside_ours_is_another(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("label,Label,Name,Other\n1,2,a,b\n")
    ((_, row),) = read_rows(table, required=("label", "name"))
    assert row == {"label": "1", "Label": "2", "name": "a", "Other": "b"}


@pytest.mark.parametrize(
    ("content", "column"), [("id,text,label,\nr1,Hi,2.0,\n", 4), (",id,text,label\n0,r1,Hi,1\n", 1)]
)
def test_a_column_without_a_name_is_named_by_its_place(tmp_path, content, column):
    assert f"column {column} has no name; remove it" in refusal(folder_of(tmp_path, content))


def test_a_pipe_a_folder_and_a_device_are_no_table(tmp_path):
    os.mkfifo(tmp_path / "segments.csv")
    assert "is a named pipe; expected a text file" in refusal(tmp_path)
    (tmp_path / "segments.csv").unlink()
    (tmp_path / "segments.csv").mkdir()
    assert "is a folder" in refusal(tmp_path)
    with pytest.raises(PipelineError, match="is a device"):
        list(read_rows(Path("/dev/zero"), required=()))


@pytest.mark.parametrize(
    "cell",
    ["1_0", "0_1", "０.5", "nan", "-inf", "Infinity", "0x1p3", "1e999", "1,5", "", "–2", "1 0", "١", "½", "--1", "."],
)  # fmt: skip
def test_what_is_no_number_is_refused(cell):
    with pytest.raises(PipelineError, match=r"line 2: label is .*; expected a number"):
        number(cell, "line 2", "label")


@pytest.mark.parametrize(
    ("cell", "value"), [("−2.0", -2.0), (" 1.5\t", 1.5), ("\u00a03", 3.0), ("+.5", 0.5), ("2.", 2.0), ("1e-1", 0.1)]
)  # fmt: skip
def test_a_number_is_read(cell, value):
    assert number(cell, "line 2", "label") == value


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("train", "Train", " TRAINING"), "train"),
        (("val", "dev", "Validation", "valid"), "valid"),
        (("test", "Test"), "test"),
    ],
)
def test_splits_have_several_names(names, split):
    assert {split_named(name, "line 2") for name in names} == {split}


def test_an_unknown_split_names_its_line_and_the_nearest(tmp_path):
    sentence = refusal(folder_of(tmp_path, "id,label,split\na,1,train\nb,1,trian\n"))
    assert "line 3: split is 'trian' (did you mean 'train'?); expected train, valid or test" in sentence


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("English", "en"), ("ENG", "en"), ("en-US", "en"), ("en_GB", "en"), ("zh-CN", "zh"), ("Chinese", "zh"),
        ("Mandarin", "zh"), ("cmn", "zh"), ("zh-Hans-CN", "zh"), ("Chinese (Simplified)", "zh"), ("deutsch", "de"), ("ger", "de"),
        ("español", "es"), (unicodedata.normalize("NFD", "Español"), "es"), ("Farsi", "fa"), (" fr ", "fr"), ("yue", "yue"),
    ],
)  # fmt: skip
def test_a_language_is_understood(named, code):
    assert language_code(named, "line 2") == code


@pytest.mark.parametrize("named", ["nan", "xx", "Englsh", "en-", "unknown", "eng lish", "12"])
def test_an_unknown_language_is_refused(named):
    with pytest.raises(PipelineError, match=r"line 2: the language is .* expected an ISO 639-1 code"):
        language_code(named, "line 2")


def test_the_column_language_holds_codes_afterwards(tmp_path):
    rows = read_folder(folder_of(tmp_path, "id,label,language\na,1,English\nb,1,\n"))
    assert [row.language for row in rows] == ["en", None]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("r1.mp4,yes,0,1\n", "1 of its 1 ids are none of segments.csv, such as 'r1.mp4' (did you mean 'r1'?)"),
        ("R1,yes,0,1\nr2,no,0,1\n", "1 of its 2 ids are none of segments.csv, such as 'R1' (did you mean 'r1'?)"),
        ("r1,yes,nan,1\nr1,no,0.5,\n", "2 of 2 words have no usable times, the first: "),
        ("r1,yes,-0.5,1\n", "1 of 1 words have no usable times"),
        ("r1,yes,1,0.5\n", "ends at 0.5 s, before it starts at 1 s"),
        ("r1,yes,1,2\nr1,no,0.2,0.5\n", "starts at 0.2 s, before the word in front of it at 1 s"),
        ("r1,yes,0.1,0.2\n", "of 1 segments all words lie outside of the segment, such as those of 'r1'"),
    ],
)  # fmt: skip
def test_words_that_would_go_unused_are_refused_with_their_count(tmp_path, words, sentence):
    table = "id,label,start_s,end_s\nr1,1,5,8\nr2,1,0,3\n" if "0.1,0.2" in words else "id,label\nr1,1\nr2,1\n"
    assert sentence in refusal(folder_of(tmp_path, table, words))


def test_some_segments_may_have_no_words(tmp_path):
    first, second = read_folder(folder_of(tmp_path, "id,label\nr1,1\nr2,1\n", "r1,yes,0,1\n"))
    assert (first.words, second.words) == ((Word("yes", 0.0, 1.0),), ())


def test_a_table_that_is_a_link_out_of_the_corpus_is_refused(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("id,word,start_s,end_s\n")
    folder_of(folder, "id,label\na,1\n")
    (folder / "words.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(
        PipelineError, match=r"words\.csv: is a link to .*secret\.csv, outside of the corpus folder"
    ):
        LAYOUTS["folder"].read(folder)


@pytest.mark.parametrize(
    "text",
    ["=1+1", '=HYPERLINK("http://x")', "+1+1", "-1+1", "@SUM(A1)", "\t=1", "'=1", "''=1", "＝1", "-1.5", "'tis", "plain", "", "-"],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_is_escaped_and_comes_back(text):
    assert restored(escaped(text)) == text
    assert escaped(text)[:1] not in "=+@\t＝" or not text
    assert not escaped(text).startswith("-") or text == "-1.5"


def test_lines_are_counted_from_the_start_of_the_file_and_a_transcript_may_be_long(tmp_path):
    long = "word " * 100_000
    (row,) = read_folder(folder_of(tmp_path, f"\n\nid,label,text\na,1,{long}\n"))
    assert row.text == long.strip()
    assert "line 5: label is 'x'" in refusal(folder_of(tmp_path, "\n\nid,label,text\na,1,yes\nb,x,no\n"))


OF_CHINA = ("utf-8-sig", "gb18030")


@pytest.mark.parametrize(
    ("encoding", "spoken"),
    [
        ("big5", "這部電影真的非常好看"),
        ("shift_jis", "この映画はとても面白かったです"),
        ("euc_jp", "この映画はとても面白かったです"),
        ("cp949", "이 영화는 정말 재미있었어요. 다시 보고 싶습니다. " * 6),
        ("latin-1", "für alle naïve Häuser, schöne Grüße"),
        ("tis_620", "ฉันชอบ"),
    ],
)
def test_other_encodings_are_not_taken_for_chinese(tmp_path, encoding, spoken):
    path = tmp_path / "label.csv"
    content = f"video_id,clip_id,text,label\nv,1,{spoken},0.5\n".encode(encoding)
    content.decode("gb18030")  # as any program would take it
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"label\.csv, line 2: the byte 0x.*save it as UTF-8"):
        read_text_file(path, encodings=OF_CHINA)


@pytest.mark.parametrize("spoken", ["我很喜欢这个。", "张三", "“好”，——真的……", "no letter beyond ASCII"])
def test_chinese_is_read(tmp_path, spoken):
    path = tmp_path / "label.csv"
    path.write_bytes(f"text\n{spoken}\n".encode("gb18030"))
    assert read_text_file(path, encodings=OF_CHINA) == f"text\n{spoken}\n"
