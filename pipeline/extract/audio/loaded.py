"""Importing it loads what `classic` calls of librosa, which loads itself when it is called: two seconds, once for all workers."""

from pipeline.execution.compilation import compile_once
from pipeline.extract.audio.classic import use_librosa

compile_once("librosa", use_librosa)
use_librosa()
