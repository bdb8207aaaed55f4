"""Plain data comes through as it was; whatever else a pickle asks for is refused in a sentence, and never run."""

import collections
import contextlib
import copyreg
import os
import pickle
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.errors import PipelineError
from pipeline.pickles.restricted import read_pickle

# Protocol 2 in the hand of a Python 2: strings are bytes, and so is the content of an array.
PYTHON_2 = (
    b"\x80\x02}q\x00U\x05trainq\x01}q\x02(U\x05audioq\x03cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05"
    b"K\x00\x85q\x06U\x01bq\x07\x87q\x08Rq\t(K\x01K\x02K\x01\x86q\ncnumpy\ndtype\nq\x0bU\x02f4q\x0cK\x00K\x01\x87q\rRq\x0e"
    b"(K\x03U\x01<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b\x89U\x08"
    + struct.pack("<2f", 1.5, -2.0)
    + b"q\x11"
    b"tq\x12bU\x02idq\x13]q\x14U\x05caf\xc3\xa9q\x15aus."
)


def read(tmp_path, content: bytes):
    (tmp_path / "features.pkl").write_bytes(content)
    return read_pickle(tmp_path / "features.pkl")


def equal(found, expected) -> bool:
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.dtype == expected.dtype
            and found.shape == expected.shape
            and bool((found == expected).all())
        )
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(equal(found[key], expected[key]) for key in expected)
    return type(found) is type(expected) and found == expected


LARGE = np.random.default_rng(0).normal(size=(40, 30, 20))
PLAIN = {
    "large": LARGE,
    "shared": LARGE,
    "fortran": np.asfortranarray(LARGE.astype(">f4")),
    "ids": np.array(["a$_$1", "b$_$2"], object),
    "words": np.array([["so", "it"], ["goes", "on"]]),
    "bytes": np.array([b"x", b"yy"]),
    "none": np.zeros((0, 3), np.float32),
    "one": np.array(3.0),
    "flag": np.array([True, False]),
    "scalar": np.float32(2.5),
    "mixed": [1, -(2**80), 2.5, None, True, (1, 2, 3, 4), "é", b"\xff", b""],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_through_in_every_protocol(tmp_path, protocol):
    assert equal(read(tmp_path, pickle.dumps(PLAIN, protocol=protocol)), PLAIN)


def test_numpy_of_before_and_after_2_is_read(tmp_path):
    content = pickle.dumps({"x": np.arange(3.0)}, protocol=2)
    ((new, old),) = [(b"numpy._core.multiarray", b"numpy.core.multiarray")]
    assert new in content
    assert equal(read(tmp_path, content.replace(new, old)), {"x": np.arange(3.0)})
    assert equal(read(tmp_path, content), {"x": np.arange(3.0)})


def test_a_pickle_of_python_2_is_read(tmp_path):
    found = read(tmp_path, PYTHON_2)
    assert found == pickle.loads(PYTHON_2, encoding="latin1") | {"train": found["train"]}
    assert equal(found["train"]["audio"], np.array([[1.5], [-2.0]], np.float32))
    assert found["train"]["id"] == ["café".encode()]


def test_large_arrays_stay_in_the_file(tmp_path):
    found = read(tmp_path, pickle.dumps(PLAIN, protocol=4))
    assert isinstance(found["large"], np.memmap)
    assert not isinstance(found["ids"], np.memmap)


@given(
    arrays.arrays(
        st.sampled_from(
            [np.float64, np.float32, np.int64, np.uint8, np.bool_, np.dtype(">i2"), np.dtype("<U3")]
        ),
        arrays.array_shapes(min_dims=0, max_dims=3, max_side=4),
    ),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
)
@settings(max_examples=60)
def test_any_array_comes_through(tmp_path_factory, array, protocol):
    found = read(tmp_path_factory.mktemp("any"), pickle.dumps([array], protocol=protocol))[0]
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()
    assert found.shape == array.shape


class Calls:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Named:
    """Pickles to a call of a name that need not be importable here."""

    def __init__(self, module, name, *arguments):
        self.content = (
            b"\x80\x02c"
            + module.encode()
            + b"\n"
            + name.encode()
            + b"\n"
            + pickle.dumps(arguments, 2)[2:-1]
            + b"R."
        )


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("attack", "asked"),
    [
        (Calls(os.system, "touch attacked"), r"(posix|nt)\.system"),
        (Calls(os.mkdir, "attacked"), r"\.mkdir"),
        (Calls(eval, "__import__('os').mkdir('attacked')"), r"eval"),
        (Calls(getattr, {}, "clear"), r"getattr"),
        (Calls(subprocess.Popen, ["touch", "attacked"]), r"(subprocess|commands)\.Popen"),
        (Calls(np.load, "features.pkl", None, True), r"numpy\.load"),
        (Calls(np.fromfile, "/etc/passwd"), r"fromfile"),
        (Calls(np.memmap, "attacked", "f8", "w+", 0, (1,)), r"memmap"),
        (Calls(np.testing.assert_raises, Exception, os.mkdir, "attacked"), r"assert_raises"),
        (Calls(copyreg._reconstructor, object, object, None), r"_reconstructor"),
        (collections.OrderedDict(a=1), r"OrderedDict"),
        ({1, 2}, r"EMPTY_SET|set"),
        (frozenset([1]), r"FROZENSET|frozenset"),
        (np.ma.array([1.0]), r"numpy\.ma"),
        (np.array([1], "datetime64[s]"), r"neither number"),
        (np.zeros(1, [("a", "f4")]), r"neither number|fields"),
        (os.system, r"\.system"),
    ],
)
def test_what_is_no_data_is_refused_by_name_and_never_run(tmp_path, monkeypatch, protocol, attack, asked):
    monkeypatch.chdir(tmp_path)
    nested = {"train": {"raw_text": np.array([["fine"], [attack]], object), "id": [attack]}}
    with pytest.raises(PipelineError, match=f"refused, because it asks for .*({asked})"):
        read(tmp_path, pickle.dumps(nested, protocol=protocol))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.pkl"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "getlincoef"),
        ("numpy.f2py.diagnose", "run_command"),
        ("numpy.distutils.exec_command", "exec_command"),
        ("numpy.lib._npyio_impl", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "__builtins__"),
        ("builtins", "bytes.fromhex"),
        ("no.such.module", "at_all"),
    ],
)
def test_runnable_corners_of_numpy_are_refused_without_being_imported(tmp_path, module, name):
    with pytest.raises(PipelineError, match=f"asks for the global {module}.{name}"):
        read(tmp_path, Named(module, name, "import os; os.mkdir('attacked')").content)


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(K\x00tU\x01b\x87R"
F8 = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("extension", b"\x80\x02\x82\x01.", "the instruction EXT1"),
        ("extension of four bytes", b"\x80\x02\x84\x01\x00\x00\x00.", "the instruction EXT4"),
        ("persistent id", b"Psomewhere\n.", "the instruction PERSID"),
        ("binary persistent id", b"\x80\x02U\x01aQ.", "the instruction BINPERSID"),
        ("instance", b"(S'touch attacked'\nios\nsystem\n.", "the instruction INST"),
        ("object", b"(cnumpy\nndarray\nK\x01o.", "the instruction OBJ"),
        ("new object", b"\x80\x02cnumpy\nndarray\n(K\x01t\x81.", "the instruction NEWOBJ"),
        ("new object with keywords", b"\x80\x04cnumpy\nndarray\n)}\x92.", "the instruction NEWOBJ_EX"),
        ("buffer from elsewhere", b"\x80\x05\x97.", "the instruction NEXT_BUFFER"),
        ("no instruction", b"\x80\x02\xf3.", "no pickle has"),
        ("call of a string", b"\x80\x02U\x01a)R.", "a call of something"),
        ("call of a type", b"\x80\x02cnumpy\nndarray\n)R.", "a call of ndarray"),
        ("state of a dict", b"\x80\x02}}U\x05clearK\x01sb.", "a state for something"),
        ("state of a name", b"\x80\x02cnumpy\ndtype\n}U\x0c__defaults__)sb.", "a state for something"),
        ("entries of an array", NDARRAY + b"K\x00K\x01s.", "entries for something"),
        ("items of a name", b"\x80\x02cnumpy\ndtype\nK\x01a.", "items for something"),
        ("array of a type of its own", NDARRAY.replace(b"cnumpy\nndarray", b"cnumpy\ndtype") + b".", "of a kind"),
        ("dtype with object hooks", b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|U\x01aNNK\x00K\x00K?tb.", "fields"),
        ("dtype with many fields", b"cnumpy\ndtype\nU\x14f8,f8,f8,f8,f8,f8,f8K\x00K\x01\x87R.", "neither number"),
        ("dtype of its own type", b"cnumpy\ndtype\ncnumpy\nndarray\nK\x00K\x01\x87R.", "neither number"),
        ("deep key", b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s.", "a dict key that is a tuple"),
        ("decoding", b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aU\x03rot\x86R.", "_codecs.encode"),
    ],
)  # fmt: skip
def test_instructions_that_no_data_needs_are_refused(tmp_path, name, content, sentence):
    with pytest.raises(PipelineError, match=f"refused, because it asks for .*{sentence}"):
        read(tmp_path, content)


TERA = struct.pack("<Q", 1 << 40)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"not a pickle",
        b"\x80\x63.",
        pickle.dumps(PLAIN)[:-100],
        pickle.dumps(PLAIN)[:100],
        b"\x80\x04\x8e" + TERA + b".",  # bytes of a tebibyte
        b"\x80\x05\x96" + TERA + b".",  # a bytearray of as much
        b"\x80\x04\x8d" + TERA + b".",  # a string
        b"\x80\x04\x95" + TERA + b".",  # a frame
        b"\x80\x02T\xff\xff\xff\xffa.",
        b"L" + b"9" * 100_000 + b"L\n.",  # a number that takes the square of its digits
        NDARRAY
        + b"(K\x01(J\xff\xff\xff\x7ft"
        + F8
        + b"\x89U\x08"
        + bytes(8)
        + b"tb.",  # shape without content
        NDARRAY + b"(K\x01(J\xff\xff\xff\xfft" + F8 + b"\x89U\x08" + bytes(8) + b"tb.",
        NDARRAY + b"(K\x01(K\x02tcnumpy\ndtype\nU\x02O8K\x00K\x01\x87R\x89]tb.",
        b"\x80\x02h\x05.",
        b"(((((((.",
        b"0.",
    ],
)
def test_a_damaged_pickle_or_one_that_promises_too_much_is_a_sentence(tmp_path, content):
    with pytest.raises(PipelineError, match=r"features\.pkl: not a whole pickle|features\.pkl: refused"):
        read(tmp_path, content)


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=4))
@settings(max_examples=200)
def test_damage_anywhere_is_a_sentence_or_other_data(tmp_path_factory, position, damage):
    whole = pickle.dumps(
        {"a": np.arange(40.0).reshape(8, 5), "b": ["x", None, 2**70], "c": np.array(["y"], object)}
    )
    broken = bytearray(whole)
    position %= len(broken)
    broken[position : position + len(damage)] = damage
    # Any other exception fails the test.
    with contextlib.suppress(PipelineError):
        read(tmp_path_factory.mktemp("broken"), bytes(broken))


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match="not found"):
        read_pickle(tmp_path / "features.pkl")


def bomb(depth: int) -> list:
    """A list of ten times the same list of ten times the same list, and so on: small in a file, endless when it is read."""
    value: list = ["word"] * 10
    for _ in range(depth):
        value = [value] * 10
    return value


def holding_itself() -> list:
    value: list = []
    value.append(value)
    return value


def wrapped(value: object) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = value
    return array


def array_of(value: object) -> np.ndarray:
    """An array with one object; `np.array` would look through all the lists for its shape."""
    array = np.empty(1, object)
    array[0] = value
    return array


def nested(depth: int) -> bytes:
    return b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b"."


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(bomb(12)),
        pickle.dumps({"train": {"raw_text": bomb(12)}}),
        pickle.dumps(["x" * (1 << 20)] * (1 << 16)),
        pickle.dumps(holding_itself()),
        nested(150),
        nested(100_000),
        pickle.dumps([wrapped(bomb(9))] * 100),
    ],
)
def test_what_grows_when_it_is_read_is_refused(tmp_path, content):
    with pytest.raises(
        PipelineError, match=r"refused, because it asks for (lists in lists|a value that holds itself)"
    ):
        read(tmp_path, content)


def test_a_list_in_two_places_is_plain_data(tmp_path):
    shared = ["a", "b"]
    assert read(tmp_path, pickle.dumps({"x": shared, "y": [shared, shared]})) == {
        "x": shared,
        "y": [shared, shared],
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"  <!DOCTYPE HTML><html>", "is a web page"),
        (b"PK\x03\x04", "is a zip archive, an Excel workbook"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\x93NUMPY", r"is a NumPy array \(.npy\)"),
        (b"", "not a whole pickle"),
    ],
)
def test_what_is_no_pickle_is_named(tmp_path, content, sentence):
    with pytest.raises(PipelineError, match=sentence):
        read(tmp_path, content)


def test_a_name_with_line_breaks_stays_one_sentence(tmp_path):
    with pytest.raises(PipelineError, match="asks for the global") as raised:
        read(tmp_path, b"\x80\x04\x8c\x05a\nb.c\x8c\x03d\ne\x93.")
    assert "\n" not in str(raised.value)
