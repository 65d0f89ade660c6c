"""Commands, help, exit codes, output for people and for machines."""

import json
import subprocess

import pytest

from lakes import PEOPLE, people_csv, write
from program import Snapshot, assert_says, clean_environment

COMMANDS = ["batch", "run", "status", "snapshot", "backfill", "lost", "send", "dead-letters", "gc", "topics", "validate",
            "inspect", "diff", "rebuild"]


@pytest.fixture
def people(tmp_path):
    write(tmp_path / "in" / "a.csv", people_csv(range(500)))
    return write(tmp_path / "people.yaml", PEOPLE)


def test_help_lists_the_commands(program):
    for arguments in (["--help"], ["help"]):
        shown = program(*arguments)
        assert all(command in shown.out for command in COMMANDS), shown
        assert shown.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(program, command):
    shown = program(command, "--help")
    assert f"tributary {command} " in shown.out
    # An example is a line that can be typed: the command with something behind it that is no placeholder.
    assert "xample" in shown.out, shown


@pytest.mark.parametrize("arguments", [
    [], ["bath"], ["batch"], ["batch", "--shards"], ["batch", "x.yaml", "--shards", "none"],
    ["batch", "x.yaml", "--shards", "0"], ["batch", "x.yaml", "--threads", "-1"], ["batch", "x.yaml", "--nonsense"],
    ["batch", "a.yaml", "b.yaml"], ["inspect"], ["rebuild"], ["validate"], ["diff"], ["diff", "a"],
    ["batch", "x.yaml", "--as-of", "yesterday"], ["run"], ["snapshot"], ["send", "x.yaml", "topic"], ["topics", "diff"],
    ["batch", "x.yaml", "--shards", "99999999999999999999"],
])
def test_wrong_use_ends_with_2(program, arguments):
    outcome = program(*arguments, check=2)
    assert outcome.err.strip() and outcome.out == "", outcome


def test_a_mistyped_command_is_guessed(program):
    assert_says(program("bath", check=2), "batch")
    assert_says(program("batch", "x.yaml", "--shard", "3", check=2), "--shards")


def test_version(program):
    assert program("--version").out.strip()


def test_batch_says_what_it_did(program, people, tmp_path):
    said = program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out").json
    manifest = Snapshot.newest(tmp_path / "out").manifest
    assert said["snapshot"] == "one" == manifest["snapshot"]
    assert said["rows"] == 500 and said["rows_read"] == 500 and said["rows_rejected"] == 0
    assert said["splits"] == manifest["splits"]
    assert said["fingerprint"] == manifest["fingerprint"]
    assert said["seconds"] > 0
    assert json.loads(open(said["manifest"]).read()) == manifest
    assert said["location"] in said["manifest"]
    assert manifest["dataset"] == "people"
    assert manifest["as_of"].startswith("2026-01-01T00:00:00")
    assert manifest["definition"]["text"] == PEOPLE
    assert manifest["definition"]["variables"]["OUT"] == str(tmp_path / "out")


def test_plain_lines_where_there_is_no_terminal(program, people, tmp_path):
    outcome = program("batch", people, IN=tmp_path / "in", OUT=tmp_path / "out")
    assert "\r" not in outcome.out + outcome.err and "\x1b" not in outcome.out + outcome.err
    assert "500" in outcome.out + outcome.err


def test_a_progress_line_on_a_terminal(program, people, tmp_path):
    environment = clean_environment({"IN": tmp_path / "in", "OUT": tmp_path / "out", "TERM": "xterm"})
    shown = subprocess.run(["script", "-qec", f"{program.binary} batch {people}", "/dev/null"], env=environment,
                           capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert shown.returncode == 0, shown.stdout
    # As bytes: text mode would turn the \r of the redrawn line into a line end.
    assert b"\r" in shown.stdout.replace(b"\r\n", b"\n"), shown.stdout


def test_inspect(program, people, tmp_path):
    program.batch(people, IN=tmp_path / "in", OUT=tmp_path / "out")
    snapshot = Snapshot.newest(tmp_path / "out")
    for place in (tmp_path / "out", snapshot.path, snapshot.path / "manifest.json"):
        shown = program("inspect", place)
        for word in ("people", snapshot.fingerprint, "train", "eval", "n", "x", "500"):
            assert word in shown.out, f"{word!r} is not in\n{shown}"
        assert program("inspect", place, "--json").json == snapshot.manifest


def test_diff(program, people, tmp_path):
    for name, count in (("one", 500), ("two", 700)):
        write(tmp_path / "in" / "a.csv", people_csv(range(count)))
        program.batch(people, "--id", name, IN=tmp_path / "in", OUT=tmp_path / "out")
    one, two = (tmp_path / "out" / f"snapshot={name}" for name in ("one", "two"))
    shown = program("diff", one, two)
    for word in ("one -> two", "fingerprints differ", "500", "700", "+200", "a.csv", "500 -> 700 rows", "mean"):
        assert word in shown.out, f"{word!r} is not in\n{shown}"
    # The place itself means its newest snapshot.
    found = program("diff", one, tmp_path / "out", "--json").json
    assert (found["equal"], found["before"]["rows"], found["after"]["rows"]) == (False, 500, 700)
    assert [(change["change"], change["source"]) for change in found["inputs"]] == [("changed", "people")]
    assert program("diff", two, two, "--json").json["equal"] is True


def test_what_retention_removed_is_said_to_be(program, people, tmp_path):
    program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out")
    path = tmp_path / "out" / "snapshot=one" / "manifest.json"
    path.write_text(json.dumps({
        "tombstone": True, "version": 1, "dataset": "people", "snapshot": "one", "removed": "2026-02-01T00:00:00Z",
        "fingerprint": "f", "cut_us": 0}))
    for arguments in (["inspect", path], ["rebuild", path], ["diff", path, path]):
        assert_says(program(*arguments, check=1), "'one' was removed by retention on 2026-02-01T00:00:00Z")
    again = program.batch(people, "--id", "one", IN=tmp_path / "in", OUT=tmp_path / "out", check=1)
    assert "removed by retention" in again.err + again.out, again


def test_inputs_that_no_source_reads_are_not_left_out_of_a_rebuild(program, people, tmp_path):
    program.batch(people, IN=tmp_path / "in", OUT=tmp_path / "out")
    path = Snapshot.newest(tmp_path / "out").path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["ranges"] = [{"source": "clicks", "topic": "app.clicks", "partition": 0, "from": 0, "to": 9,
                           "rows_read": 9, "rows_applied": 9, "rows_rejected": 0}]
    path.write_text(json.dumps(manifest))
    assert_says(program("rebuild", path, check=1), "app.clicks[0]", "the source 'clicks'")
    assert "app.clicks" in program("inspect", path).out


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"version": 999}', "not json", '{"dataset": 5}', "\xff"])
@pytest.mark.parametrize("command", ["inspect", "rebuild"])
def test_what_is_no_manifest(program, tmp_path, command, content):
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    outcome = program(command, path, check=None)
    assert outcome.code in (1, 2), outcome
    assert_says(outcome, "manifest.json")


def test_as_of(program, people, tmp_path):
    definition = write(people, PEOPLE.replace("as_of: 2026-01-01T00:00:00Z\n", ""))
    program.batch(definition, "--as-of", "2024-02-29T12:00:00+02:00", IN=tmp_path / "in", OUT=tmp_path / "a")
    assert Snapshot.newest(tmp_path / "a").manifest["as_of"].startswith("2024-02-29T10:00:00")
    # Without either, the start of the run, which is the snapshot's name too.
    program.batch(definition, IN=tmp_path / "in", OUT=tmp_path / "b")
    manifest = Snapshot.newest(tmp_path / "b").manifest
    assert manifest["as_of"][:4] >= "2025"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_other_formats_hold_the_same(program, people, tmp_path, form):
    import csv
    program.batch(people, IN=tmp_path / "in", OUT=tmp_path / "parquet")
    want = Snapshot.newest(tmp_path / "parquet").by("id")
    other = write(people, PEOPLE.replace("format: parquet", f"format: {form}"))
    program.batch(other, IN=tmp_path / "in", OUT=tmp_path / form)
    snapshot = Snapshot.newest(tmp_path / form)
    assert snapshot.fingerprint == Snapshot.newest(tmp_path / "parquet").fingerprint
    found = {}
    for part in snapshot.manifest["parts"]:
        with open(snapshot.path / part["key"], newline="") as file:
            rows = list(csv.DictReader(file)) if form == "csv" else [json.loads(line) for line in file]
        assert len(rows) == part["rows"]
        found |= {row["id"]: {"id": row["id"], "n": int(row["n"]), "x": float(row["x"])} for row in rows}
    assert found == want


def test_csv_as_built_in_algorithms_want_it(program, tmp_path):
    """No header, the label first, no key."""
    write(tmp_path / "in" / "a.csv", people_csv(range(50)))
    definition = write(tmp_path / "p.yaml", PEOPLE.replace("{from: people}", "{from: people, label: x}")
                       .replace("people: [n, x]", "people: [n]")
                       .replace("format: parquet", "format: {csv: {header: false, label_first: true, without_key: true}}"))
    program.batch(definition, IN=tmp_path / "in", OUT=tmp_path / "out")
    snapshot = Snapshot.newest(tmp_path / "out")
    lines = [line for part in snapshot.manifest["parts"]
             for line in (snapshot.path / part["key"]).read_text().splitlines()]
    assert sorted((float(x), int(n)) for x, n in (line.split(",") for line in lines)) == [
        (i / 8, i * 7) for i in range(50)]


def test_it_runs_without_the_swift_runtime(program):
    """Nothing of Swift is loaded: the runtime is inside."""
    loaded = subprocess.run(["ldd", program.binary], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in loaded
    assert not [line for line in loaded.splitlines() if "swift" in line.lower() or "Foundation" in line
                or "not found" in line], loaded


def test_a_closed_pipe_is_no_crash(program, people, tmp_path):
    program.batch(people, IN=tmp_path / "in", OUT=tmp_path / "out")
    for arguments in (["inspect", str(tmp_path / "out")], ["--help"]):
        command = subprocess.run(["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", program.binary, *arguments],
                                 capture_output=True, text=True, timeout=60)
        # Done before the reader left, ended by the pipe's signal (141), or an error said; no dump.
        assert command.returncode in (0, 1, 141), command
        assert "Fatal error" not in command.stderr, command.stderr


def test_settling(program, tmp_path):
    """A file that was written just now is waited for, not left out (settle: 2s)."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(people_csv(range(10)))
    definition = write(tmp_path / "people.yaml", PEOPLE)
    assert program.batch(definition, IN=tmp_path / "in", OUT=tmp_path / "out").json["rows"] == 10
