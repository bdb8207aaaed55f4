"""Clusters to which `$GRCF_ENGINE` connects, encrypted and on no port that is not needed."""

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from pipeline.errors import PipelineError
from pipeline.execution.cache import path_named
from pipeline.execution.engines.protocol import VARIABLE
from pipeline.execution.variables import variable
from pipeline.strict import StrictModel
from pipeline.yaml12 import read_yaml

SETTINGS_VARIABLE = "GRCF_CLUSTER"
_SETTINGS = "~/.config/grcf/cluster.yaml"
_CONNECT_S = 30
_LOOPBACK = "127.0.0.1"
# A port of the dashboard is opened whether it is wanted or not; this one nobody outside can reach.
_NO_DASHBOARD = f"{_LOOPBACK}:0"
# Sampling of stacks, which takes 2 % of a core at rest.
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.large-graph-warning-threshold": "100MB",
}


def _time_of_slurm(text: str) -> str:
    """A time that `--time` of SLURM takes; with another one sbatch would refuse each job, and the run wait for one.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"([0-9]+-)?[0-9]+(:[0-9]+){0,2}|unlimited|infinite", text, re.IGNORECASE):
        raise ValueError("expected a time such as 04:00:00 or 2-12:00:00")
    return text


class ClusterSettings(StrictModel):
    """What `cluster.yaml` says of a cluster; see docs/howto/cluster.md.

    Attributes:
        jobs: SLURM jobs that are asked for, a Dask worker each; lost ones are replaced.
        cores: cores of each job, and pieces that it computes side by side.
        memory: memory of each job, such as `32GB`.
        walltime: longest time of a job, as `--time` of SLURM takes it.
        partition: partition of SLURM; None for the default.
        account: account of SLURM; None for the default.
        gpus: GPUs of each job.
        directives: further lines after `#SBATCH`.
        prologue: lines of shell before a worker starts, such as `module load`.
        interface: network interface of the scheduler and workers, such as `ib0`; None for the default.
        shared_folder: folder that all machines see, for the keys of the encryption; None for that of the run.
        tls_ca: certificate of the authority, for `tls://` addresses.
        tls_certificate: certificate of the head, likewise.
        tls_key: key of the head, likewise.
    """

    jobs: int = Field(default=1, ge=1)
    cores: int = Field(default=1, ge=1)
    memory: str = "4GB"
    walltime: Annotated[str, AfterValidator(_time_of_slurm)] = "01:00:00"
    partition: str | None = None
    account: str | None = None
    gpus: int = Field(default=0, ge=0)
    directives: list[str] = Field(default_factory=list)
    prologue: list[str] = Field(default_factory=list)
    interface: str | None = None
    shared_folder: str | None = None
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None


def read_settings() -> ClusterSettings:
    """Those of `$GRCF_CLUSTER`, else of `~/.config/grcf/cluster.yaml`, else the defaults.

    Raises:
        PipelineError: the file is not there although it was named, or holds something else than these settings.
    """
    named = variable(SETTINGS_VARIABLE)
    path = path_named(named or _SETTINGS)
    if not named and not path.is_file():
        return ClusterSettings()
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise PipelineError(
            f"{path}: not found, though {SETTINGS_VARIABLE} names it; write it as docs/howto/cluster.md shows"
        ) from None
    try:
        return ClusterSettings.model_validate({} if content is None else content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        reason = problem["msg"].removeprefix("Value error, ")
        raise PipelineError(
            f"{path}: {where} is {problem['input']!r}: {reason[0].lower()}{reason[1:]}; the keys are "
            f"{', '.join(ClusterSettings.model_fields)}"
        ) from None


@contextmanager
def connected(chosen: str) -> Iterator[Any]:
    """A client of the cluster that `$GRCF_ENGINE` names; one that was started here ends with it.

    Raises:
        PipelineError: no such engine, no scheduler at the address, or no SLURM on this machine.
    """
    import dask
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(_QUIET))
        if match := re.fullmatch(r"local:([1-9][0-9]*)", chosen):
            cluster = stack.enter_context(ended_quietly(_local(int(match[1])), chosen))
            yield stack.enter_context(ended_quietly(Client(cluster), chosen))
        elif chosen == "slurm":
            cluster = stack.enter_context(ended_quietly(_slurm(read_settings()), chosen))
            yield stack.enter_context(ended_quietly(Client(cluster), chosen))
        elif re.fullmatch(r"(tls|tcp)://[^/\s]+:[0-9]+", chosen):
            yield stack.enter_context(ended_quietly(_client_of(chosen, read_settings()), chosen))
        else:
            raise PipelineError(
                f"{VARIABLE} is {chosen!r}; expected local:N, slurm, tls://host:port or tcp://host:port"
            )


@contextmanager
def ended_quietly(opened: AbstractContextManager[Any], chosen: str) -> Iterator[Any]:
    """A cluster or a client; what its end raises is a line on standard error, and takes the place of no result or error of the run."""
    found = opened.__enter__()
    try:
        yield found
    finally:
        try:
            opened.__exit__(None, None, None)
        except Exception as error:
            sys.stderr.write(
                f"{VARIABLE}={chosen}: the cluster did not end as it should ({type(error).__name__}: {error}); see whether "
                "jobs or workers of it are left\n"
            )


def expected_slots(chosen: str, client: Any) -> int:
    """How many pieces a cluster will compute side by side; jobs of SLURM may still be waiting."""
    if chosen == "slurm":
        settings = read_settings()
        return settings.jobs * settings.cores
    n_cores: int = sum(client.ncores().values())
    return max(n_cores, 1)


def _local(n_slots: int) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=1,
        threads_per_worker=n_slots,
        memory_limit=0,
        host=_LOOPBACK,
        security=True,
        dashboard_address=_NO_DASHBOARD,
        worker_dashboard_address=_NO_DASHBOARD,
    )


def _slurm(settings: ClusterSettings) -> Any:
    from shutil import which

    if which("sbatch") is None:
        raise PipelineError(
            f"{VARIABLE} is 'slurm', but there is no sbatch on this machine; run it on a login node"
        )
    from distributed.security import Security

    from pipeline.execution.engines.slurm_jobs import TellingCluster

    shared = path_named(settings.shared_folder or ".dvc/tmp").resolve()
    try:
        cluster = TellingCluster(
            queue=settings.partition,
            account=settings.account,
            cores=settings.cores,
            processes=1,
            memory=settings.memory,
            walltime=settings.walltime,
            job_extra_directives=[
                *([f"--gres=gpu:{settings.gpus}"] if settings.gpus else []),
                *settings.directives,
            ],
            job_script_prologue=settings.prologue,
            interface=settings.interface,
            log_directory=str(shared / "cluster"),
            worker_extra_args=["--dashboard-address", _NO_DASHBOARD],
            scheduler_options={"dashboard_address": _NO_DASHBOARD},
            security=Security.temporary(),
            shared_temp_directory=str(shared),
            protocol="tls://",
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise PipelineError(
            f"{VARIABLE} is 'slurm', but its scheduler cannot be started here ({reason}); correct that in the file of {SETTINGS_VARIABLE}, whose keys "
            "docs/howto/cluster.md explains"
        ) from error
    # As many again as are lost.
    cluster.adapt(minimum_jobs=settings.jobs, maximum_jobs=settings.jobs)
    return cluster


def _client_of(address: str, settings: ClusterSettings) -> Any:
    from distributed import Client
    from distributed.security import Security

    security = None
    if address.startswith("tls://"):
        ca, certificate, key = (
            _tls_file(settings, name, address) for name in ("tls_ca", "tls_certificate", "tls_key")
        )
        security = Security(
            tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
        )
        try:
            security.get_connection_args("client")
        except OSError as error:
            raise PipelineError(
                f"{ca}, {certificate}, {key}: cannot be used for {address} ({error.strerror or error}); expected certificates and the "
                f"key of the second in PEM, which tls_ca, tls_certificate and tls_key of {SETTINGS_VARIABLE} name"
            ) from error
    try:
        return Client(address, security=security, timeout=_CONNECT_S)
    except OSError as error:
        raise PipelineError(
            f"{VARIABLE} is {address!r}, but no scheduler answers there ({error}); start one by `dask scheduler`, and workers by "
            "`dask worker`, as docs/howto/cluster.md shows"
        ) from error


def _tls_file(settings: ClusterSettings, name: str, address: str) -> str:
    """The file that a setting names, which is there."""
    named = getattr(settings, name)
    if named is None:
        raise PipelineError(
            f"{VARIABLE} is {address!r}, which is encrypted; name tls_ca, tls_certificate and tls_key in {SETTINGS_VARIABLE}"
        )
    path = path_named(named)
    if not path.is_file():
        raise PipelineError(
            f"{path}: not found, though {name} of {SETTINGS_VARIABLE} names it; put the file there, or correct {name}"
        )
    return str(path)
