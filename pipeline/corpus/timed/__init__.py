"""Transcripts with times, one file per recording: subtitles, annotations of Praat and Transcriber, output of recognisers."""
