"""Runs a command and measures it: wall seconds, CPU seconds (user + system) and peak resident memory.

usage: measure.py RESULT.json COMMAND…      exits as the command did (128 + signal when it was killed)

Processes that the command leaves behind (Spark's Java) count too, once they end: they become this one's children.
Memory is the largest process's.

A program of its own, because Linux counts the memory of the process that starts a program to that program's peak:
this one is small, a test runner with pandas in it is not.
"""

import contextlib
import ctypes
import json
import os
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    result, command = sys.argv[1], sys.argv[2:]
    # Where memory runs out, it is what is measured that goes, and not whatever else runs here. (Children inherit it.)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("900")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    code, seconds, processor, peak = 0, 0.0, 0.0, 0
    while True:
        try:
            ended, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if ended == child:
            seconds = time.monotonic() - began
            code = os.waitstatus_to_exitcode(status)
        processor += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss * 1024)
    with open(result, "w", encoding="utf-8") as file:
        json.dump({"code": code, "seconds": seconds, "cpu_seconds": processor, "peak_bytes": peak}, file)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
