"""Faces to vectors: a pretrained image encoder (CLIP, DINOv2, ViT …) reads the face of each picture."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import transformers
from jaxtyping import UInt8

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import FeatureSequence
from pipeline.errors import PipelineError
from pipeline.execution.device import device_class
from pipeline.extract.batches import map_batches
from pipeline.extract.visual.face_pictures import FacePictures, picture_faces
from pipeline.extract.visual.mesh import FaceSettings
from pipeline.pretrained.layers import choose_layers
from pipeline.pretrained.loaded_where_used import LoadedWhereUsed
from pipeline.pretrained.models import EncoderSettings, find_pretrained

_PICTURES_PER_BATCH, _PICTURES_PER_BATCH_OF_A_GPU = 8, 128
# The parameter that stands before the patches, by the end of its name.
_CLASS_TOKENS = ("cls_token", "class_embedding")


class ImageEncoder(LoadedWhereUsed):
    """A pretrained transformer over patches of images, frozen, on the faces of a segment; see `FrameEncoder`.

    Of a model for images and text (CLIP, SigLIP) the part for images is taken. The vector of a face is that of the class token,
    or the mean over the patches where the model has none.

    Args:
        encoder: local folder or Hugging Face name, see `find_pretrained`.
        settings: layers and precision; layer 0 is the patches as they come in. Vectors are float32 in any case.
        faces: settings of the choice of the face and of the rate of pictures.
        device: device that computes, see `best_device`.

    Raises:
        PipelineError: no such encoder, no such layer, or one that does not read square images.
    """

    libraries: tuple[str, ...] = (
        "av", "mediapipe", "numpy", "opencv-python-headless", "torch", "transformers",
    )  # fmt: skip

    def __init__(
        self,
        encoder: str,
        *,
        settings: EncoderSettings,
        faces: FaceSettings,
        device: str,
    ) -> None:
        self._pretrained = find_pretrained(encoder, revision=settings.revision, parameter="visual.encoder")
        self._precision, self._where = settings.precision, device
        config = self._pretrained.load(transformers.AutoConfig)
        self._config = getattr(config, "vision_config", config)
        n_hidden, n_dimensions = (
            getattr(self._config, name, None) for name in ("num_hidden_layers", "hidden_size")
        )
        if n_hidden is None or n_dimensions is None or getattr(self._config, "patch_size", None) is None:
            raise PipelineError(
                f"visual.encoder: {encoder} is a {config.model_type}, which is no transformer over patches of images; expected "
                "an encoder such as CLIP, DINOv2 or ViT"
            )
        self._layers = choose_layers(
            "visual",
            encoder,
            layers=settings.layers,
            n_hidden=int(n_hidden),
        )
        prepares = self._pretrained.load_preparation(transformers.AutoImageProcessor, backend="pil")
        self._scale, self._mean, self._std = _scaling(prepares)
        self.prepare: Callable[[Segment], FacePictures] = partial(
            picture_faces, settings=faces, side=_side(prepares, encoder)
        )
        self.rate_hz = faces.frame_rate_hz
        identity = dict(self._pretrained.identity)
        self.spec: Mapping[str, Any] = {
            "encoder": identity.pop("model"),
            **identity,
            "layers": list(settings.layers),
            "precision": settings.precision,
            "hidden_size": n_dimensions,
            **asdict(faces),
        }
        self.columns: tuple[str, ...] = tuple(f"hidden_{i + 1}" for i in range(n_dimensions))
        self.device = device_class(device)

    def windows(self, given: FacePictures) -> Sequence[UInt8[np.ndarray, "side side 3"]]:
        """Each face is a window of its own."""
        return list(given.pictures)

    def read(self, windows: Iterable[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """One vector per face."""
        _ = self._model  # loaded once, before several threads ask for it
        n_rows = _PICTURES_PER_BATCH if self._where == "cpu" else _PICTURES_PER_BATCH_OF_A_GPU
        return map_batches(
            windows, self._read_batch, length_of=len, n_rows=lambda _: n_rows, device=self._where
        )

    def sequence(self, given: FacePictures, rows: Sequence[np.ndarray]) -> FeatureSequence:
        """One row per picture; zeros and not valid where no face was found."""
        if given.failure is not None:
            return FeatureSequence.empty(len(self.columns), given.failure)
        values = np.zeros((len(given.valid), len(self.columns)), np.float32)
        if len(rows):
            values[given.valid] = np.stack(rows)
        return FeatureSequence(values, given.times_s, given.valid, quality=given.quality, notes=given.notes)

    @torch.inference_mode()
    def _read_batch(self, faces: Sequence[np.ndarray], _: int) -> list[np.ndarray]:
        pixels = torch.from_numpy(np.stack(faces)).to(self._where).permute(0, 3, 1, 2).float()
        mean, std = (torch.tensor(of, device=self._where)[:, None, None] for of in (self._mean, self._std))
        pixels = ((pixels * self._scale - mean) / std).to(getattr(torch, self._precision))
        output = self._model(pixel_values=pixels, output_hidden_states=True)
        hidden = self._layers.mean(output.hidden_states)
        if hidden.ndim != 3 or hidden.shape[-1] != len(self.columns):
            raise PipelineError(
                f"visual.encoder: {self._pretrained.name} has hidden layers of shape {tuple(hidden.shape[1:])}; expected "
                f"patches of {len(self.columns)} numbers, choose another encoder or other visual.layers"
            )
        vectors = hidden[:, 0] if self._has_class_token else hidden.mean(dim=1)
        return list(vectors.cpu().numpy())

    @cached_property
    def _model(self) -> Any:
        model = self._pretrained.load_weights(precision=self._precision, config=self._config)
        return model.to(self._where)

    @cached_property
    def _has_class_token(self) -> bool:
        return any(name.endswith(_CLASS_TOKENS) for name, _ in self._model.named_parameters())


def _side(prepares: Any, encoder: str) -> int:
    """The side in pixels of the squares that the encoder reads."""
    crops = getattr(prepares, "do_center_crop", None) and getattr(prepares, "crop_size", None)
    size = dict(prepares.crop_size if crops else prepares.size)
    sides = [side for name in ("height", "width", "shortest_edge") if (side := size.get(name)) is not None]
    if len(set(sides)) != 1:
        raise PipelineError(
            f"visual.encoder: {encoder} reads images of {size}; expected one that reads squares"
        )
    return int(sides[0])


def _scaling(prepares: Any) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """The factor for pixels from 0 to 255, and the mean and standard deviation per colour after that."""
    scale = prepares.rescale_factor if prepares.do_rescale else 1.0
    if not prepares.do_normalize:
        return scale, (0.0,) * 3, (1.0,) * 3
    return scale, tuple(prepares.image_mean), tuple(prepares.image_std)
