"""Stop watches: for a function in this process, and for a command in a process of its own."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

BIN = Path(sys.executable).parent
"""Where the commands of this environment lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What something cost, in seconds."""

    wall_s: float
    cpu_s: float


class CommandFailed(Exception):
    """Raised where a measured command ended otherwise than it should; carries the end of its output."""


def time_call(function: Callable[[], T]) -> tuple[T, Took]:
    """What a function gave, and what it cost this process; garbage of earlier work is collected before."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, Took(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)


def time_command(
    command: Sequence[str], folder: Path, *, codes: Sequence[int] = (0,), env: Mapping[str, str] | None = None
) -> Took:
    """What a command cost, its children included.

    Args:
        command: Program and arguments.
        folder: Folder that it runs in; its output goes to `output.txt` there.
        codes: Exit codes that are as they should be.
        env: Variables over those of this process.

    Raises:
        CommandFailed: for any other exit code.
    """
    log = folder / "output.txt"
    variables = {**os.environ, "NO_COLOR": "1", **(env or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # people have compiled modules from their second run on
    with log.open("wb") as output:
        wall = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=variables)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - wall
    process.returncode = code = os.waitstatus_to_exitcode(status)
    if code not in codes:
        tail = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise CommandFailed(f"{' '.join(command)}: exit code {code}\n{tail}")
    return Took(wall_s=wall, cpu_s=usage.ru_utime + usage.ru_stime)


def pytest_command(*arguments: str) -> list[str]:
    """A quiet pytest run of the folder it is started in, on no configuration but its own."""
    fixed = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-c", "pytest.ini", "--rootdir", "."]
    return [sys.executable, "-m", "pytest", *fixed, *arguments]


def talkqa_command(*arguments: str) -> list[str]:
    """A call of this environment's `talkqa`."""
    return [str(BIN / "talkqa"), *arguments]
