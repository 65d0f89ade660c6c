"""What a signal does to a run, and where relative paths start from."""

import json
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lakes import PEOPLE, people_csv, write
from program import Snapshot, assert_nothing_published, assert_says, clean_environment


@pytest.fixture
def hanging(program, tmp_path):
    """A run that waits for a server that takes connections and never answers; gives a function that starts it."""
    server = socket.create_server(("127.0.0.1", 0))
    started = []

    def start(**keywords):
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        definition = write(tmp_path / "people.yaml", PEOPLE + f'store: {{endpoint: "{endpoint}"}}\n')
        environment = clean_environment({"IN": "s3://lake/in/", "OUT": tmp_path / "out", "TMPDIR": tmp_path / "tmp",
                                         "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK"})
        (tmp_path / "tmp").mkdir(exist_ok=True)
        started.append(subprocess.Popen([program.binary, "batch", definition], env=environment,
                                        stderr=subprocess.PIPE, text=True, **keywords))
        server.accept()
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()
    server.close()


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_a_run(hanging, tmp_path, name, code):
    child = hanging()
    child.send_signal(getattr(signal, name))
    # A second one does not wait for the request under way.
    time.sleep(0.3)
    child.send_signal(getattr(signal, name))
    err = child.communicate(timeout=5)[1]
    assert child.returncode == code, err
    assert name in err and "Fatal error" not in err
    assert_nothing_published(tmp_path / "out")
    assert not list((tmp_path / "tmp").iterdir())


def test_one_signal_is_enough(hanging):
    child = hanging()
    child.terminate()
    child.communicate(timeout=15)
    assert child.returncode == 143


def test_an_ignored_hangup_stays_ignored(hanging):
    """As under nohup."""
    child = hanging(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    child.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert child.poll() is None


# The same with relative paths.
RELATIVE = PEOPLE.replace('"${IN}"', '"in/*.csv"').replace('"${OUT}"', '"out"')


@pytest.fixture
def project(tmp_path):
    write(tmp_path / "project" / "in" / "a.csv", people_csv(range(100)))
    write(tmp_path / "project" / "people.yaml", RELATIVE)
    return tmp_path / "project"


def run(program, *arguments, cwd, code=0, stdin=None):
    ran = subprocess.run([program.binary, *map(str, arguments)], cwd=cwd, env=clean_environment({}), text=True,
                         capture_output=True, stdin=stdin, timeout=60)
    assert ran.returncode == code, f"{ran.stdout}\n{ran.stderr}"
    return ran


def test_relative_paths_start_from_the_definition(program, project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    fingerprints = set()
    for cwd, path in [(project, "people.yaml"), (tmp_path, "project/people.yaml"),
                      (tmp_path / "elsewhere", "../project/people.yaml"), (tmp_path / "elsewhere", project / "people.yaml")]:
        said = json.loads(run(program, "batch", path, "--json", cwd=cwd).stdout)
        assert (cwd / said["manifest"]).resolve().is_relative_to(project / "out")
        manifest = json.loads((cwd / said["manifest"]).read_text())
        assert [entry["key"] for entry in manifest["inputs"]] == ["in/a.csv"]
        fingerprints.add(manifest["fingerprint"])
        shutil.rmtree(project / "out")
    assert len(fingerprints) == 1


def test_to_starts_from_the_current_directory(program, project, tmp_path):
    run(program, "batch", "project/people.yaml", "--to", "there", cwd=tmp_path)
    assert Snapshot.newest(tmp_path / "there").table().num_rows == 100
    assert not (project / "out").exists()


def test_from_standard_input(program, project):
    with open(project / "people.yaml") as text:
        run(program, "batch", "-", cwd=project, stdin=text)
    assert Snapshot.newest(project / "out").table().num_rows == 100


def test_a_rebuild_finds_what_was_moved(program, project, tmp_path):
    run(program, "batch", "people.yaml", cwd=project)
    run(program, "rebuild", project / "out", cwd="/")
    moved = project.rename(tmp_path / "moved")
    refused = run(program, "rebuild", "moved/out", cwd=tmp_path, code=1)
    assert "in/a.csv" in refused.stderr and "--directory" in refused.stderr
    run(program, "rebuild", "moved/out", "--directory", "moved", cwd=tmp_path)
    assert_says(program("rebuild", moved / "out", "--json", check=1), "in/a.csv")
