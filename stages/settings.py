"""Sections of params.yaml as the settings of the library: each value goes to the field of its own name."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.aligned.split import AlignedSplit
from pipeline.grcf.fit.loop import TrainingSettings
from pipeline.grcf.network.network import NetworkSettings
from pipeline.grcf.network.word_encoder import FinetuningSettings


def network_settings(section: params.Network, *, n_classes: int = 0) -> NetworkSettings:
    """The section `network`, with a score for each class, or one where labels are no classes."""
    return NetworkSettings(
        fusion=section.fusion,
        width=section.width,
        dropout=section.dropout,
        input_dropout=section.input_dropout,
        n_outputs=max(n_classes, 1),
    )


def training_settings(
    section: params.Training, finetuning: params.Finetuning, *, epochs: int, learning_rate: float
) -> TrainingSettings:
    """The sections `training` and `finetuning`, with the epochs and the learning rate of a stage."""
    return TrainingSettings(
        epochs=epochs,
        epoch=section.epoch,
        learning_rate=learning_rate,
        batch_size=section.batch_size,
        weight_decay=section.weight_decay,
        modality_dropout=section.modality_dropout,
        word_dropout=section.word_dropout,
        precision=section.precision,
        chunk_size=section.chunk_size,
        balance=section.balance,
        balance_strength=section.balance_strength,
        finetuning=FinetuningSettings(
            layers=finetuning.layers,
            adapter_rank=finetuning.adapter_rank,
            embeddings=finetuning.embeddings,
            learning_rate=finetuning.learning_rate,
            layer_decay=finetuning.layer_decay,
            warm_up=finetuning.warm_up,
            gradient_checkpointing=finetuning.gradient_checkpointing,
        ),
    )


def read_learnt(path: Path) -> AlignedSplit:
    """A split as the stages that train see it: of the corpora that `training.corpora` names.

    Raises:
        PipelineError: the file is missing or damaged, or has no segment of a corpus that is named.
    """
    return read_aligned(path).of_corpora(params.load(params.Training).corpora)
