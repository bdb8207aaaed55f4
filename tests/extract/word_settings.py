"""The section `words` as it is without a named model."""

WITHOUT_MODELS: dict[str, str | None] = {
    "aligner": "pocketsphinx",
    "ctc_model": None,
    "ctc_revision": "main",
    "recogniser": "pocketsphinx",
    "whisper_model": None,
    "whisper_revision": "main",
}
