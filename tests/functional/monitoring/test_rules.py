"""promtool accepts rules and sample configuration, and each alert is fired by its fault and by nothing else."""

import json
import pathlib
import re
from typing import Any

import pytest
import yaml

from tests.support import commands

TOP = pathlib.Path(__file__).parents[3]
RULES = TOP / "etc/prometheus/vethagent.rules.yml"
FLEET, HOST = "vethagent_fleet", 'host="h1"'
REPAIRS = 'vethagent_controller_operation_duration_seconds_bucket{operation="repair",le='

#: A fleet in which nothing is wrong, one value each two minutes for two hours.
WELL = {
    'up{job="vethagent-api"}': "1x60",
    f"{FLEET}_agent_up{{{HOST}}}": "1x60",
    f"{FLEET}_agent_ready{{{HOST}}}": "1x60",
    f"{FLEET}_agent_start_time_seconds{{{HOST}}}": "1e9x30 1000003600x30",
    f'{FLEET}_agent_mode{{{HOST},mode="enforce"}}': "1x60",
    f'{FLEET}_links{{{HOST},status="ACTIVE",reason=""}}': "50x60",
    f'{FLEET}_links{{{HOST},status="DOWN",reason="ADMIN_DOWN"}}': "1x60",
    f'{FLEET}_rollouts{{state="RUNNING"}}': "1x60",
    f'{FLEET}_rollouts{{state="STOPPED"}}': "0x60",
    f"{FLEET}_agent_casts_late_total{{{HOST}}}": "3x60",
    f"{FLEET}_agent_casts_refused_total{{{HOST}}}": "3x60",
    f"{FLEET}_agent_helper_restarts_total{{{HOST}}}": "1x60",
    f"{FLEET}_agent_ovsdb_reconnects_total{{{HOST}}}": "1x60",
    f"{FLEET}_agent_netlink_overflows_total{{{HOST}}}": "1x60",
    f"{FLEET}_agent_reconciler_failures_total{{{HOST}}}": "0x60",
    f'{FLEET}_agent_drift_repaired_total{{{HOST},code="MTU"}}': "0+0.1x60",
    'vethagent_controller_healthy{part="bus"}': "1x60",
    f'{REPAIRS}"5.0"}}': "0+2x60",
    f'{REPAIRS}"10.0"}}': "0+2x60",
    f'{REPAIRS}"+Inf"}}': "0+2x60",
}

#: Alert -> the series that are otherwise.
FAULTS = {
    "VethagentDown": {'up{job="vethagent-api"}': "0x60"},
    "VethagentControllerUnhealthy": {'vethagent_controller_healthy{part="bus"}': "0x60"},
    "VethagentAgentSilent": {f"{FLEET}_agent_up{{{HOST}}}": "0x60"},
    "VethagentAgentNotReady": {f"{FLEET}_agent_ready{{{HOST}}}": "0x60"},
    "VethagentAgentUnhealthy": {f'{FLEET}_agent_unhealthy{{{HOST},part="ovsdb"}}': "1x60"},
    "VethagentAgentRestarts": {f"{FLEET}_agent_start_time_seconds{{{HOST}}}": "1000000000+60x60"},
    "VethagentAgentNotEnforcing": {f'{FLEET}_agent_mode{{{HOST},mode="paused"}}': "1x60"},
    "VethagentLinksInError": {f'{FLEET}_links{{{HOST},status="ERROR",reason="LOOP"}}': "2x60"},
    "VethagentLinksDown": {f'{FLEET}_links{{{HOST},status="DOWN",reason="DRIFT"}}': "1x60"},
    "VethagentLinksStuck": {f'{FLEET}_links{{{HOST},status="BUILD",reason="PLUGGING"}}': "1x60"},
    "VethagentRolloutStopped": {f'{FLEET}_rollouts{{state="STOPPED"}}': "1x60"},
    "VethagentPhysicalLoop": {f"{FLEET}_links_in_rings{{{HOST}}}": "1x60"},
    "VethagentDriftRepeats": {f'{FLEET}_agent_drift_repaired_total{{{HOST},code="MTU"}}': "0+2x60"},
    "VethagentRepairsSlow": {f'{REPAIRS}"5.0"}}': "0x60"},
    "VethagentCastsLate": {f"{FLEET}_agent_casts_late_total{{{HOST}}}": "0+1x60"},
    "VethagentCastsRefused": {f"{FLEET}_agent_casts_refused_total{{{HOST}}}": "0+1x60"},
    "VethagentHelperRestarts": {f"{FLEET}_agent_helper_restarts_total{{{HOST}}}": "0+1x60"},
    "VethagentOvsdbReconnects": {f"{FLEET}_agent_ovsdb_reconnects_total{{{HOST}}}": "0+1x60"},
    "VethagentNetlinkOverflows": {f"{FLEET}_agent_netlink_overflows_total{{{HOST}}}": "0+1x60"},
    "VethagentReconcilerFailures": {f"{FLEET}_agent_reconciler_failures_total{{{HOST}}}": "0+1x60"},
}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_promtool_accepts_the_sample_configuration_with_its_rules() -> None:
    done = commands.run("promtool", "check", "config", str(TOP / "etc/prometheus/prometheus.yml"))
    assert f"SUCCESS: {len(FAULTS)} rules found" in done.stdout


def test_each_alert_says_what_it_is() -> None:
    assert {rule["alert"] for rule in rules()} == set(FAULTS)
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_each_alert_is_fired_by_its_fault_and_by_nothing_else(tmp_path: pathlib.Path) -> None:
    cases = [_case("no fault", {}, [])]
    cases += [_case(alert, series, [alert]) for alert, series in FAULTS.items()]
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "2m", "tests": cases}))
    commands.run("promtool", "test", "rules", str(path))


def _case(name: str, series: dict[str, str], firing: list[str]) -> dict[str, Any]:
    values = {**WELL, **series}
    fired = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    question = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "name": name,
        "interval": "2m",
        "input_series": [{"series": each, "values": value} for each, value in values.items()],
        "promql_expr_test": [{"expr": question, "eval_time": "110m", "exp_samples": fired}],
    }


@pytest.mark.parametrize("path", sorted((TOP / "etc/grafana").glob("*.json")), ids=lambda path: path.name)
def test_each_question_of_a_dashboard_is_one_that_prometheus_understands(
    path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    asked = [target["expr"] for panel in json.loads(path.read_text())["panels"] for target in panel.get("targets", ())]
    assert asked
    plain = [re.sub(r"\$__rate_interval|\$__interval", "5m", each).replace("$host", "h1") for each in asked]
    records = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(plain)]
    rule_file = tmp_path / "panels.yml"
    rule_file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": records}]}))
    commands.run("promtool", "check", "rules", str(rule_file))
