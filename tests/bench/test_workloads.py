"""The networks' descriptions are those of Lamina's models."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.bench import networks, task
from lamina.bench.agreement import disagreement
from lamina.bench.channels_last import flat
from lamina.bench.contenders import CONTENDERS, RIVALS
from lamina.bench.workloads import INFERENCE, TRAINING, WORKLOADS, Workload


def shapes(network: networks.Network) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer in flat(network):
        match layer:
            case networks.Conv(name, inputs, outputs, kernel, _, _, bias):
                yield f"{name}.weight", (outputs, inputs, kernel, kernel)
                if bias:
                    yield f"{name}.bias", (outputs,)
            case networks.BatchNorm(name, channels):
                for part in ("weight", "bias", "running_mean", "running_var"):
                    yield f"{name}.{part}", (channels,)
                yield f"{name}.num_batches_tracked", ()
            case networks.Dense(name, inputs, outputs, image):
                assert image is None or inputs == np.prod(image)
                yield f"{name}.weight", (outputs, inputs)
                yield f"{name}.bias", (outputs,)


@pytest.mark.parametrize("name", WORKLOADS)
def test_weights_of_the_description(name: str) -> None:
    workload = WORKLOADS[name]
    state = task.new_model(workload).state_dict()
    assert dict(shapes(workload.network)) == {key: value.shape for key, value in state.items()}


def test_the_list() -> None:
    assert [w.name for w in TRAINING] == [
        *("mlp", "mlp_small", "lenet5", "vgg_small", "resnet20", "resnet18")
    ]
    assert [w.batch for w in TRAINING] == [128, 32, 64, 64, 64, 16]
    assert all(w.batch == 1 and not w.trains for w in INFERENCE) and len(INFERENCE) == 5
    taking = {name: [r.name for r in RIVALS if r.takes(w)] for name, w in WORKLOADS.items()}
    assert "sklearn" in taking["mlp"] and "sklearn" not in taking["lenet5"]
    assert "onnxruntime" in taking["inference mlp"] and "onnxruntime" not in taking["mlp"]
    assert "torch-channels-last" not in taking["mlp"]


def test_tasks_are_read_as_written(tmp_path: Path) -> None:
    workload: Workload = WORKLOADS["inference lenet5"]
    task.write(workload, tmp_path)
    found = task.read(tmp_path, threads=2)
    assert found.workload == workload and found.threads == 2
    assert found.inputs.shape == (1, 1, 32, 32) and found.inputs.dtype == np.float32
    assert found.labels.shape == (1,)
    model = task.new_model(workload).load_state_dict(found.weights)
    assert not model.missing_keys and not model.unexpected_keys


def test_every_rival_is_there() -> None:
    package = Path(task.__file__).parent
    for contender in CONTENDERS.values():
        file = contender.module.removeprefix("lamina.bench.").replace(".", "/")
        assert (package / f"{file}.py").exists()


@pytest.mark.parametrize("name", WORKLOADS)
def test_pytorch_agrees(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from lamina.bench.rivals import pytorch

    task.write(replace(WORKLOADS[name], batch=2, trains=False), tmp_path)
    given = task.read(tmp_path, threads=1)
    model = task.new_model(given.workload).eval()
    model.load_state_dict(given.weights)
    runner = pytorch.make(given, "eager")
    outputs = model(lamina.tensor(given.inputs)).numpy()
    assert disagreement([outputs], [runner.fetch(runner.step())]) == ""
