"""Runs a command and measures it: wall seconds, CPU seconds (user + system) and peak resident memory.

usage: measure.py RESULT.json COMMAND…      exits as the command did (128 + signal when it was killed)

A program of its own, because Linux counts the memory of the process that starts a program to that program's peak:
this one is small, a test runner with pandas in it is not.
"""

import json
import os
import sys
import time


def main() -> None:
    result, command = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - began
    code = os.waitstatus_to_exitcode(status)
    with open(result, "w", encoding="utf-8") as file:
        json.dump({
            "code": code,
            "seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_bytes": usage.ru_maxrss * 1024,
        }, file)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
