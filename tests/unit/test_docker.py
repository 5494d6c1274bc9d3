"""The container set: the compose file says what the design says, its settings exist, its images and base are pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.simulator.knobs import PREFIX as SIMULATORS
from gateway.config import PREFIX, Settings
from scripts.services import broker

DOCKER = Path(__file__).resolve().parents[2] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROGRAMS = {
    "api": ["serve"],
    "worker-1": ["worker"],
    "worker-2": ["worker"],
    "consumer": ["consume"],
    "customs": ["simulate", "customs"],
    "inspection": ["simulate", "inspection"],
    "maritime": ["simulate", "maritime"],
    "border": ["simulate", "border"],
}


def test_it_is_the_set_the_design_names() -> None:
    assert set(SERVICES) == {"postgres", "kafka", *PROGRAMS}
    assert {name: SERVICES[name]["command"] for name in PROGRAMS} == PROGRAMS


def test_every_setting_exists() -> None:
    named = set(
        re.findall(rf"{PREFIX}[A-Z_]+", (DOCKER / "compose.yaml").read_text() + (DOCKER / "Dockerfile").read_text())
    )
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert {name for name in named if not name.startswith(SIMULATORS)} <= known
    assert {"ONEWINDOW_DATABASE_URL", "ONEWINDOW_KAFKA_BOOTSTRAP"} <= named


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_settings_of_each_program_are_accepted(name: str) -> None:
    environment = {key.removeprefix(PREFIX).lower(): str(value) for key, value in SERVICES[name]["environment"].items()}
    environment["agency_urls"] = yaml.safe_load(environment["agency_urls"])  # type: ignore[assignment]
    environment["database_url"] = environment["database_url"].replace(":?set it in docker/.env", "")
    Settings.model_validate(environment)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_pinned_restarted_and_stopped_in_order(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", service["image"]), "a version, not `latest`"
    assert service["restart"] == "unless-stopped"
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["drain_seconds"].default
    volumes = {volume.partition(":")[0] for volume in service["volumes"]}
    assert volumes <= set(COMPOSE["volumes"]), "what is kept stands on a named volume"


def test_nothing_is_reachable_from_outside_but_the_api_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8080:8080"]}
    assert not any("network_mode" in service or "privileged" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", PROGRAMS)
def test_our_programs_have_no_rights_they_do_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert {volume.partition(":")[0] for volume in service["volumes"]} == {"data", "secrets"}


def test_who_needs_a_service_waits_until_it_is_healthy() -> None:
    waits = {name: service["depends_on"] for name, service in SERVICES.items() if "depends_on" in service}
    assert set(waits) == set(PROGRAMS)
    assert all(how == {"condition": "service_healthy"} for needs in waits.values() for how in needs.values())
    assert set(waits["api"]) == {"postgres", "kafka"}


def test_the_password_is_asked_for_and_stands_in_no_file() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"POSTGRES_PASSWORD: (.*)", text)) == {"${POSTGRES_PASSWORD:?set it in docker/.env}"}
    assert "docker/.env" in (DOCKER.parent / ".gitignore").read_text().splitlines()
    assert (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()[1] == "*", (
        "only what is named gets into the image"
    )


def test_the_broker_is_the_one_that_is_tested() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{broker.version()}"
    lines = broker.HERE.joinpath("server.properties").read_text().splitlines()
    tested = dict(line.split("=", 1) for line in lines if "=" in line)
    for name in ("auto.create.topics.enable", "num.partitions", "group.initial.rebalance.delay.ms"):
        assert str(SERVICES["kafka"]["environment"]["KAFKA_" + name.upper().replace(".", "_")]) == tested[name]


def test_the_image_is_locked_small_in_rights_and_watched() -> None:
    lines = [line for line in (DOCKER / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1].isupper()]
    assert re.fullmatch(r"FROM python:3\.11\.\d+-slim-\w+", lines[0])
    assert any("--constraint requirements.lock" in line for line in lines)
    user = next(number for number, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] not in ("USER root", "USER 0")
    assert not any(line.startswith(("RUN", "COPY")) for line in lines[user:])
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    copied = {part for line in lines if line.startswith("COPY ") for part in line.split()[1:-1]}
    assert all((DOCKER.parent / part).exists() for part in copied)
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert all(f"!{part}" in ignored for part in copied)
