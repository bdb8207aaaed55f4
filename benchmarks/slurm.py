"""A SLURM of some nodes on this machine alone: in one folder, without systemd or cgroups, on loopback."""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")


def is_installed() -> bool:
    """Whether its four programs are there; Debian's packages are slurmctld, slurmd, slurm-client and munge."""
    return all(map(shutil.which, PROGRAMS))


class Slurm:
    """Started when made, stopped by `end`; `environment` is what its clients need."""

    def __init__(self, folder: Path, *, n_nodes: int, first_port: int) -> None:
        folder.chmod(0o755)  # munged refuses a socket below a folder that others could change
        self._folder = folder
        for name in ("state", "log", "munge", *(f"spool_n{node}" for node in range(1, n_nodes + 1))):
            (folder / name).mkdir(mode=0o755)
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        (folder / "slurm.conf").write_text(self._configuration(n_nodes, first_port))
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._call(
            "munged", "--force", f"--socket={folder}/munge/socket", f"--key-file={key}",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge/log", f"--seed-file={folder}/munge/seed",
        )  # fmt: skip
        try:
            self._call("slurmctld", "-c")
            for node in range(1, n_nodes + 1):
                self._call("slurmd", "-N", f"n{node}")
            self._wait_for_nodes(n_nodes)
        except BaseException:
            self._end_daemons()
            raise

    def _configuration(self, n_nodes: int, first_port: int) -> str:
        user, host, folder = getpass.getuser(), socket.gethostname().partition(".")[0], self._folder
        settings = {
            "ClusterName": "test",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": first_port,
            "SlurmUser": user,
            "SlurmdUser": user,
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={folder}/munge/socket",
            "CredType": "cred/munge",
            "StateSaveLocation": folder / "state",
            "SlurmdSpoolDir": f"{folder}/spool_%n",
            "SlurmctldPidFile": folder / "slurmctld.pid",
            "SlurmdPidFile": f"{folder}/slurmd_%n.pid",
            "SlurmctldLogFile": folder / "log/slurmctld.log",
            "SlurmdLogFile": f"{folder}/log/slurmd_%n.log",
            # By process group: jobs that are cancelled take their children with them, without cgroups.
            "ProctrackType": "proctrack/pgid",
            "TaskPlugin": "task/none",
            "SwitchType": "switch/none",
            "MpiDefault": "none",
            "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
            "AccountingStorageType": "accounting_storage/none",
            "JobAcctGatherType": "jobacct_gather/none",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core",
            "SchedulerParameters": "sched_interval=1,batch_sched_delay=0,bf_interval=1",
            "SlurmdParameters": "config_overrides",
            "KillWait": 2,
            "ReturnToService": 2,
        }
        nodes = [
            f"NodeName=n{node} NodeHostname={host} NodeAddr=127.0.0.1 Port={first_port + node} CPUs=2 RealMemory=4000"
            for node in range(1, n_nodes + 1)
        ]
        partition = f"PartitionName=all Nodes=n[1-{n_nodes}] Default=YES MaxTime=INFINITE State=UP"
        return "\n".join([*(f"{name}={value}" for name, value in settings.items()), *nodes, partition, ""])

    def _call(self, *command: str) -> str:
        done = subprocess.run(
            command, env=os.environ | self.environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def _wait_for_nodes(self, n_nodes: int) -> None:
        for _ in range(300):
            if len(self._call("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split()) == n_nodes:
                return
            time.sleep(0.1)
        raise AssertionError((self._folder / "log/slurmctld.log").read_text()[-2000:])

    def jobs(self) -> list[str]:
        """Ids of the jobs that run."""
        return self._call("squeue", "-h", "-t", "running", "-o", "%i").split()

    def cancel(self, job: str) -> None:
        """Take a job away, as an administrator or the end of its walltime would."""
        self._call("scancel", job)

    def end(self) -> None:
        """Stop all that was started."""
        try:
            # A step whose controller is gone would try to tell it of its end for many minutes. A job that waits or starts just now
            # would stay until somebody cancels it.
            for _ in range(300):
                left = self._call("squeue", "-h", "-o", "%i").split()
                if not left:
                    break
                for job in left:
                    self._call("scancel", "--quiet", job)
                time.sleep(0.1)
        finally:
            self._end_daemons()

    def _end_daemons(self) -> None:
        files = (
            *self._folder.glob("slurmd_*.pid"),
            self._folder / "slurmctld.pid",
            self._folder / "munge.pid",
        )
        for pid in [int(file.read_text()) for file in files if file.is_file()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                # Until it is gone it writes into the folder, which somebody removes next.
                for _ in range(100):
                    time.sleep(0.1)
                    os.kill(pid, 0)
