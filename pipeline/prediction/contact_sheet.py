"""A contact sheet of tiles, as a page or as one picture."""

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import PipelineError, written_out
from pipeline.pages.numbers import plural, signed
from pipeline.pages.palette import rgb
from pipeline.pages.templates import render_page
from pipeline.prediction.explanation import METHODS
from pipeline.prediction.preview import TILE_WIDTH, Sheet, Tile

_QUALITY = 85
_COLUMNS, _GAP, _LINE = 3, 12, 19
_PAPER, _INK, _QUIET = rgb("page"), rgb("text"), rgb("quiet")


def heading(sheet: Sheet) -> str:
    """What the sheet shows, in a line."""
    segment, words = sheet.segment, sheet.spoken
    spoken = (
        f"{plural(len(words.words), 'word')}, {METHODS[words.align_method]}" if words.words else "no words"
    )
    return written_out(
        f"{segment.id}, {segment.start_s:.2f} to {segment.end_s:.2f} s: a face in {sheet.n_faces} of {sheet.n_frames} "
        f"pictures; {spoken}"
    )


def numbers(tile: Tile) -> str:
    """The valid flag, and the pose of the head where there is one."""
    if tile.pose is None or tile.face_size is None:
        return "not valid: no face found"
    yaw, pitch, roll = (f"{signed(angle, 0)}°" for angle in tile.pose)
    enlarged = ", enlarged" if tile.zoomed else ""
    return f"valid; yaw {yaw}, pitch {pitch}, roll {roll}; size {tile.face_size:.2f}{enlarged}"


def as_html(sheet: Sheet) -> str:
    """A page that holds its pictures and needs nothing else."""
    tiles = [(tile, _encoded(".jpg", tile.image), numbers(tile)) for tile in sheet.tiles]
    return render_page(
        __file__,
        "preview.html.j2",
        title=f"{sheet.segment.id}: what the extractor saw",
        styles=["preview.css"],
        heading=heading(sheet),
        tiles=tiles,
    )


def _encoded(suffix: str, image: UInt8[np.ndarray, "height width 3"]) -> str:
    return base64.b64encode(_bytes(suffix, image)).decode()


def _bytes(suffix: str, image: UInt8[np.ndarray, "height width 3"]) -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if suffix == ".jpg" else []
    done, content = cv2.imencode(suffix, image[:, :, ::-1], settings)
    if not done:
        raise PipelineError(
            f"a picture of {image.shape} could not be written as {suffix}; choose another --out"
        )
    return bytes(content)


def as_png(sheet: Sheet) -> bytes:
    """One picture of all tiles with their words and numbers.

    Raises:
        PipelineError: a word has letters that the font does not have.
    """
    _refuse_unknown_letters(sheet)
    n_columns = min(_COLUMNS, len(sheet.tiles))
    tile_height = max(tile.image.shape[0] for tile in sheet.tiles) + 3 * _LINE + _GAP
    n_rows = -(-len(sheet.tiles) // n_columns)
    width = n_columns * (TILE_WIDTH + _GAP) + _GAP
    lines = _wrapped(heading(sheet), width - 2 * _GAP)
    top = _GAP + len(lines) * _LINE + _GAP
    page = Image.new("RGB", (width, top + n_rows * tile_height), _PAPER)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((_GAP, _GAP + number * _LINE), line, _INK, _font())
    for number, tile in enumerate(sheet.tiles):
        row, column = divmod(number, n_columns)
        left, upper = _GAP + column * (TILE_WIDTH + _GAP), top + row * tile_height
        page.paste(Image.fromarray(tile.image), (left, upper))
        _write_below(draw, tile, left, upper + tile.image.shape[0] + 4)
    return _bytes(".png", np.asarray(page))


def _write_below(draw: ImageDraw.ImageDraw, tile: Tile, left: int, upper: int) -> None:
    x = float(left)
    parts = (
        (f"{tile.time_s:.2f} s   ", _INK),
        (tile.before, _QUIET),
        (tile.word or "·", _INK),
        (tile.after, _QUIET),
    )
    for text, colour in parts:
        if text:
            draw.text((x, upper), text, colour, _font())
            x += draw.textlength(text + " ", _font())
    for number, line in enumerate(_wrapped(numbers(tile), TILE_WIDTH)[:2]):
        draw.text((left, upper + (number + 1) * _LINE), line, _QUIET, _font())


def _wrapped(text: str, width: int) -> Sequence[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font().getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _font_file() -> str:
    """The font that comes with Matplotlib, so that the sheet is the same everywhere."""
    return str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_font_file(), 13)


def _refuse_unknown_letters(sheet: Sheet) -> None:
    known = FT2Font(_font_file()).get_charmap()
    written = heading(sheet) + "".join(tile.before + tile.word + tile.after for tile in sheet.tiles)
    unknown = sorted({letter for letter in written if ord(letter) not in known})
    if unknown:
        raise PipelineError(
            f"the font of PNG sheets has no {unknown[0]!r}, which is in the words; write a page with --out FILE.html"
        )
