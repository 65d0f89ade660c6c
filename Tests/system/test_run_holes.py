"""Topics that end in what no consumer is given: the markers of transactions, and records that were aborted."""

from confluent_kafka import Producer

from lakes import PEOPLE, people_csv, write
from workers import definition_for

SHARDS = 2
CLICKS = """\
  clicks:
    records: {topic}
    format: json
    keep: events
    columns: {{id: {{path: $key, type: string}}, n: int}}
features:
  clicks: {{clicks: sum(n)}}
"""


def transaction(kafka, topic: str, records, *, commits: bool) -> None:
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in records:
        producer.produce(topic, key=key, value=value, partition=0)
    producer.flush(30)
    if commits:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_topics_that_end_in_holes(kafka, workers, tmp_path):
    """A ledger that does is read to its end, and a snapshot finds the records before a hole."""
    topic = "holes.clicks"
    kafka.create(topic, 2)
    text = PEOPLE.replace("features:\n", CLICKS.format(topic=topic), 1)
    definition = write(tmp_path / "holes.yaml", definition_for(text, "holes", shards=SHARDS, kafka=kafka))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.csv").write_text(people_csv(range(10)))
    transaction(kafka, topic, [(b"1", b'{"n": 5}'), (b"2", b'{"n": 6}')], commits=True)
    group = workers(definition, 1, IN=tmp_path / "in" / "*.csv", OUT=tmp_path / "out")
    group.wait_until_serving(SHARDS)
    group[0].snapshot("one")
    manifest = (tmp_path / "out" / "snapshot=one" / "manifest.json").read_text()
    assert topic in manifest
    group.stop()
    # Somebody else's, but it is there.
    transaction(kafka, "holes.ledger", [(b"", b"never seen")], commits=False)
    transaction(kafka, topic, [(b"3", b"never seen")], commits=False)
    group.start()
    group.wait_until_serving(SHARDS)
    group[0].snapshot("two")
    group.stop()
