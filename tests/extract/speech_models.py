"""Small speech models of the real classes, saved as a user would have them.

The language of the trained one has six letters, each a tone; its words are letters end to end, with pauses between them.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import AddedToken
from transformers import (
    GenerationConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

RATE_HZ = 16_000
LETTERS = "ABCDEF"
LETTER_S, PAUSE_S = 0.1, 0.2
_FREQUENCIES_HZ = dict(zip(LETTERS, (300, 500, 800, 1200, 1800, 2600), strict=True))


def ctc_folder(
    folder: Path, letters: Sequence[str], *, model: Wav2Vec2ForCTC | None = None, **config
) -> Path:
    """A CTC model of these letters, with random weights where none is given."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {label: i for i, label in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *letters])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)
    torch.manual_seed(0)
    (model or Wav2Vec2ForCTC(ctc_config(len(vocabulary), **config))).save_pretrained(folder)
    return folder


def ctc_config(n_classes: int, **changes) -> Wav2Vec2Config:
    """As small as it gets: two convolutions with a stride of 20 ms together, and one layer."""
    small = {
        "vocab_size": n_classes,
        "pad_token_id": 0,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (32, 32),
        "conv_kernel": (400, 3),
        "conv_stride": (160, 2),
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": "layer",
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "layerdrop": 0.0,
        "apply_spec_augment": False,
    }
    return Wav2Vec2Config(**(small | changes))


def tones(words: Sequence[str], *, seed: int = 0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """The sound of words with pauses around and between, and the true start and end of each."""
    random = np.random.default_rng(seed)
    parts, spans, at_s = [np.zeros(round(PAUSE_S * RATE_HZ))], [], PAUSE_S
    for word in words:
        start_s = at_s
        for letter in word:
            length_s = LETTER_S * random.uniform(0.8, 1.2)
            time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
            parts.append(0.4 * np.sin(2 * np.pi * _FREQUENCIES_HZ[letter] * time_s))
            at_s += len(time_s) / RATE_HZ
        spans.append((start_s, at_s))
        pause = np.zeros(round(PAUSE_S * random.uniform(0.7, 1.5) * RATE_HZ))
        parts.append(pause)
        at_s += len(pause) / RATE_HZ
    samples = np.concatenate(parts) + 0.003 * random.standard_normal(sum(map(len, parts)))
    return samples.astype(np.float32), spans


def random_words(n_words: int, *, seed: int) -> list[str]:
    """Words without doubled letters, which two tones end to end are not."""
    random = np.random.default_rng(seed)
    words = []
    for _ in range(n_words):
        word = str(random.choice(list(LETTERS)))
        while len(word) < random.integers(2, 6):
            word += str(random.choice([letter for letter in LETTERS if letter != word[-1]]))
        words.append(word)
    return words


def train_ctc(folder: Path, *, n_steps: int = 60) -> Path:
    """A model that has learnt the language of tones, frame by frame."""
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(ctc_config(5 + len(LETTERS)))
    model.train()
    prepare = Wav2Vec2FeatureExtractor(do_normalize=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(n_steps):
        words = random_words(6, seed=1000 + step)
        samples, spans = tones(words, seed=step)
        inputs = prepare(samples, sampling_rate=RATE_HZ, return_tensors="pt").input_values
        logits = model(inputs).logits[0]
        truth = torch.from_numpy(_frame_labels(words, spans, len(logits)))
        loss = torch.nn.functional.cross_entropy(logits, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return ctc_folder(folder, LETTERS, model=model.eval())


def _frame_labels(words, spans, n_frames: int) -> np.ndarray:
    """Letters where they sound, the sign between words in the middle of a pause, else the blank."""
    centres_s = (np.arange(n_frames) * 320 + 360) / RATE_HZ  # two convolutions reach over 720 samples
    labels = np.zeros(n_frames, np.int64)
    for word, (start_s, end_s) in zip(words, spans, strict=True):
        inside = (start_s <= centres_s) & (centres_s < end_s)
        place = (centres_s[inside] - start_s) / (end_s - start_s) * len(word)
        letters = np.array([LETTERS.index(letter) for letter in word])
        labels[inside] = 5 + letters[np.minimum(place.astype(int), len(word) - 1)]
    for (_, end_s), (start_s, _) in itertools.pairwise(spans):
        labels[np.abs(centres_s - (start_s + end_s) / 2).argmin()] = 4
    return labels


def whisper_folder(folder: Path, *, says: str, timed: bool = True) -> Path:
    """A Whisper that has learnt one sentence and says it to any sound; its tokens are bytes. It knows English and Chinese."""
    vocabulary = {character: i for i, character in enumerate(bytes_to_unicode().values())}
    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        "<|en|>",
        "<|zh|>",
        "<|translate|>",
        "<|transcribe|>",
    ]
    special += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special += [f"<|{0.02 * i:.2f}|>" for i in range(1501)]
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[], unk_token="<|endoftext|>")
    tokenizer.add_tokens([AddedToken(text, special=True) for text in special], special_tokens=True)
    number = tokenizer.convert_tokens_to_ids
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_mel_bins=8,
        max_target_positions=64,
        pad_token_id=number("<|endoftext|>"),
        bos_token_id=number("<|endoftext|>"),
        eos_token_id=number("<|endoftext|>"),
        decoder_start_token_id=number("<|startoftranscript|>"),
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config)
    prompt = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    _teach(model, byte_tokens(says), prompt=number(prompt))
    model.generation_config = GenerationConfig(
        max_length=64,
        bos_token_id=number("<|endoftext|>"),
        eos_token_id=number("<|endoftext|>"),
        pad_token_id=number("<|endoftext|>"),
        decoder_start_token_id=number("<|startoftranscript|>"),
        is_multilingual=True,
        lang_to_id={code: number(code) for code in ("<|en|>", "<|zh|>")},
        task_to_id={task: number(f"<|{task}|>") for task in ("translate", "transcribe")},
        no_timestamps_token_id=number("<|notimestamps|>"),
        prev_sot_token_id=number("<|startofprev|>"),
        **({"alignment_heads": [[0, 0], [1, 1]]} if timed else {}),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=8).save_pretrained(folder)
    return folder


def byte_tokens(text: str) -> list[int]:
    """The tokens of `whisper_folder` for a text."""
    order = {byte: i for i, byte in enumerate(bytes_to_unicode())}
    return [order[byte] for byte in text.encode()]


def _teach(model: WhisperForConditionalGeneration, says: Sequence[int], *, prompt: Sequence[int]) -> None:
    """Let the decoder say it to anything that the encoder may give, until it is sure."""
    tokens = torch.tensor([[*prompt, *says, model.config.eos_token_id]])
    optimiser = torch.optim.Adam(model.model.decoder.parameters(), lr=1e-2)
    for _ in range(150):
        heard = (torch.randn(1, 50, model.config.d_model),)
        logits = model(encoder_outputs=heard, decoder_input_ids=tokens[:, :-1]).logits[0]
        loss = torch.nn.functional.cross_entropy(logits[len(prompt) - 1 :], tokens[0, len(prompt) :])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
