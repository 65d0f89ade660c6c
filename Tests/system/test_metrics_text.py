"""The text that Metrics writes (MetricsTests compares it with the fixture), read by Prometheus' own client."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

TEXT = (Path(__file__).parents[1] / "TelemetryTests" / "Fixtures" / "metrics.txt").read_text()


def test_the_text_is_read_as_it_is_meant():
    families = {family.name: family for family in text_string_to_metric_families(TEXT)}
    read = {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in families.values() for sample in family.samples}
    assert read == {
        ("tributary_build_info", ("commit", ""), ("version", "0.1.0")): 1,
        ("tributary_commit_seconds_bucket", ("le", "0.5")): 2,
        ("tributary_commit_seconds_bucket", ("le", "1")): 3,
        ("tributary_commit_seconds_bucket", ("le", "+Inf")): 4,
        ("tributary_commit_seconds_sum",): 101.5,
        ("tributary_commit_seconds_count",): 4,
        ("tributary_rows_applied_total", ("source", "clicks")): 1200,
        ("tributary_rows_applied_total", ("source", 'a"b\\c\nd')): 1,
        ("tributary_shard_rows", ("shard", "2")): -5,
        ("tributary_shard_rows", ("shard", "10")): 7,
        ("tributary_staged_bytes",): 0.1,
    }
    # The client names a counter without its _total.
    assert {name: family.type for name, family in families.items()} == {
        "tributary_build_info": "gauge", "tributary_checkpoints": "counter", "tributary_commit_seconds": "histogram",
        "tributary_rows_applied": "counter", "tributary_shard_rows": "gauge", "tributary_staged_bytes": "gauge"}
    assert families["tributary_staged_bytes"].documentation == "Bytes of batches\nwithout a \\ verdict."
