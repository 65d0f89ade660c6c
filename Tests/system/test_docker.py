"""docker/ as far as it can be looked at without Docker: what it names has to be there, in every file the same."""

import json
import os
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
WORKERS = sorted(name for name in SERVICES if name.startswith("worker-"))
DASHBOARD = json.loads((DOCKER / "grafana/dashboards/tributary.json").read_text())

# What docs/metrics.md documents; WorkerMetricsTests holds that page to the program.
METRICS = {name: (kind, set(re.findall("`(.*?)`", labels))) for name, kind, labels in re.findall(
    r"^\| `(tributary_\w+)` \| (\w+) \| (.*?) ?\|", (ROOT / "docs/metrics.md").read_text(), re.M)}


def test_yaml_is_read():
    paths = list(DOCKER.rglob("*.yaml"))
    assert len(paths) >= 5
    for path in paths:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path


@pytest.mark.parametrize("script", ["healthcheck", "init-topics", "init-lake"])
def test_scripts_are_read(script):
    path = DOCKER / script
    shell = re.match(r"#!(?:/usr/bin/env |/bin/)(\w+)\n", path.read_text())[1]
    subprocess.run([shell, "-n", path], check=True)
    assert os.access(path, os.X_OK)


def test_files_that_are_mounted_and_copied_are_there():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)
    sent = re.findall(r"^!(.+)$", (DOCKER / "Dockerfile.dockerignore").read_text(), re.M)
    for source in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.M):
        for path in source.split():
            assert (ROOT / path).exists() and path in sent, path


def test_the_image_has_the_libraries_that_the_program_loads(program):
    """Packages of the libraries that are named in the program, beside those of the base image."""
    installed = set(re.findall(r"[a-z0-9.+-]+", (DOCKER / "Dockerfile").read_text().split("FROM debian")[1]))
    shown = subprocess.run(["objdump", "-p", program.binary], text=True, capture_output=True, check=True).stdout
    loaded = re.findall(r"NEEDED\s+(\S+)", shown)
    assert loaded
    for library in loaded:
        found = subprocess.run(["dpkg-query", "-S", f"*/{library}"], text=True, capture_output=True)
        packages = {line.split(":")[0] for line in found.stdout.splitlines()}
        assert packages & (installed | {"libc6", "libgcc-s1"}), f"{library} is in {packages or 'no package'}"


def test_services_that_are_waited_for_are_there_and_say_when():
    for name, service in SERVICES.items():
        waits = service.get("depends_on", {})
        for other in waits:
            assert other in SERVICES, (name, other)
            if isinstance(waits, dict) and waits[other]["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)


def test_images_are_pinned_and_ports_are_this_machines():
    for name, service in SERVICES.items():
        assert "build" in service or re.search(r":v?[\w.-]*\d", service["image"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), (name, port)
    taken = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(taken)) == len(taken)


def test_three_workers_that_differ_in_name_and_port_alone():
    assert len(WORKERS) == 3
    for name in WORKERS:
        assert SERVICES[name]["hostname"] == name
        assert {**SERVICES[name], "hostname": 0, "ports": 0} == {**SERVICES[WORKERS[0]], "hostname": 0, "ports": 0}
    scraped = yaml.safe_load((DOCKER / "prometheus/prometheus.yaml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == [f"{name}:9464" for name in WORKERS]
    assert "0.0.0.0:9464" in SERVICES[WORKERS[0]]["command"]


def test_the_workers_are_called_as_the_program_wants_it(program):
    """Options that there are; a definition that lies where the user of the image may make a data directory beside it."""
    worker = SERVICES[WORKERS[0]]
    command, definition, *options = worker["command"]
    shown = program(command, "--help").out
    for option in (option for option in options if option.startswith("--")):
        assert f"  {option} " in shown, option
    image = (DOCKER / "Dockerfile").read_text()
    home = re.search(r"--home-dir (\S+)", image)[1]
    assert f"WORKDIR {home}\n" in image and f"./dataset.yaml:{home}/{definition}:ro" in worker["volumes"]
    for line in re.findall(r"tributary (?:status|snapshot) .*", (DOCKER / "README.md").read_text()):
        assert f" {definition}" in line, line


def test_the_definition_fits_the_services():
    dataset = yaml.safe_load((DOCKER / "dataset.yaml").read_text())
    host, port = dataset["broker"]["kafka"]["brokers"].split(":")
    assert f"INTERNAL://{host}:{port}" in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert dataset["store"]["endpoint"] == "http://minio:9000"
    topic = dataset["events"]["topic"]
    minio = SERVICES["minio"]["environment"]
    assert minio["MINIO_NOTIFY_KAFKA_TOPIC_EVENTS"] == topic
    assert minio["MINIO_NOTIFY_KAFKA_BROKERS_EVENTS"] == f"{host}:{port}"
    declared = yaml.safe_load((ROOT / "topics" / f"{topic}.yaml").read_text())
    made = (DOCKER / "init-topics").read_text()
    assert f"--topic {topic} --partitions {declared['partitions']} " in made
    assert f"retention.ms={declared['config']['retention.ms']}" in made
    # Buckets, users and the sample's folders.
    lake = (DOCKER / "init-lake").read_text()
    places = [source["objects"] for source in dataset["sources"].values()] + [dataset["snapshot"]["to"]]
    for bucket in {place.split("/")[2] for place in places}:
        assert re.search(rf"^mc mb .*store/{bucket}$", lake, re.M), bucket
    sample = ROOT / "examples/complete-journey/sample"
    for source in dataset["sources"].values():
        assert list((sample / source["objects"].split("/")[3]).iterdir())
    credentials = SERVICES[WORKERS[0]]["environment"]
    assert credentials["AWS_ACCESS_KEY_ID"] == minio["MINIO_ROOT_USER"]
    assert credentials["AWS_SECRET_ACCESS_KEY"] == minio["MINIO_ROOT_PASSWORD"]


def test_the_definition_is_right_and_reads_the_sample(program, tmp_path):
    """Its sources and features over the same files on disk: what the workers will read is what it expects."""
    text = (DOCKER / "dataset.yaml").read_text()
    (tmp_path / "dataset.yaml").write_text(text)
    program("validate", tmp_path / "dataset.yaml")
    shutil.copytree(ROOT / "examples/complete-journey/sample", tmp_path / "lake")
    local = text.replace("s3://lake/", f"{tmp_path}/lake/").replace("s3://snapshots/", f"{tmp_path}/snapshots/")
    local = re.sub(r"^(events|broker|store): .*\n", "", local, flags=re.M)
    (tmp_path / "local.yaml").write_text(local)
    outcome = program.batch(tmp_path / "local.yaml").json
    assert outcome["rows"] > 0 and outcome["rows_rejected"] == 0


def test_the_dashboard_asks_for_metrics_that_there_are():
    assert len(METRICS) > 20
    series = dict(METRICS) | {"up": ("gauge", {"job"})}
    for name, (kind, labels) in METRICS.items():
        if kind == "histogram":
            series[name + "_bucket"] = (kind, labels | {"le"})
    asked = set()
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            names = set(re.findall(r"\b(?:tributary_\w+|up(?=\{))", expression))
            assert names and names <= set(series), (panel["title"], expression)
            asked |= names
            grouped = {label.strip() for group in re.findall(r"by \((.*?)\)", expression) for label in group.split(",")}
            known = set.union(*(series[name][1] for name in names)) | {"instance"}
            assert grouped <= known, (panel["title"], expression)
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= grouped, panel["title"]
            for name in names:
                if series[name][0] == "counter":
                    assert re.search(rf"(rate|increase)\({name}[\[{{]", expression), (panel["title"], expression)
    shown = {name.removesuffix("_bucket") for name in asked}
    assert set(METRICS) <= shown, f"shown nowhere: {set(METRICS) - shown}"


def test_the_dashboard_is_laid_out():
    boxes = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(boxes)
    cells = [(x, y) for box in boxes for x in range(box["x"], box["x"] + box["w"])
             for y in range(box["y"], box["y"] + box["h"])]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) < 24
    source = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    for panel in DASHBOARD["panels"]:
        assert {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])} == {
            source["uid"]}
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.parametrize("status, code", [(200, 0), (503, 1), (None, 1)])
def test_the_health_check(status, code):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    port = server.server_port
    if status is None:
        server.server_close()
    else:
        Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert subprocess.run(["bash", DOCKER / "healthcheck", str(port)], timeout=30).returncode == code
    finally:
        if status is not None:
            server.shutdown()
            server.server_close()
    assert subprocess.run(["bash", DOCKER / "healthcheck"], timeout=30).returncode == 0, "no worker: nothing to ask"
