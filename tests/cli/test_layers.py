"""Settings: keys, precedence, and errors that suggest what was meant."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.cli.errors import ConfigError
from lamina.cli.layers import flatten, parse_overrides, parse_value, read_toml
from lamina.core.errors import DataError


def test_tables_shorthands_and_aliases_mean_the_same() -> None:
    long = flatten({"optimiser": {"name": "sgd", "lr": 0.1}, "model": {"name": "mlp"}})
    assert flatten({"optimizer": "sgd", "lr": 0.1, "model": "mlp"}) == long
    assert flatten({"optimizer": {"name": "sgd", "lr": 0.1}, "model": "mlp"}) == long
    assert parse_overrides(["optimizer=sgd", "lr=0.1", "model=mlp"]) == long
    assert parse_overrides(["optimizer.name=sgd", "optimizer.lr=0.1", "model.name=mlp"]) == long


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("0.5", 0.5), ("1e-3", 1e-3), ("true", True), ("none", None), ("relu", "relu"),
        ('"1"', "1"), ("[1, 2]", [1, 2]), ("a b", "a b"), ("", ""), ("/tmp/x", "/tmp/x"),
    ],
)  # fmt: skip
def test_values_of_set(text: str, value: object) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@given(st.text())
def test_any_text_is_a_value(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=3", "unknown key 'epoch'; did you mean 'epochs'"),
        ("optimser.lr=3", "unknown key 'optimser.lr'; did you mean 'optimiser'"),
        ("checkpoint.every_epoch=3", "did you mean 'checkpoint.every_epochs'"),
        ("early_stopping.patence=3", "did you mean 'early_stopping.patience'"),
        ("epochs=many", "epochs: expected int, got 'many'"),
        ("epochs=true", "epochs: expected int, got True"),
        ("epochs=1.5", "epochs: expected int, got 1.5"),
        ("clip_norm=big", "clip_norm: expected int or float or none, got 'big'"),
        ("checkpoint.best=3", "checkpoint.best: expected bool or str, got 3"),
        ("model=3", "model: expected a name, got 3"),
        ("metrics=accuracy", "metrics: expected list, got 'accuracy'"),
        ("epochs", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
    ],
)
def test_wrong_overrides(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_overrides([override])


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('model = "lenet"\nlr = 0.1\n[data]\nname = "digits"\nsize = 32\n')
    assert read_toml(path) == {
        "model.name": "lenet", "optimiser.lr": 0.1, "data.name": "digits", "data.size": 32
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "not valid TOML"),
        ("epoch = 3", "unknown key 'epoch'; did you mean 'epochs'"),
        ("[trainer]\nepochs = 3", "unknown key 'trainer'"),
        ("[lr]\nvalue = 3", "lr: expected a value, got a table"),
    ],
)
def test_wrong_toml_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_toml(path)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_toml(tmp_path / "none.toml")
