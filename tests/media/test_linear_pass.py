"""The parts of a pass, each alone; the whole is tested on recordings."""

from dataclasses import dataclass

import pytest
from av.video.frame import PictureType

from pipeline.media.linear_pass import _Continuity, _FrameClock, _StorageClock


@dataclass
class Packet:
    dts: int | None = 0
    pts: int | None = 0
    size: int = 1
    is_keyframe: bool = False


@dataclass
class Frame:
    pts: int | None
    dts: int | None = None
    pict_type: PictureType = PictureType.P


def test_a_frame_has_its_own_time_or_that_of_its_packet():
    assert _FrameClock().time_of(Frame(pts=3, dts=1)) == 3
    assert _FrameClock().time_of(Frame(pts=None, dts=1)) == 1


def test_the_order_of_storage_gives_the_earliest_open_count():
    clock = _StorageClock()
    for dts in (4, 1, 3, 2):
        clock.add(Packet(dts=dts))
    clock.add(Packet(dts=0, size=0))  # the flush at the end
    clock.drop(Packet(dts=3))
    clock.drop(Packet(dts=9))
    assert [clock.time_of(Frame(pts=None)) for _ in range(4)] == [1, 2, 4, None]


@pytest.mark.parametrize(
    ("times_s", "intact"), [((0.0, 0.9, 0.5), True), ((0.0, 1.1), False), ((2.0, 0.5), False)]
)
def test_a_jump_in_time_breaks_off(times_s, intact):
    continuity = _Continuity()
    for time_s in times_s:
        continuity.add_frame(Frame(pts=None), time_s)
    assert continuity.intact == intact


@pytest.mark.parametrize("has_entries", [True, False])
@pytest.mark.parametrize("kind", [PictureType.I, PictureType.P])
def test_an_entry_at_a_picture_that_rests_on_others_breaks_off(kind, has_entries):
    continuity = _Continuity()
    continuity.begin(has_entries=has_entries)
    continuity.add_packet(Packet(pts=5, is_keyframe=True))
    continuity.add_frame(Frame(pts=5, pict_type=kind), 0.2)
    assert continuity.intact == (kind == PictureType.I or not has_entries)


def test_what_was_lost_stays_lost_where_reading_begins_anew():
    continuity = _Continuity()
    continuity.break_off()
    continuity.begin(has_entries=True)
    assert not continuity.intact
