# Everything a run needs on a CPU; docs/howto/container.md says how it is used.
# Python 3.11: every package of the lock that holds machine code has a wheel for it. pocketsphinx has none for 3.12 and would need a compiler.
FROM python:3.11-slim-bookworm AS environment
# PyPI's torch for Linux brings CUDA, some gigabytes; this index has the same version for CPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make=4.* \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Makefile requirements.lock ./
RUN PIP_EXTRA_INDEX_URL="$TORCH_INDEX" PIP_NO_CACHE_DIR=1 make VENV=/opt/environment /opt/environment/.run
# The Makefile leaves byte code to the first import, but who runs the image may not write it here. Some files of packages are templates,
# which are no Python and stay as they are.
RUN /opt/environment/bin/python -m compileall -qq -j 0 /opt/environment/lib || true

FROM python:3.11-slim-bookworm
# git is what DVC keeps experiments in; numba, behind librosa, loads OpenMP from libgomp.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git=1:2.* libgomp1=12.* make=4.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 researcher
COPY --from=environment /opt/environment /opt/environment
ENV PATH=/opt/environment/bin:$PATH \
    OMP_NUM_THREADS=1 \
    DVC_NO_ANALYTICS=1 \
    PYTHONUNBUFFERED=1
USER 1000
WORKDIR /study
CMD ["dvc", "repro"]
