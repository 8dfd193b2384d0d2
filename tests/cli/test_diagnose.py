"""``lamina diagnose``: runs and models, healthy and not."""

from pathlib import Path

import pytest
from tests.cli.running import lamina, lamina_json

from lamina import data, nn, optim
from lamina.cli.runs import RunFolder
from lamina.train import Checkpoint, Trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "moons"
    options = ["--epochs", 1, "--set", "data.count=200", "--out", folder, "--quiet"]
    lamina("train", "mlp", "--data", "moons", *options)
    return folder


def test_a_model_with_fresh_weights() -> None:
    found = lamina_json("diagnose", "lenet", "--data", "digits", "--batch-size", 16)
    assert (found["examples"], found["diagnosis"]) == (16, [])
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert all(layer["gradient"]["norm"] > 0 for layer in found["layers"])


def test_a_run_and_its_picture(run: Path, tmp_path: Path) -> None:
    result = lamina("diagnose", run, "--split", "test", "--plot", tmp_path / "health.png")
    assert "linear1" in result.stdout
    assert "nothing found wrong" in result.stdout
    assert (tmp_path / "health.png").stat().st_size > 5000


def test_a_run_that_died(run: Path, tmp_path: Path) -> None:
    folder, model = RunFolder(tmp_path), RunFolder(run).model()
    nn.init.constant_(model.get_submodule("linear1").bias, -100.0)
    trainer = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.01))
    moons = data.load("moons", count=200).train
    trainer.fit(moons, epochs=1, callbacks=[Checkpoint(folder.checkpoints)], progress="none")
    folder.write(RunFolder(run).settings(), RunFolder(run).read()["data"])
    found = lamina_json("diagnose", tmp_path, "--checkpoint", "last")["diagnosis"]
    assert [(each["kind"], each["layers"]) for each in found] == [("dead ReLU", ["linear1"])]
    assert "dead ReLU in layer 1 (linear1)" in lamina("diagnose", tmp_path).stdout


def test_wrong_usage() -> None:
    assert "neither the folder of a run nor a model" in lamina("diagnose", "no", code=2).output
    assert "--data is required" in lamina("diagnose", "mlp", code=2).output
    assert "layer conv1" in lamina("diagnose", "resnet20", "--data", "digits", code=2).output


def test_training_tells_what_is_wrong(tmp_path: Path) -> None:
    options = ["--set", "data.count=200", "--set", "health.every=2", "--quiet", "--epochs", 2]
    too_low = [*options, "--optimiser", "sgd", "--lr", 1e-9, "--set", "health.patience=2"]
    told = lamina("train", "mlp", "--data", "moons", "--out", tmp_path / "low", *too_low)
    assert told.stderr.count("learning rate too low in layer 1 (linear1)") == 1
    well = lamina("train", "mlp", "--data", "moons", "--out", tmp_path / "well", *options)
    assert well.stderr == ""
