"""A portrait that speaks, smiles, frowns and blinks: thin-plate-spline warps of one photograph.

Lengths are in pixels of the source photograph unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.interpolate import CubicSpline, RBFInterpolator

WIDTH_PX, HEIGHT_PX = 320, 240
_OVERSAMPLING = 2
_INVERSION_STEPS = 10
_FIELD_STEP_PX = 4
_MOUTH_COLOUR = (70.0, 28.0, 26.0)

_CROP_LEFT, _CROP_TOP, _CROP_RIGHT, _CROP_BOTTOM = 70, 0, 390, 240
_HEAD_CENTRE = (226.0, 104.0)

# Left and right are the viewer's. The photograph is NASA's portrait of Eileen Collins (public domain), as scikit-image ships it.
LANDMARKS: Mapping[str, tuple[float, float]] = {
    "mouth_left": (205.0, 141.2),
    "mouth_right": (243.8, 142.0),
    "lip_upper": (222.3, 138.0),
    "lip_lower": (222.5, 153.3),
    "lip_lower_left": (211.5, 151.0),
    "lip_lower_right": (233.5, 151.8),
    "teeth_upper": (222.0, 141.8),
    "teeth_upper_left": (212.5, 141.2),
    "teeth_upper_right": (232.5, 141.8),
    "teeth_lower": (222.5, 149.3),
    "teeth_lower_left": (212.0, 147.6),
    "teeth_lower_right": (233.0, 148.2),
    "chin": (223.8, 177.5),
    "jaw_left": (187.5, 160.0),
    "jaw_right": (258.8, 160.0),
    "cheek_left": (192.0, 130.0),
    "cheek_right": (258.0, 129.0),
    "brow_left_inner": (212.5, 91.8),
    "brow_left_middle": (202.5, 87.5),
    "brow_left_outer": (190.5, 90.5),
    "brow_right_inner": (238.0, 93.0),
    "brow_right_middle": (252.5, 91.8),
    "brow_right_outer": (265.5, 95.5),
    "eye_left_upper": (203.0, 98.0),
    "eye_left_lower": (203.8, 103.8),
    "eye_left_inner": (211.5, 103.0),
    "eye_left_outer": (194.5, 100.0),
    "eye_right_upper": (247.0, 100.5),
    "eye_right_lower": (248.0, 106.0),
    "eye_right_inner": (238.8, 103.8),
    "eye_right_outer": (258.0, 103.0),
    "nose_bridge": (225.5, 105.0),
    "nose_tip": (226.3, 128.8),
    "nose_left": (216.3, 130.0),
    "nose_right": (236.3, 131.3),
    "nose_base": (226.0, 133.5),
    "temple_left": (181.0, 105.0),
    "temple_right": (271.0, 107.5),
    "hairline": (222.5, 79.0),
}

Moves = Mapping[str, tuple[float, float]]

# Where one unit of an action moves the landmarks. The photograph smiles, so a resting face has a negative `smile`.
ACTIONS: Mapping[str, Moves] = {
    "open": {
        "lip_lower": (0.0, 8.0),
        "lip_lower_left": (0.0, 6.6),
        "lip_lower_right": (0.0, 6.6),
        "teeth_lower": (0.0, 8.5),
        "teeth_lower_left": (0.0, 6.6),
        "teeth_lower_right": (0.0, 6.6),
        "mouth_left": (1.0, 1.4),
        "mouth_right": (-1.0, 1.4),
        "chin": (0.0, 8.0),
        "jaw_left": (0.0, 3.0),
        "jaw_right": (0.0, 3.0),
        "lip_upper": (0.0, -1.0),
        "teeth_upper": (0.0, -1.0),
    },
    "close": {
        "lip_upper": (0.0, 1.2),
        "teeth_upper": (0.0, 2.4),
        "teeth_upper_left": (0.0, 1.8),
        "teeth_upper_right": (0.0, 1.8),
        "teeth_lower": (0.0, -3.8),
        "teeth_lower_left": (0.0, -3.2),
        "teeth_lower_right": (0.0, -3.2),
        "lip_lower": (0.0, -2.6),
        "lip_lower_left": (0.0, -2.2),
        "lip_lower_right": (0.0, -2.2),
    },
    "pucker": {
        "mouth_left": (5.0, 0.0),
        "mouth_right": (-5.0, 0.0),
        "lip_upper": (0.0, 0.8),
        "lip_lower": (0.0, 0.8),
    },
    "smile": {
        "mouth_left": (-4.2, -3.8),
        "mouth_right": (4.2, -3.8),
        "cheek_left": (-1.0, -2.4),
        "cheek_right": (1.0, -2.4),
        "lip_lower": (0.0, -0.6),
        "eye_left_lower": (0.0, -0.8),
        "eye_right_lower": (0.0, -0.8),
    },
    "brow_raise": {
        "brow_left_inner": (0.0, -5.0),
        "brow_left_middle": (0.0, -5.2),
        "brow_left_outer": (0.0, -4.2),
        "brow_right_inner": (0.0, -5.0),
        "brow_right_middle": (0.0, -5.2),
        "brow_right_outer": (0.0, -4.2),
        "eye_left_upper": (0.0, -0.8),
        "eye_right_upper": (0.0, -0.8),
    },
    "furrow": {
        "brow_left_inner": (2.6, 3.4),
        "brow_right_inner": (-2.6, 3.4),
        "brow_left_middle": (1.0, 1.6),
        "brow_right_middle": (-1.0, 1.6),
    },
    "blink": {"eye_left_upper": (0.0, 4.8), "eye_right_upper": (0.0, 4.6)},
}

# Where one unit of a trait moves the landmarks of a speaker's resting face.
TRAITS: Mapping[str, Moves] = {
    "jaw_width": {
        "jaw_left": (-6.0, 0.0),
        "jaw_right": (6.0, 0.0),
        "cheek_left": (-3.0, 0.0),
        "cheek_right": (3.0, 0.0),
        "chin": (0.0, 1.0),
    },
    "face_length": {"chin": (0.0, 7.0), "jaw_left": (0.0, 4.0), "jaw_right": (0.0, 4.0)}
    | {name: (0.0, 3.0) for name in LANDMARKS if name.startswith(("mouth_", "lip_", "teeth_"))},
    "eye_size": {
        "eye_left_upper": (0.0, -1.3),
        "eye_right_upper": (0.0, -1.3),
        "eye_left_lower": (0.0, 1.0),
        "eye_right_lower": (0.0, 1.0),
        "eye_left_outer": (-1.4, 0.0),
        "eye_right_outer": (1.4, 0.0),
    },
    "nose_size": {"nose_left": (-2.4, 0.5), "nose_right": (2.4, 0.5), "nose_tip": (0.0, 2.2)},
    "mouth_width": {"mouth_left": (-3.0, 0.0), "mouth_right": (3.0, 0.0)},
    "brow_height": {
        name: (0.0, -2.2)
        for side in ("left", "right")
        for name in (f"brow_{side}_inner", f"brow_{side}_middle", f"brow_{side}_outer")
    },
}


@dataclass(frozen=True)
class Look:
    """What tells one speaker's picture from another's.

    Attributes:
        traits: units of `TRAITS`, about -1 to 1.
        mirrored: whether left and right are exchanged.
        magnification: output pixels per pixel of the photograph; 1.2 makes the face about a third of the width.
        aspect: width of the head relative to its height, about 0.93 to 1.07.
        offset_px: resting place of the head relative to the middle of the picture.
        tint: shift of the person's colour in CIELAB's a* and b*.
        brightness: factor on the person's lightness.
        contrast: factor on the person's lightness about its mean.
        backdrop: two RGB colours, top and bottom.
    """

    traits: Mapping[str, float] = field(default_factory=dict)
    mirrored: bool = False
    magnification: float = 1.2
    aspect: float = 1.0
    offset_px: tuple[float, float] = (0.0, 0.0)
    tint: tuple[float, float] = (0.0, 0.0)
    brightness: float = 1.0
    contrast: float = 1.0
    backdrop: tuple[tuple[int, int, int], tuple[int, int, int]] = ((168, 164, 160), (120, 118, 116))


@dataclass(frozen=True)
class Pose:
    """Place of the head in one frame, relative to its rest: degrees, output pixels, factor."""

    roll_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0


@dataclass(frozen=True)
class Head:
    """One speaker's picture, ready to be animated."""

    look: Look

    def render(self, actions: Mapping[str, float], pose: Pose) -> UInt8[np.ndarray, "height width rgb=3"]:
        """Draw one frame.

        Args:
            actions: units of `ACTIONS`; those left out are 0.
            pose: place of the head.
        """
        forward = np.zeros_like(self._fields["open"])
        for name, units in actions.items():
            forward += np.float32(units) * self._fields[name]
        person = self._with_open_mouth(_push(self._plate, forward), actions)
        size_px = (WIDTH_PX * _OVERSAMPLING, HEIGHT_PX * _OVERSAMPLING)
        placed = cv2.warpAffine(person, self._placement(pose), size_px, flags=cv2.INTER_LINEAR)
        alpha = placed[..., 3:]
        picture = placed[..., :3] + (1.0 - alpha) * self._backdrop
        frame = cv2.resize(picture, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
        if self.look.mirrored:
            frame = frame[:, ::-1]
        return np.ascontiguousarray(np.clip(frame + 0.5, 0, 255).astype(np.uint8))

    def _with_open_mouth(
        self, person: Float32[np.ndarray, "height width rgba=4"], actions: Mapping[str, float]
    ) -> Float32[np.ndarray, "height width rgba=4"]:
        """Darken what a warp cannot show: the gap between the teeth and the lowered lip."""
        lip_names = ("mouth_left", "teeth_lower_left", "teeth_lower", "teeth_lower_right", "mouth_right")
        lowered = _total_moves(ACTIONS, actions)
        teeth = _total_moves(ACTIONS, {**actions, "open": 0.4 * actions.get("open", 0.0)})
        lip_line = np.array([self._points[name] + lowered[name] for name in lip_names])
        teeth_line = np.array([self._points[name] + teeth[name] for name in lip_names])
        outline = np.concatenate([_smooth_curve(lip_line), _smooth_curve(teeth_line)[::-1]])
        outline = _OVERSAMPLING * (outline - (_CROP_LEFT, _CROP_TOP) + 0.5) - 0.5
        gap = np.zeros(person.shape[:2], np.float32)
        cv2.fillPoly(gap, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
        gap = 0.85 * cv2.GaussianBlur(gap, (0, 0), 1.2)[..., None]
        colour = np.array([*_MOUTH_COLOUR, 1.0], np.float32)
        darkened: np.ndarray = (1 - gap) * person + gap * colour
        return darkened

    def _placement(self, pose: Pose) -> Float[np.ndarray, "2 3"]:
        scale = self.look.magnification * pose.zoom
        angle = np.deg2rad(pose.roll_deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.diag([scale * self.look.aspect, scale])
        rest = np.array([WIDTH_PX / 2, HEIGHT_PX / 2]) + self.look.offset_px + pose.shift_px
        centre = _OVERSAMPLING * (np.array(_HEAD_CENTRE) - (_CROP_LEFT, _CROP_TOP))
        return np.column_stack([matrix, _OVERSAMPLING * rest - matrix @ centre])

    @cached_property
    def _points(self) -> dict[str, np.ndarray]:
        moves = _total_moves(TRAITS, self.look.traits)
        return {name: np.array(place) + moves[name] for name, place in LANDMARKS.items()}

    @cached_property
    def _fields(self) -> dict[str, Float32[np.ndarray, "height width xy=2"]]:
        moves = [_total_moves(ACTIONS, {name: 1.0}) for name in ACTIONS]
        return dict(zip(ACTIONS, _displacement_fields(self._points, moves), strict=True))

    @cached_property
    def _plate(self) -> Float32[np.ndarray, "height width rgba=4"]:
        """The person without the backdrop, colour premultiplied by opacity."""
        photograph, opacity = _photograph()
        lab = cv2.cvtColor(photograph.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        mean = float(np.average(lab[..., 0], weights=opacity))
        lab[..., 0] = np.clip(
            ((lab[..., 0] - mean) * self.look.contrast + mean) * self.look.brightness, 0, 100
        )
        lab[..., 1:] += np.array(self.look.tint, np.float32)
        colour = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255
        plate = np.dstack([colour * opacity[..., None], opacity]).astype(np.float32)
        resting = {name: np.array(place) for name, place in LANDMARKS.items()}
        (forward,) = _displacement_fields(resting, [_total_moves(TRAITS, self.look.traits)])
        return _push(plate, forward)

    @cached_property
    def _backdrop(self) -> Float32[np.ndarray, "height width rgb=3"]:
        top, bottom = (np.array(colour, np.float32) for colour in self.look.backdrop)
        y, x = np.mgrid[0 : HEIGHT_PX * _OVERSAMPLING, 0 : WIDTH_PX * _OVERSAMPLING].astype(np.float32)
        depth = np.clip(0.8 * y / y.max() + 0.2 * x / x.max(), 0, 1)[..., None]
        backdrop: np.ndarray = (1 - depth) * top + depth * bottom
        return backdrop


def _smooth_curve(points: Float[np.ndarray, "point xy=2"]) -> Float[np.ndarray, "finer xy=2"]:
    curve: np.ndarray = CubicSpline(np.arange(len(points)), points)(np.linspace(0, len(points) - 1, 33))
    return curve


def _total_moves(table: Mapping[str, Moves], units: Mapping[str, float]) -> dict[str, np.ndarray]:
    total = {name: np.zeros(2) for name in LANDMARKS}
    for action, amount in units.items():
        for name, move in table[action].items():
            total[name] = total[name] + amount * np.array(move)
    return total


def _displacement_fields(
    points: Mapping[str, np.ndarray], moves: list[dict[str, np.ndarray]]
) -> list[Float32[np.ndarray, "height width xy=2"]]:
    """Thin-plate splines through the moves at the points, zero on the border."""
    x = np.linspace(_CROP_LEFT, _CROP_RIGHT, 9)
    y = np.linspace(_CROP_TOP, _CROP_BOTTOM, 7)
    border = [(a, b) for a in x for b in (y[0], y[-1])] + [(a, b) for a in (x[0], x[-1]) for b in y[1:-1]]
    sites = np.array([*points.values(), *border])
    values = np.concatenate([np.array([move[name] for name in points]) for move in moves], axis=1)
    values = np.concatenate([values, np.zeros((len(border), values.shape[1]))])
    spline = RBFInterpolator(sites, values, kernel="thin_plate_spline", smoothing=1e-3)

    step = _FIELD_STEP_PX
    height, width = _CROP_BOTTOM - _CROP_TOP, _CROP_RIGHT - _CROP_LEFT
    rows, columns = np.mgrid[: height // step, : width // step] * step + (step - 1) / 2
    coarse = spline(np.stack([columns.ravel() + _CROP_LEFT, rows.ravel() + _CROP_TOP], axis=1))
    coarse = coarse.astype(np.float32).reshape(*rows.shape, len(moves), 2)
    return [
        cv2.resize(np.ascontiguousarray(coarse[:, :, k]), (width, height), interpolation=cv2.INTER_CUBIC)
        for k in range(len(moves))
    ]


def _push(
    plate: Float32[np.ndarray, "tall wide channel"], forward: Float32[np.ndarray, "height width xy=2"]
) -> Float32[np.ndarray, "tall wide channel"]:
    """Move every point of the plate by the field's value at that point.

    Drawing needs the field at the point of arrival, the solution of `d(x) = forward(x - d(x))`: taken at the point of
    departure instead, a closing lid would drag the brow down with it.
    """
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in forward.shape[1::-1]))
    backward = forward
    for _ in range(_INVERSION_STEPS):
        backward = _sample(forward, x - backward[..., 0], y - backward[..., 1])
    size = plate.shape[1::-1]
    backward = _OVERSAMPLING * cv2.resize(backward, size, interpolation=cv2.INTER_LINEAR)
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in size))
    return _sample(plate, x - backward[..., 0], y - backward[..., 1])


def _sample(
    picture: Float32[np.ndarray, "tall wide channel"],
    x: Float32[np.ndarray, "height width"],
    y: Float32[np.ndarray, "height width"],
) -> Float32[np.ndarray, "height width channel"]:
    sampled: np.ndarray = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled


def _photograph() -> tuple[UInt8[np.ndarray, "height width rgb=3"], Float32[np.ndarray, "height width"]]:
    """The cropped, enlarged photograph and the person's opacity in it."""
    import skimage.data

    crop = np.ascontiguousarray(skimage.data.astronaut()[_CROP_TOP:_CROP_BOTTOM, _CROP_LEFT:_CROP_RIGHT])
    size = (crop.shape[1] * _OVERSAMPLING, crop.shape[0] * _OVERSAMPLING)
    return cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), cv2.resize(_person_opacity(crop), size)


def _person_opacity(crop: UInt8[np.ndarray, "height width rgb=3"]) -> Float32[np.ndarray, "height width"]:
    """GrabCut from an ellipse round the head and one round the shoulders; everything far from both is backdrop."""
    mask = np.full(crop.shape[:2], cv2.GC_BGD, np.uint8)
    head = (int(_HEAD_CENTRE[0]) - _CROP_LEFT + 1, 98 - _CROP_TOP)
    shoulders = (222 - _CROP_LEFT, 252 - _CROP_TOP)
    cv2.ellipse(mask, head, (84, 92), 0, 0, 360, cv2.GC_PR_BGD, -1)
    cv2.ellipse(mask, shoulders, (150, 116), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, head, (58, 66), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, (head[0], head[1] + 8), (38, 62), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(mask, shoulders, (60, 80), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.setRNGSeed(0)
    cv2.grabCut(crop, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # The photograph's backdrop shines through the outermost pixel of the hair.
    opacity: np.ndarray = cv2.GaussianBlur(cv2.erode(person, np.ones((2, 2), np.uint8)), (0, 0), 0.9)
    return opacity.clip(0, 1)
