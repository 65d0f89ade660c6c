#!/usr/bin/env python3
"""Runs a command that ends when whoever started it ends.

    leash.py [--remove DIRECTORY] COMMAND [ARGUMENT…] < a pipe that the starter holds open

The command and all its children form a process group of their own. When standard input ends (the starter closed it, or
died in whatever way), the whole group is ended and waited for, and DIRECTORY is removed.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3


def end(group: int, child: subprocess.Popen) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            child.poll()
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.02)


def main() -> int:
    arguments = sys.argv[1:]
    remove = None
    if arguments[:1] == ["--remove"]:
        remove = arguments[1]
        arguments = arguments[2:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end(child.pid, child)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    end(child.pid, child)
    if remove:
        shutil.rmtree(remove, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
