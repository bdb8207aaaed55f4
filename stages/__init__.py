"""One thin entry per DVC stage: load what is declared, compute in the library, write what is declared."""
