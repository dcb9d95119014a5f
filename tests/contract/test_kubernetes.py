"""The manifest of a fleet, read: it fits Kubernetes' own types, and what it relies on is there."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from lightkube.models.apps_v1 import Deployment
from lightkube.models.core_v1 import Secret
from lightkube.models.policy_v1 import PodDisruptionBudget

from wa_supervisor.cli.commands import HOMES
from wa_supervisor.fleet.term import ENGINE_BOUND
from wa_supervisor.settings import Settings, load_settings
from wa_supervisor.supervisor import LEAVING_BOUND
from wa_supervisor.web.guard import PROBES

ROOT = Path(__file__).parents[2]
KINDS: dict[tuple[str, str], type] = {
    ("v1", "Secret"): Secret,
    ("apps/v1", "Deployment"): Deployment,
    ("policy/v1", "PodDisruptionBudget"): PodDisruptionBudget,
}
DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text("utf-8"))
)
MIB = 2**20
A_SESSION = 17.5 * MIB  # docs/many.md


def check(document: dict[str, Any]) -> None:
    """Raise unless each key is one of Kubernetes', and each value of its type."""
    kind = KINDS[document["apiVersion"], document["kind"]]
    assert msgspec.to_builtins(msgspec.convert(document, kind)) == document


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = (each for each in DOCUMENTS if each["kind"] == kind)
    return found


def pod() -> dict[str, Any]:
    found: dict[str, Any] = of_kind("Deployment")["spec"]["template"]["spec"]
    return found


def worker() -> dict[str, Any]:
    (found,) = pod()["containers"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each["kind"])
def test_each_object_fits_kubernetes_own_types(document: dict[str, Any]) -> None:
    check(document)


@pytest.mark.parametrize(
    ("key", "value"),
    [("livenesProbe", {}), ("terminationMessagePath", 7), ("resources", {"request": {}})],
)
def test_a_slip_in_it_would_be_found(key: str, value: object) -> None:
    broken = copy.deepcopy(of_kind("Deployment"))
    broken["spec"]["template"]["spec"]["containers"][0][key] = value
    with pytest.raises((AssertionError, msgspec.ValidationError)):
        check(broken)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """What its variables set, beside those of the image."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    image = re.findall(r"(WA_SUPERVISOR_\w+)=(\S+)", (ROOT / "Dockerfile").read_text())
    own = {each["name"]: each.get("value", "from-a-field") for each in worker()["env"]}
    for name, value in (dict(image) | of_kind("Secret")["stringData"] | own).items():
        monkeypatch.setenv(name, value.replace("$(POD_IP)", "10.1.2.3"))
    return load_settings().settings


def test_its_variables_are_settings(settings: Settings) -> None:
    assert settings.fleet.database is not None
    assert settings.fleet.name == "from-a-field"
    assert settings.fleet.inbox == "postgres"
    assert settings.web.listen == f"10.1.2.3:{worker()['ports'][0]['containerPort']}"
    assert settings.pairing.qr == Settings().pairing.qr
    assert str(settings.data_dir) == "/var/lib/wa-supervisor"
    assert pod()["enableServiceLinks"] is False


def test_its_command_line_is_one_that_the_command_takes() -> None:
    verb, below, *options = worker()["args"]
    command = HOMES[verb].load()
    commands = getattr(command, "commands")  # noqa: B009 - typer keeps the type private
    commands[below].make_context(below, options)


def test_the_grace_period_is_longer_than_a_worker_may_take_to_end(settings: Settings) -> None:
    longest = settings.fleet.drain + LEAVING_BOUND + settings.stop.drain + ENGINE_BOUND
    assert pod()["terminationGracePeriodSeconds"] > longest + 10


def test_its_probes_need_no_token_and_no_name_and_only_the_lease_makes_it_ready() -> None:
    probes = {name: each for name, each in worker().items() if name.endswith("Probe")}
    assert {each["httpGet"]["path"] for each in probes.values()} == PROBES
    assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_no_volume_is_needed_and_none_is_there_that_would_be_refused() -> None:
    assert "volumes" not in pod()
    assert "volumeMounts" not in worker()
    made = re.findall(r"install -d -o wa -g wa -m 0700 (.*)", (ROOT / "Dockerfile").read_text())
    assert "/var/lib/wa-supervisor" in made[0].split()


def test_the_memory_is_enough_for_its_sessions(settings: Settings) -> None:
    assert settings.fleet.capacity is not None
    resources = worker()["resources"]
    asked = int(resources["requests"]["memory"].removesuffix("Gi")) * 1024 * MIB
    limit = int(resources["limits"]["memory"].removesuffix("Gi")) * 1024 * MIB
    assert asked >= settings.fleet.capacity * A_SESSION + 150 * MIB
    assert limit > asked


def test_all_of_it_is_about_the_same_pods() -> None:
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert of_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    (spread,) = pod()["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels
    (secret,) = worker()["envFrom"]
    assert secret["secretRef"]["name"] == of_kind("Secret")["metadata"]["name"]
