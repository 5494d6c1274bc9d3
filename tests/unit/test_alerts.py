"""Alert rules and dashboard: every figure they ask for exists with its labels, every rule is explained, and each one fires."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.keys import WINDOW, KeyRing
from declarations.signatureterms import ED25519
from gateway.observe import gauges, metrics
from tests.support.windows import ROOT, rulebook

ALERTS = ROOT / "docs" / "alerts"
RULES = ALERTS / "onewindow.rules.yaml"
SELECTOR = re.compile(r"\b((?:onewindow|process)_\w+)(?:\{([^}]*)\})?")
# what Prometheus itself adds to every series
OWN_LABELS = {"instance", "job"}
NOTHING = gauges.Found([], {standing: {} for standing in gauges.STANDINGS}, [], {}, [], [])

FIRES = {
    "OnewindowStorageRefuses": {'onewindow_storage_ready{instance="a"}': "1x5 0x60"},
    "OnewindowDiskNearlyFull": {'onewindow_disk_free_bytes{instance="a"}': "1e9x60"},
    "OnewindowRequestsFail": {
        'onewindow_http_requests_total{status="202"}': "0+90x60",
        'onewindow_http_requests_total{status="503"}': "0+10x60",
    },
    "OnewindowAcceptSlow": {
        'onewindow_accept_seconds_bucket{le="0.5"}': "0+9x60",
        'onewindow_accept_seconds_bucket{le="1.0"}': "0+10x60",
        'onewindow_accept_seconds_bucket{le="+Inf"}': "0+10x60",
    },
    "OnewindowDown": {'onewindow_delivers{instance="a"}': "1x60"},
    "OnewindowNobodyDelivers": {'onewindow_delivers{instance="a"}': "0x60"},
    "OnewindowClockSkew": {'onewindow_clock_skew_seconds{kind="worker",host="h",pid="1"}': "-3600x60"},
    "OnewindowConsumerLag": {
        'onewindow_consumer_lag_seconds{topic="t"}': "100x60",
        "onewindow_records_taken_total": "0+10x60",
    },
    "OnewindowNoticesLost": {"onewindow_notices_lost_total": "0+1x60"},
    "OnewindowQueueOld": {'onewindow_queue_age_seconds{agency="customs"}': "0+60x60"},
    "OnewindowAgencyBeyondReach": {'onewindow_breaker_open{agency="customs"}': "1x60"},
    "OnewindowAgencyPaused": {'onewindow_agency_paused{agency="customs"}': "1x300"},
    "OnewindowDeclarationsSilent": {'onewindow_legs_silent{agency="customs"}': "3x60"},
    "OnewindowMessagesParked": {'onewindow_legs{agency="customs",standing="parked"}': "1x60"},
    "OnewindowOutcomeUnknown": {'onewindow_legs{agency="customs",standing="outcome_unknown"}': "1x60"},
    "OnewindowAnswersQuarantined": {'onewindow_documents{agency="customs",state="quarantined"}': "1x60"},
    "OnewindowKeyExpires": {'onewindow_key_expires_seconds{owner="window",key="efe5d5a944eb5d65"}': "604800x60"},
    "OnewindowJournalNotSealed": {"onewindow_journal_unsealed_seconds": "600x60"},
    "OnewindowJournalNotTimestamped": {"onewindow_journal_unstamped_seconds": "7200x60"},
    "OnewindowShipNotSailed": {"onewindow_certificates_overdue": "1x60"},
    "OnewindowAnswersNotTakenUp": {'onewindow_documents_age_seconds{agency="customs",state="received"}': "600x60"},
    "OnewindowLeasesLost": {'onewindow_leases_lost_total{agency="customs"}': "0+1x60"},
}
"""Figures a minute apart that each alert must not sleep through."""


@cache
def figures() -> dict[str, set[str]]:
    """Every sample the window can show, with the labels it may bear."""
    agencies = list(rulebook().agencies)
    metrics.know(agencies)
    metrics.accepted("goods", "customs_only")
    metrics.requested("POST", "/api/v1/declarations", 202, 0.1)
    metrics.refused("not_found")
    metrics.answered("customs", "DEC_RESULT", 1.0)
    metrics.lagging("onewindow.customs.out", 0.0)
    now = datetime.now(UTC)
    with TemporaryDirectory() as directory:
        ring = KeyRing(Path(directory))
        ring.signing(WINDOW, ED25519, now)
        of_keys = gauges.keys(ring, now)
    text = gauges.text_of(
        [
            *of_keys,
            *gauges.journal(now, 0, None, None),
            *gauges.families(agencies, NOTHING),
            *gauges.bus(),
            *gauges.condition(ready=True, answers=True, delivers=True, free_bytes=1),
        ]
    ).decode()
    found: dict[str, set[str]] = {"onewindow_clock_skew_seconds": {"kind", "host", "pid"}}
    for family in [*metrics.REGISTRY.collect(), *text_string_to_metric_families(text)]:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> dict[str, dict[str, str]]:
    """alert -> its keys; the file keeps one `key: value` on a line, so that no YAML reader is needed."""
    found: dict[str, dict[str, str]] = {}
    rule: dict[str, str] = {}
    for line in RULES.read_text(encoding="utf-8").splitlines():
        key, colon, value = line.strip().removeprefix("- ").partition(": ")
        if colon and key == "alert":
            rule = found.setdefault(value, {})
        elif colon and not line.lstrip().startswith("#"):
            rule[key] = value.strip('"')
    return found


def expressions() -> list[str]:
    board = orjson.loads((ALERTS / "grafana-dashboard.json").read_bytes())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(asked) > 20
    return [*asked, *(rule["expr"] for rule in rules().values())]


@pytest.mark.parametrize("expression", expressions())
def test_every_figure_asked_for_exists_with_its_labels(expression: str) -> None:
    asked = SELECTOR.findall(expression)
    assert asked, "it asks for none of our figures"
    labels = set(OWN_LABELS)
    for name, selected in asked:
        assert name in figures(), f"the window shows no {name}"
        labels |= figures()[name]
        for label in re.findall(r"(\w+)\s*[=!]", selected):
            assert label in figures()[name], f"{name} has no label {label}"
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",") if label.strip()} <= labels


def test_every_figure_has_a_unit_or_is_a_count() -> None:
    """Prometheus' naming: base units, `_total` for counters only."""
    ours = {name for name in figures() if name.startswith("onewindow_")}
    assert len(ours) > 40
    for name in ours:
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", name), name
    for family in metrics.REGISTRY.collect():
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name


@pytest.mark.parametrize("alert", rules())
def test_every_alert_speaks_both_languages_and_is_explained(alert: str) -> None:
    rule = rules()[alert]
    assert rule["severity"] in ("page", "ticket")
    assert re.search(r"[\u4e00-\u9fff]", rule["summary_zh"])
    assert re.search(r"[a-z]{3}", rule["summary_en"])
    path, _, anchor = rule["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in [heading.lower() for heading in headings]
    assert alert in headings


def test_the_list_of_what_fires_is_complete() -> None:
    assert set(FIRES) == set(rules())


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian package prometheus) is not installed")
def test_each_alert_fires_and_none_does_on_a_quiet_window(tmp_path: Path) -> None:
    """Prometheus itself reads the rules and judges figures."""
    quiet = [{"series": series, "values": "0x300"} for fires in FIRES.values() for series in fires]
    for each in quiet:
        if each["series"].startswith(("onewindow_storage_ready", "onewindow_delivers")):
            each["values"] = "1x300"
        elif each["series"].startswith("onewindow_disk_free_bytes"):
            each["values"] = "1e11x300"
        elif each["series"].startswith("onewindow_key_expires_seconds"):
            each["values"] = "1e8x300"
    cases = [
        {
            "name": alert,
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in fires.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                    "eval_time": "4h30m" if "x300" in str(fires) else "50m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
            ],
        }
        for alert, fires in FIRES.items()
    ]
    cases.append(
        {
            "name": "quiet",
            "interval": "1m",
            "input_series": quiet,
            "promql_expr_test": [{"expr": "ALERTS", "eval_time": "4h30m", "exp_samples": []}],
        }
    )
    tests = tmp_path / "tests.yaml"
    # JSON is YAML
    tests.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}))
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
