"""I4: a key's split depends on the key and the salt, on nothing else."""

from lakes import PEOPLE, people_csv, write
from program import Snapshot


def split(program, tmp_path, name, ids, definition=PEOPLE, files=1) -> dict:
    ids = list(ids)
    for number in range(files):
        write(tmp_path / name / "in" / f"{number}.csv", people_csv(ids[number::files]))
    path = write(tmp_path / name / "people.yaml", definition)
    program.batch(path, IN=tmp_path / name / "in", OUT=tmp_path / name / "out")
    return Snapshot.newest(tmp_path / name / "out").split_of("id")


def test_adding_data_never_moves_a_key(program, tmp_path):
    few = split(program, tmp_path, "few", range(2_000))
    many = split(program, tmp_path, "many", range(10_000), files=7)
    assert len(many) == 10_000
    assert {key: many[key] for key in few} == few


def test_shares_are_what_was_asked(program, tmp_path):
    many = split(program, tmp_path, "many", range(20_000))
    train = sum(name == "train" for name in many.values())
    # Six standard deviations of a binomial of 20,000 at 0.8: 340.
    assert abs(train - 16_000) < 340


def test_the_salt_decides(program, tmp_path):
    one = split(program, tmp_path, "one", range(5_000))
    two = split(program, tmp_path, "two", range(5_000), PEOPLE.replace("salt: v1", "salt: v2"))
    moved = sum(one[key] != two[key] for key in one)
    # Independent splits of 0.8 and 0.2 differ for 32 % of keys.
    assert 1_400 < moved < 1_800


def test_other_shares_move_only_keys_between_the_old_and_the_new(program, tmp_path):
    """Growing train from 0.8 to 0.9 moves keys from eval to train, never the other way."""
    before = split(program, tmp_path, "before", range(5_000))
    after = split(program, tmp_path, "after", range(5_000),
                  PEOPLE.replace("train: 0.8, eval: 0.2", "train: 0.9, eval: 0.1"))
    assert {(before[key], after[key]) for key in before} == {("train", "train"), ("eval", "train"), ("eval", "eval")}


def test_split_by_a_group_keeps_groups_whole(program, tmp_path):
    definition = PEOPLE.replace("split: {train", "split: {by: n, train").replace("people: [n, x]", "people: [x]")
    rows = "".join(f"p{i},{i % 50},{i}\n" for i in range(2_000))
    write(tmp_path / "in" / "a.csv", "id,n,x\n" + rows)
    program.batch(write(tmp_path / "people.yaml", definition), IN=tmp_path / "in", OUT=tmp_path / "out")
    found = Snapshot.newest(tmp_path / "out").split_of("id")
    groups = {}
    for key, name in found.items():
        groups.setdefault(int(key[1:]) % 50, set()).add(name)
    assert len(groups) == 50 and all(len(names) == 1 for names in groups.values())
    assert set(found.values()) == {"train", "eval"}
