"""The reference job: equal to DuckDB's result, and within its memory."""

import subprocess
import sys

import pyarrow as pa
import pytest

from program import MEBIBYTE, ROOT, Snapshot, assert_same, compare

BENCH = ROOT / "bench"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """20,000 customers, and what DuckDB makes of them."""
    lake = tmp_path_factory.mktemp("customer360")
    subprocess.run([sys.executable, BENCH / "gen.py", lake / "data", "20000"], check=True)
    subprocess.run([sys.executable, BENCH / "peer_duckdb.py", lake / "data", lake / "duckdb"], check=True,
                   stdout=subprocess.DEVNULL)
    return lake


def expected(lake) -> pa.Table:
    return pa.concat_tables([compare.pq.read_table(lake / "duckdb" / f"{split}.parquet") for split in ("train", "eval")])


def test_equals_duckdb(program, lake, tmp_path):
    done = program.batch(BENCH / "customer360.yaml", DATA=lake / "data", OUT=tmp_path)
    snapshot = Snapshot.newest(tmp_path)
    assert_same(snapshot.table(), expected(lake), "customer_id")

    said, manifest = done.json, snapshot.manifest
    assert said["rows"] == 20_000 == sum(said["splits"].values()) == sum(part["rows"] for part in manifest["parts"])
    assert said["fingerprint"] == manifest["fingerprint"] == snapshot.computed_fingerprint()
    assert said["rows_rejected"] == 0
    assert said["rows_read"] == sum(source["rows_read"] for source in manifest["inputs"])
    # 20,000 rows of attributes, 400,000 of usage, about 19 in 20 customers have a bill.
    assert 20_000 + 400_000 + 18_000 < said["rows_read"] < 440_000
    assert len(manifest["inputs"]) == 4 + 8 + 4
    assert done.peak_bytes < 512 * MEBIBYTE


def test_any_processor(program, lake, tmp_path):
    """Loops for many rows at a time want AVX-512; without them every byte is the same."""
    wide, plain = tmp_path / "wide", tmp_path / "plain"
    program.batch(BENCH / "customer360.yaml", DATA=lake / "data", OUT=wide)
    program.batch(BENCH / "customer360.yaml", DATA=lake / "data", OUT=plain, TRIBUTARY_PLAIN_LOOPS="1")
    # Names carry their snapshot's tag.
    found, wanted = ([(part["split"], part["rows"], part["sha256"]) for part in snapshot.manifest["parts"]]
                     for snapshot in (Snapshot.newest(plain), Snapshot.newest(wide)))
    assert found == wanted and {split for split, _, _ in found} == {"train", "eval"}


def test_the_comparison_sees_a_difference(lake):
    """The comparison is what the claims rest on, so it has to fail when one value in 640,000 is wrong."""
    want = expected(lake).sort_by("customer_id")
    assert compare.differences(want, want, "customer_id") == []

    def changed(name, row, value):
        column = want[name].to_pylist()
        column[row] = value(column[row])
        return want.set_column(want.column_names.index(name), name, pa.array(column, want[name].type))

    for name, value in [("usage_30d", lambda v: v + 1), ("country", lambda v: None), ("is_trial", lambda v: not v),
                        ("usage_dur_sum", lambda v: (v or 1) * (1 + 1e-11)), ("plan_price", lambda v: None),
                        ("signup_date", lambda v: v.replace(year=1999))]:
        # Customer 17 has a bill, so that none of these is null already.
        found = compare.differences(changed(name, 17, value), want, "customer_id")
        assert len(found) == 1 and found[0].startswith(f"{name}: 1 rows differ, first at 'c00000017'"), found
    assert compare.differences(want.slice(1), want, "customer_id")[0].startswith("keys differ")
    assert compare.differences(want.drop_columns(["plan"]), want, "customer_id") == ["columns missing: ['plan']"]
    wider = want.set_column(0, "customer_id", want["customer_id"]).set_column(
        want.column_names.index("churned"), "churned", want["churned"].cast(pa.string()))
    assert compare.differences(wider, want, "customer_id") == ["churned: type string against int64"]
