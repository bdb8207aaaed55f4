"""What a Dask worker runs for a piece. It travels as text and imports nothing of this project: a worker that had imported another
run's code would compute with that, and store the results under this run's keys."""

from typing import Any


def run_piece(order: dict[str, Any]) -> tuple[int, bytes]:
    """Start an agent in the folder of the run, hand it the piece, and give back its exit status and all that it wrote.

    Args:
        order: `python`, the interpreter; `folder`, the run's; `environment`, variables on top of the worker's own; and
            `piece`, the message for the agent.
    """
    import os
    import subprocess

    agent = subprocess.Popen(
        [order["python"], "-m", "pipeline.execution.engines.agent"],
        cwd=order["folder"],
        env=os.environ | order["environment"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert agent.stdin is not None
    assert agent.stdout is not None
    try:
        # Left open: the agent ends when this end of the pipe does.
        agent.stdin.write(order["piece"])
        agent.stdin.flush()
    except BrokenPipeError:
        pass  # its exit status says more
    frames = agent.stdout.read()
    agent.stdin.close()
    return agent.wait(), frames
