"""Each kind of task has a module in every room that depends on the kind, as the room's protocol demands."""

import inspect
from types import ModuleType
from typing import Protocol

import pytest

import darkroom.audit.kinds as audit
import darkroom.batches.kinds as batches
import darkroom.commands.kinds as commands
import darkroom.datasets.kinds as datasets
import darkroom.evaluation.kinds as evaluation
import darkroom.figures.kinds as figures
import darkroom.metrics.kinds as metrics
import darkroom.training.kinds as training
from darkroom.common.named import module_named, names_in

KINDS = names_in(datasets.__name__)
PROTOCOLS: dict[ModuleType, type] = {
    audit: audit.Auditor,
    batches: batches.Reader,
    commands: commands.KindCommands,
    datasets: datasets.Kind,
    evaluation: evaluation.Evaluator,
    figures: figures.KindFigures,
    metrics: metrics.KindMetrics,
}


@pytest.mark.parametrize("room", [*PROTOCOLS, training], ids=lambda room: room.__name__)
def test_each_room_has_the_same_kinds(room: ModuleType) -> None:
    assert names_in(room.__name__) == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("room", PROTOCOLS, ids=lambda room: room.__name__)
def test_modules_of_kinds_follow_the_protocol(room: ModuleType, kind: str) -> None:
    module, protocol = module_named(room.__name__, kind), PROTOCOLS[room]
    assert issubclass(protocol, Protocol)
    for name in protocol.__annotations__:
        assert hasattr(module, name), f"{module.__name__} has no {name}"
    for name, method in vars(protocol).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            expected = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
            found = list(inspect.signature(getattr(module, name)).parameters.values())
            assert len(found) == len(expected), name
            for ours, listed in zip(found, expected, strict=True):
                assert listed.default is inspect.Parameter.empty or ours.name == listed.name, f"{name}: {listed.name}"
                assert (ours.default is inspect.Parameter.empty) == (listed.default is inspect.Parameter.empty), name


@pytest.mark.parametrize("kind", KINDS)
def test_training_parameters_name_their_kind(kind: str) -> None:
    field = training.training_of(kind).model_fields["kind"]
    assert field.annotation.__args__ == (kind,)
