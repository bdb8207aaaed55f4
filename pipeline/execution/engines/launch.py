"""What a Dask worker runs for a piece. It travels as text and imports nothing of this project: a worker that had imported another
run's code would compute with that, and store the results under this run's keys."""

from typing import Any


def run_piece(order: dict[str, Any]) -> tuple[int, bytes]:
    """Hand a piece to an agent in the folder of the run, and give back the agent's exit status, 0 while it lives, and its answers.

    An agent that has finished waits for the next piece of its run, since loading the libraries takes as long as some short recordings.

    Args:
        order: `run`, a name that no other run has; `python`, the interpreter; `folder`, the run's; `environment`, variables on
            top of the worker's own; and `piece`, the message for the agent.
    """
    import os
    import struct
    import subprocess
    import threading
    from contextlib import suppress

    from distributed import get_worker

    # `setdefault`, `append` and `pop` are atomic, and the slots of a worker are its threads.
    agents: dict[str, list[Any]] = get_worker().__dict__.setdefault("grcf_agents", {})
    all_of_run = agents.setdefault(f"{order['run']} all", [])
    at_rest = agents.setdefault(f"{order['run']} at rest", [])

    starting = get_worker().__dict__.setdefault("grcf_starting", threading.Lock())

    def started() -> Any:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        with starting:
            # The slots of a job deal out its GPUs; who takes the place of an agent that died takes its GPU.
            taken = [agent.gpu for agent in list(all_of_run)]
            gpu = min(gpus, key=taken.count)
            agent: Any = subprocess.Popen(
                [order["python"], "-m", "pipeline.execution.engines.agent"],
                cwd=order["folder"],
                env=os.environ
                | ({"CUDA_VISIBLE_DEVICES": gpu} if len(gpus) > 1 else {})
                | order["environment"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            agent.gpu = gpu
            all_of_run.append(agent)
        return agent

    def asked(agent: Any) -> tuple[bool, bytes]:
        """Whether the agent has answered to the end, and what it answered."""
        with suppress(BrokenPipeError):  # its exit status says more
            agent.stdin.write(order["piece"])
            agent.stdin.flush()
        frames = b""
        while len(head := agent.stdout.read(8)) == 8:
            (length,) = struct.unpack(">Q", head)
            if not length:
                return True, frames
            frames += head + agent.stdout.read(length)
        return False, frames

    while True:
        try:
            agent, is_new = at_rest.pop(), False
        except IndexError:
            agent, is_new = started(), True
        is_whole, frames = asked(agent)
        if is_whole:
            at_rest.append(agent)
            return 0, frames
        with suppress(BrokenPipeError):
            agent.stdin.close()
        agent.stdout.close()
        status = agent.wait()
        all_of_run.remove(agent)
        # One that had rested too long may have ended just now.
        if is_new or frames or status:
            return status, frames


def end_agents(run: str, dask_worker: Any) -> None:
    """End the agents of a run, whatever they are at; what they have stored is kept. Dask fills in `dask_worker` by its name."""
    agents: dict[str, list[Any]] = dask_worker.__dict__.get("grcf_agents", {})
    agents.pop(f"{run} at rest", None)
    # A copy, since each slot takes its agent out of the list as soon as that has ended.
    found = list(agents.pop(f"{run} all", []))
    for agent in found:
        agent.kill()
    for agent in found:
        agent.wait()
