"""The commands, their exit codes, and what they print."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.cli.running import lamina, lamina_json

from lamina.cli.app import app
from lamina.nn import models
from lamina.train import load_checkpoint

LAMINA = [sys.executable, "-c", "from lamina.cli import main; main()"]
QUICK = ["train", "mlp", "--data", "moons", "--set", "data.count=100", "--quiet"]

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run."""
    folder = tmp_path_factory.mktemp("runs") / "iris"
    options = ["--out", folder, "--epochs", 3, "--seed", 4, "--quiet"]
    lamina("train", "mlp", "--data", "iris", *options)
    return folder


# Training ----------------------------------------------------------------------------------


def test_train_reports_and_leaves_a_run() -> None:
    found = lamina_json(*QUICK, "--epochs", 2)
    run = Path(found["run"])
    assert run == Path("runs/mlp-moons")
    assert (found["status"], found["epochs"], found["steps"]) == ("finished", 2, 4)
    assert set(found["test"]) == {"loss", "accuracy"}
    assert load_checkpoint(run / "checkpoints")["epoch"] == 2
    events = [json.loads(line)["event"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert events == ["epoch", "epoch", "end"]


def test_train_for_people() -> None:
    result = lamina(*QUICK[:-1], "--epochs", 2)
    assert result.stdout.startswith("test, last weights: loss 0.")
    assert "finished after 2 epochs, in runs/mlp-moons" in result.stdout
    assert result.stderr.startswith("epoch 1/2  loss")


def test_a_second_run_gets_a_folder_of_its_own() -> None:
    folders = [lamina_json(*QUICK, "--epochs", 1)["run"] for _ in range(2)]
    assert folders == ["runs/mlp-moons", "runs/mlp-moons-2"]


def test_the_seed_decides_everything() -> None:
    one, two, other = (
        lamina_json(*QUICK, "--epochs", 2, "--seed", seed) for seed in (1, 1, 2)
    )  # fmt: skip
    assert one["last"] == two["last"] != other["last"]


def test_precedence_defaults_toml_options_set() -> None:
    Path("run.toml").write_text(
        'model = "mlp"\nepochs = 4\nbatch_size = 50\nlr = 0.5\n'
        '[data]\nname = "moons"\ncount = 100\n[optimiser]\nname = "sgd"\nmomentum = 0.5\n'
    )
    lamina("train", "--config", "run.toml", "--epochs", 3, "--lr", 0.25, "--out", "a", "--quiet",
           "--set", "optimiser.lr=0.125", "--set", "epochs=2")  # fmt: skip
    settings = json.loads(Path("a/config.json").read_text())["settings"]
    assert settings["seed"] == 0  # a default
    assert settings["batch_size"] == 50  # TOML over defaults
    assert settings["optimiser.momentum"] == 0.5
    assert settings["optimiser.lr"] == 0.125  # --set over option over TOML
    assert settings["epochs"] == 2
    assert load_checkpoint("a/checkpoints")["optimiser"]["param_groups"][0]["lr"] == 0.125
    lamina("train", "--config", "run.toml", "--epochs", 3, "--out", "b", "--quiet")
    assert load_checkpoint("b/checkpoints")["epoch"] == 3  # option over TOML


def test_options_reach_what_they_configure() -> None:
    lamina(*QUICK, "--out", "a", "--epochs", 3, "--schedule", "cosine", "--optimiser", "sgd",
           "--lr", 0.5, "--set", "model.sizes=[2, 5, 2]", "--set", "model.activation=sigmoid",
           "--set", "optimiser.momentum=0.9", "--set", "clip_norm=1.0",
           "--set", "metrics=['accuracy', 'top_1']", "--set", "checkpoint.keep=1",
           "--set", "early_stopping.patience=9")  # fmt: skip
    state = load_checkpoint("a/checkpoints")
    assert state["model"]["linear1.weight"].shape == (5, 2)
    group = state["optimiser"]["param_groups"][0]
    assert (group["momentum"], group["initial_lr"]) == (0.9, 0.5)
    assert group["lr"] == pytest.approx(0, abs=1e-9)
    assert "EarlyStopping.0" in state["callbacks"]
    assert set(state["history"]["epochs"][0]) >= {"top_1", "validation_top_1"}
    assert len(list(Path("a/checkpoints").glob("step-*"))) == 1


@pytest.mark.parametrize(
    "schedule",
    ["constant", "cosine", "exponential --set schedule.gamma=0.9", "linear", "plateau",
     "polynomial", "one_cycle --set schedule.max_lr=0.1", "step --set schedule.step_size=1",
     "cosine_restarts --set schedule.T_0=2", "multi_step --set schedule.milestones=[1]"],
)  # fmt: skip
def test_every_schedule(schedule: str) -> None:
    assert lamina_json(*QUICK, "--epochs", 2, "--schedule", *schedule.split())["epochs"] == 2


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw"])
def test_every_optimiser(optimiser: str) -> None:
    assert lamina_json(*QUICK, "--epochs", 1, "--optimiser", optimiser)["epochs"] == 1


def test_one_output_with_a_binary_loss() -> None:
    found = lamina_json(*QUICK, "--epochs", 30, "--lr", 0.05, "--loss", "bce_with_logits",
                        "--set", "model.sizes=[2, 8, 1]")  # fmt: skip
    assert found["test"]["accuracy"] > 0.7


def test_regression_by_default_where_there_are_no_classes() -> None:
    found = lamina_json("train", "mlp", "--data", "function", "--epochs", 1, "--quiet")
    assert set(found["test"]) == {"loss"}
    settings = json.loads(Path(found["run"], "config.json").read_text())["settings"]
    assert settings["model.sizes"] == [1, 32, 1]


def test_images_take_the_size_of_the_model() -> None:
    found = lamina_json("train", "lenet", "--data", "digits", "--epochs", 1, "--quiet",
                        "--set", "data.fractions=[60, 20, 20]")  # fmt: skip
    settings = json.loads(Path(found["run"], "config.json").read_text())["settings"]
    assert settings["data.size"] == 32
    again = lamina_json("eval", found["run"], "--data", "digits")
    assert again["accuracy"] > 0.2
    lamina("explain", found["run"], "--data", "digits", "--format", "text", "--output", "pass.txt")
    assert "conv1" in Path("pass.txt").read_text()


def test_resuming_equals_training_at_once() -> None:
    lamina(*QUICK, "--out", "whole", "--epochs", 4)
    lamina(*QUICK, "--out", "parts", "--epochs", 1)
    lamina("train", "--resume", "parts", "--epochs", 3, "--quiet")
    lamina("train", "--resume", "parts", "--set", "epochs=4", "--quiet")
    whole, parts = (load_checkpoint(f"{name}/checkpoints") for name in ("whole", "parts"))
    assert whole["history"]["epochs"] == parts["history"]["epochs"]
    for name, weight in whole["model"].items():
        assert weight.tobytes() == parts["model"][name].tobytes()


def test_a_run_without_checkpoint_starts_over() -> None:
    lamina(*QUICK, "--out", "a", "--epochs", 2)
    before = load_checkpoint("a/checkpoints")
    shutil.rmtree("a/checkpoints")
    log = Path("a/log.jsonl")
    lines = len(log.read_text().splitlines())
    lamina("train", "--resume", "a", "--quiet")
    after = load_checkpoint("a/checkpoints")
    assert after["history"]["epochs"] == before["history"]["epochs"]
    assert len(log.read_text().splitlines()) == lines


# Exit codes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train", "which model? There are"),
        ("train lnet --data digits", "unknown model 'lnet'; did you mean 'lenet'?"),
        ("train mlp", "which data? There are"),
        ("train mlp --data irys", "unknown data 'irys'; did you mean 'iris'?"),
        ("train mlp --data iris --optimiser adm", "unknown optimiser 'adm'; did you mean 'adam'?"),
        ("train mlp --data iris --schedule cosin", "did you mean 'cosine'?"),
        ("train mlp --data iris --loss mes", "did you mean 'mse'?"),
        ("train mlp --data iris --set metrics=['acuracy']", "did you mean 'accuracy'?"),
        ("train mlp --data iris --set epoch=3", "unknown key 'epoch'; did you mean 'epochs'?"),
        ("train mlp --data iris --set model.activaton=relu", "did you mean 'activation'?"),
        ("train mlp --data iris --set model.activation=rel", "activation must be one of"),
        ("train mlp --data iris --set data.seeed=3", "did you mean 'seed'?"),
        ("train mlp --data iris --set optimiser.momentun=1", "unknown option of optimiser adam"),
        ("train mlp --data iris --set early_stopping.patience=0", "patience must be 1 or more"),
        ("train mlp --data iris --schedule step", "option 'step_size' is required"),
        ("train mlp --data iris --lr -1", "lr must be at least 0"),
        ("train mlp --data iris --loss mse", "if they are class labels, use cross_entropy"),
        ("train mlp --data iris --set model.sizes=4,3", "such as [4, 8, 3], got '4,3'"),
        ("train mlp --data iris --set data.fractions=[0,0,9]", "no example is left for training"),
        ("train mlp --data mnist", "such as --set data.folder=PATH"),
        ("train lenet --data moons", "model lenet cannot train on data moons"),
        ("train mlp --data iris --epochs 0", "0 is not in the range"),
        ("train mlp --data iris --seed -1", "-1 is not in the range"),
        ("train mlp --data iris --out a --resume .", "exclude each other"),
        ("train --config none.toml", "does not exist"),
        ("train --nonsense", "No such option"),
        ("summary lent5", "unknown model 'lent5'; did you mean 'lenet5'?"),
        ("summary lenet --input-shape 1,a", "expected whole numbers"),
        ("summary lenet --input-shape 1,0,3", "numbers from 1 up"),
        ("summary lenet --input-shape 3,32,32", "channels"),
        ("eval none", "does not exist"),
        ("trian", "No such command 'trian'"),
    ],
)
def test_wrong_usage_ends_with_two(arguments: str, message: str) -> None:
    result = lamina(*arguments.split(), code=2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("runs").exists()


def test_a_failure_in_the_run_ends_with_one() -> None:
    result = lamina(*QUICK, "--epochs", 20, "--optimiser", "sgd", "--lr", 1e30, code=1)
    assert "lower the learning rate" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_shape_that_does_not_fit_names_the_layer_before_there_is_a_run() -> None:
    result = lamina(*QUICK, "--set", "model.sizes=[3, 2]", code=2)
    assert "data moons, whose examples have shape (2,)" in result.stderr
    assert "in layer linear1: Linear" in result.stderr
    assert not Path("runs").exists()


def test_a_message_names_each_thing_once() -> None:
    result = lamina("train", "mlp", "--data", "iris", "--lr", -1, code=2)
    assert result.stderr.startswith("Error: optimiser adam: lr must be")


def test_bad_data_ends_with_three() -> None:
    options = ["--set", "data.path=none.csv", "--quiet"]
    result = lamina("train", "mlp", "--data", "csv", *options, code=3)
    assert "none.csv: cannot be read" in result.stderr


def test_errors_as_json(finished: Path) -> None:
    found = lamina_json("train", "mlp", "--data", "irys", code=2)
    assert found["error"]["exit_code"] == 2
    assert found["error"]["type"] == "ConfigError"
    assert "irys" in found["error"]["message"]


def test_debug_shows_the_traceback() -> None:
    result = CliRunner().invoke(app, ["train", "mlp", "--data", "irys", "--debug"])
    assert type(result.exception).__name__ == "ConfigError"


def test_another_run_is_not_written_over(finished: Path) -> None:
    result = lamina("train", "mlp", "--data", "iris", "--out", finished, code=2)
    assert f"--resume {finished}" in result.stderr


def test_a_resumed_run_keeps_its_settings(finished: Path) -> None:
    result = lamina("train", "--resume", finished, "--lr", 0.5, code=2)
    assert "optimiser.lr was left at its default and cannot become 0.5" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_with_130_and_a_checkpoint(number: int) -> None:
    command = [*LAMINA, *QUICK, "--out", "a", "--epochs", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    log = Path("a/log.jsonl")
    while not (log.exists() and log.read_text().count("epoch") > 2):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    printed, _ = process.communicate()
    assert process.returncode == 130
    assert "go on with: lamina train --resume a" in printed
    state = load_checkpoint("a/checkpoints")
    assert state["history"]["status"] == "interrupted"
    epochs = state["epoch"] + 1
    lamina("train", "--resume", "a", "--epochs", epochs, "--quiet")
    assert load_checkpoint("a/checkpoints")["epoch"] == epochs


# Using a run -------------------------------------------------------------------------------


def test_eval(finished: Path) -> None:
    found = lamina_json("eval", finished)
    assert set(found) == {"run", "split", "weights", "loss", "accuracy"}
    assert (found["split"], found["weights"]) == ("test", "best")
    last = lamina_json("eval", finished, "--split", "validation", "--checkpoint", "last")
    history = load_checkpoint(finished / "checkpoints")["history"]["epochs"]
    assert last["weights"] == "last"
    assert last["loss"] == pytest.approx(history[-1]["validation_loss"], rel=1e-5)
    assert lamina("eval", finished).stdout.startswith("test, best weights: loss ")


def test_engines_agree(finished: Path) -> None:
    np.save("x.npy", np.ones((3, 4), np.float32))
    rows = [
        lamina_json("predict", finished, "x.npy", "--engine", e)["predictions"]
        for e in ("compiled", "dynamic")
    ]
    assert [row["class"] for row in rows[0]] == [row["class"] for row in rows[1]]
    one, other = (lamina_json("eval", finished, "--engine", e) for e in ("compiled", "dynamic"))
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    runs = [lamina_json(*QUICK, "--epochs", 2, "--engine", e) for e in ("compiled", "dynamic")]
    assert runs[0]["last"]["loss"] == pytest.approx(runs[1]["last"]["loss"], rel=1e-3)
    settings = [json.loads(Path(r["run"], "config.json").read_text())["settings"] for r in runs]
    assert [s["engine"] for s in settings] == ["compiled", "dynamic"]
    lamina("eval", finished, "--engine", "quantum", code=2)


@pytest.mark.parametrize("named", [("--data", "csv"), ("--set", "data=csv")])
def test_eval_on_other_data(finished: Path, named: tuple[str, str]) -> None:
    rows = ["a,b,c,d,species"] + ["5.1,3.5,1.4,0.2,setosa", "6,3,5,2,virginica"] * 10
    Path("flowers.csv").write_text("\n".join(rows))
    found = lamina_json("eval", finished, *named, "--set", "data.path=flowers.csv",
                        "--set", "data.fractions=[0, 0, 20]")  # fmt: skip
    assert found["accuracy"] in (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    "kind", ["npy", "npz", "named npz", "csv", "csv with header", "one example"]
)
def test_predict(finished: Path, kind: str) -> None:
    flowers = np.array([[5.1, 3.5, 1.4, 0.2], [6.5, 3.0, 5.5, 2.0]], np.float32)
    file = "x.csv" if "csv" in kind else "x.npz" if "npz" in kind else "x.npy"
    if "csv" in kind:
        header = "a,b,c,d" if "header" in kind else ""
        np.savetxt(file, flowers, delimiter=",", header=header, comments="")
    elif kind == "named npz":
        np.savez(file, inputs=flowers, other=np.zeros(3))
    elif kind == "npz":
        np.savez(file, whatever=flowers)
    else:
        np.save(file, flowers[0] if kind == "one example" else flowers)
    found = lamina_json("predict", finished, file, "--out", "outputs.npy")
    outputs = np.load("outputs.npy")
    assert outputs.shape == (1 if kind == "one example" else 2, 3)
    shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    classes = ("setosa", "versicolor", "virginica")
    for row, share in zip(found["predictions"], shares, strict=True):
        assert row["class"] == classes[share.argmax()]
        assert row["probability"] == pytest.approx(share.max(), abs=1e-5)
    assert "probability" in lamina("predict", finished, file).stdout


def test_predict_a_picture_as_the_run_had_them(finished: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name, ink in (("dark", 0), ("bright", 255)):
        Path("pictures", name).mkdir(parents=True)
        for number in range(10):
            image.new("RGB", (9, 7), (abs(ink - number),) * 3).save(f"pictures/{name}/{number}.png")
    lamina("train", "mlp", "--data", "folder", "--out", "a", "--quiet", "--epochs", 60,
           "--set", "data.path=pictures", "--set", "data.size=5")  # fmt: skip
    for name in ("dark", "bright"):
        found = lamina_json("predict", "a", f"pictures/{name}/0.png")
        assert found["predictions"][0]["class"] == name
    refused = lamina("predict", finished, "pictures/dark/0.png", code=3)
    assert "are no pictures but of shape (4,)" in refused.stderr


def test_outputs_for_people_are_short() -> None:
    lamina("train", "mlp", "--data", "function", "--out", "a", "--epochs", 1, "--quiet")
    Path("x.csv").write_text("0.5\n")
    row = lamina("predict", "a", "x.csv").stdout.splitlines()[3]
    assert re.fullmatch(r"[│|] 0 +[│|] \[-?\d\.\d{1,5}\] +[│|]", row)


@pytest.mark.parametrize(
    ("name", "content", "message", "code"),
    [
        ("x.npy", b"not an array", "not a readable .npy file", 3),
        ("x.npy", b"", "not a readable .npy file", 3),
        ("x.npz", b"not an archive", "expected a zip archive", 3),
        ("x.csv", b"1,2,three,4", "not a readable .csv file", 3),
        ("x.csv", b"1,2,3", "expected examples of shape", 3),
        ("x.txt", b"1,2,3,4", "named .npy, .npz or .csv", 2),
    ],
)
def test_inputs_that_cannot_be_used(
    finished: Path, name: str, content: bytes, message: str, code: int
) -> None:
    Path(name).write_bytes(content)
    assert message in lamina("predict", finished, name, code=code).stderr


def test_pickled_inputs_are_refused(finished: Path) -> None:
    np.save("x.npy", np.array([{}, {}], object), allow_pickle=True)
    assert "not a readable .npy file" in lamina("predict", finished, "x.npy", code=3).stderr


def test_what_is_no_run() -> None:
    Path("a").mkdir()
    for command in (["eval", "a"], ["predict", "a", __file__], ["train", "--resume", "a"]):
        assert "is it a run?" in lamina(*command, code=3).stderr
    Path("a/config.json").write_text("{")
    assert "not a JSON document" in lamina("eval", "a", code=3).stderr
    Path("a/config.json").write_text("[]")
    assert "expected keys" in lamina("eval", "a", code=3).stderr


def test_a_damaged_checkpoint_is_named(finished: Path) -> None:
    shutil.copytree(finished, "a")
    for file in Path("a/checkpoints").rglob("arrays.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    result = lamina("eval", "a", code=3)
    assert "arrays.safetensors: expected" in result.stderr


def test_an_older_checkpoint_stands_in_with_a_warning(finished: Path) -> None:
    shutil.copytree(finished, "a")
    newest = sorted(Path("a/checkpoints").glob("step-*"))[-1]
    (newest / "state.json").write_text("")
    result = lamina("eval", "a", "--checkpoint", "last")
    assert result.stderr.startswith(f"Warning: {newest / 'state.json'}: not a JSON document")
    assert "instead" in result.stderr


# Describing --------------------------------------------------------------------------------


def test_summary_of_lenet5() -> None:
    found = lamina_json("summary", "lenet5")
    assert (found["parameters"], found["connections"]) == (60_000, 340_908)
    printed = lamina("summary", "lenet5").stdout
    assert "60,000" in printed
    assert "340,908" in printed


@pytest.mark.parametrize("columns", [60, 80, 110, 200])
def test_a_summary_is_whole_at_any_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # so that rich takes the output for a terminal
    monkeypatch.setenv("COLUMNS", str(columns))
    printed = lamina("summary", "lenet5").stdout
    assert ("┃" in printed) == (columns == 200)
    for text in ("ConnectionTableConv2d", "multiply-adds", "416,520", "18.4 KiB", "16×16 / 4×4"):
        assert text in printed


def test_summary_with_options() -> None:
    found = lamina_json("summary", "mlp", "--set", "model.sizes=[12, 5, 1]",
                        "--input-shape", "3,2,2")  # fmt: skip
    assert found["parameters"] == 12 * 5 + 5 + 5 + 1
    assert lamina_json("summary", "mlp", "--set", "model.sizes=[4, 3]")["parameters"] == 15


def test_lists() -> None:
    assert set(lamina_json("summary")["models"]) == set(models.names())
    assert "lenet5" in lamina("summary").stdout
    assert "size: int = 8" in lamina_json("data")["data"]["digits"]
    assert "digits" in lamina("data").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    script = lamina("completion", shell).stdout
    assert f"_LAMINA_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("lamina su", "summary"),
        ("lamina train lenet5", "lenet5"),
        ("lamina train mlp --optimiser sg", "sgd"),
        ("lamina train mlp --data dig", "digits"),
    ],
)
def test_completion_completes(words: str, found: str) -> None:
    environment = {**os.environ, "_LAMINA_COMPLETE": "bash_complete", "COMP_WORDS": words,
                   "COMP_CWORD": str(words.count(" "))}  # fmt: skip
    run = subprocess.run(LAMINA, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"plain,{found}"


def test_the_program_itself() -> None:
    script = shutil.which("lamina", path=str(Path(sys.executable).parent))
    command = [script] if script else LAMINA
    run = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("lamina, version ")
    failed = subprocess.run([*command, "summary", "x"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "Error: unknown model 'x'" in failed.stderr
    assert "Traceback" not in failed.stderr
