"""From settings to the objects they describe."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import lamina.random
from lamina import data, optim, train
from lamina.cli.errors import ConfigError, configuring
from lamina.cli.layers import DEFAULTS, Settings, flatten, options_of, unknown
from lamina.cli.signatures import make
from lamina.insight import HealthCallback
from lamina.nn import Module, models
from lamina.train import binary_accuracy
from lamina.train.objective import CLASSIFICATION

OPTIMISERS: dict[str, Any] = {
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adadelta": optim.Adadelta,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}
SCHEDULES: dict[str, Any] = {
    "constant": optim.lr_scheduler.ConstantLR,
    "cosine": optim.lr_scheduler.CosineAnnealingLR,
    "cosine_restarts": optim.lr_scheduler.CosineAnnealingWarmRestarts,
    "exponential": optim.lr_scheduler.ExponentialLR,
    "linear": optim.lr_scheduler.LinearLR,
    "multi_step": optim.lr_scheduler.MultiStepLR,
    "one_cycle": optim.lr_scheduler.OneCycleLR,
    "plateau": optim.lr_scheduler.ReduceLROnPlateau,
    "polynomial": optim.lr_scheduler.PolynomialLR,
    "step": optim.lr_scheduler.StepLR,
}
INITIALISATION, TRAINING = 0, 1  # what the keys made of the seed are for


def with_data(own: Settings, given: Settings) -> Settings:
    """A run's settings; with other data, none of its options for its own but the images' size."""
    if "data.name" not in given:
        return {**own, **given}
    kept = {key: value for key, value in own.items() if not key.startswith("data.")}
    return fit_data_to_model({**kept, **given})


def settings_of_model(name: str, given: Settings) -> Settings:
    """The settings of a new model by its name, which needs data named too."""
    if name not in models.names():
        known = ", ".join(models.names())
        raise ConfigError(
            f"{name!r} is neither the folder of a run nor a model; models are {known}"
        )
    if "data.name" not in given:
        raise ConfigError(
            f"--data is required with the model {name!r}, such as --data digits; "
            "`lamina data` lists what there is"
        )
    return fit_data_to_model({**DEFAULTS, **flatten({"model": name}), **given})


def fit_data_to_model(settings: Settings) -> Settings:
    """The settings with images of the model's size, unless a size is set."""
    shape = models.input_shape(_name(settings, "model", models.names()))
    name = _name(settings, "data", data.names())
    sized = any(option.name == "size" for option in data.names()[name])
    return {"data.size": shape[-1], **settings} if sized and len(shape) == 3 else settings


def fit_model_to_data(settings: Settings, splits: data.Splits) -> Settings:
    """The settings with as many inputs and outputs as the data need, unless they are set."""
    name = _name(settings, "model", models.names())
    inputs, targets = splits.train.inputs.shape[1:], splits.train.targets.shape[1:]
    outputs = len(splits.train.classes) or prod(targets)
    fitting = {"sizes": [prod(inputs), 32, outputs], "classes": outputs, "num_classes": outputs}
    taken = {f"model.{key}": fitting[key] for key in models.options(name) if key in fitting}
    return {**taken, **settings}


def make_data(settings: Settings) -> data.Splits:
    """Training, validation and test data."""
    name = _name(settings, "data", data.names())
    options = options_of(settings, "data")
    known = [option.name for option in data.names()[name]]
    for option in options:
        if option not in known:
            raise unknown(f"option of data {name}", option, known)
    for required in data.names()[name]:
        if required.default is data.REQUIRED and required.name not in options:
            raise ConfigError(
                f"data {name}: option {required.name!r} is required, such as "
                f"--set data.{required.name}=PATH; `lamina data` lists the others"
            )
    with configuring(f"data {name}"):
        return data.load(name, **options)


def make_model(settings: Settings) -> Module:
    """The model, with the initial weights of the seed."""
    name = _name(settings, "model", models.names())
    options = options_of(settings, "model")
    for option in options:
        if option not in models.options(name):
            raise unknown(f"option of model {name}", option, models.options(name))
    with lamina.random.use_keys(_key(settings, INITIALISATION)), configuring(f"model {name}"):
        return models.create(name, **options)


def make_trainer(settings: Settings, model: Module, splits: data.Splits) -> train.Trainer:
    """The trainer with its optimiser and schedule."""
    kind = _name(settings, "optimiser", OPTIMISERS)
    optimiser = make(f"optimiser {kind}", OPTIMISERS[kind], options_of(settings, "optimiser"),
                     params=model.parameters())  # fmt: skip
    schedule, every = _schedule(settings, optimiser, len(splits.train))
    loss = settings.get("loss", "cross_entropy" if splits.train.classes else "mse")
    with configuring("settings"):
        return train.Trainer(
            model,
            loss,
            optimiser,
            metrics=settings.get("metrics", default_metrics(loss)),
            schedule=schedule,
            schedule_every=every,
            monitor=settings.get("monitor"),
            key=_key(settings, TRAINING),
            clip_norm=settings.get("clip_norm"),
            engine=settings.get("engine", "compiled"),
        )


def check_fit(settings: Settings, trainer: train.Trainer, splits: data.Splits) -> None:
    """Measure one example, so that a model or loss that does not take the data is told at once."""
    if len(splits.train) == 0:
        raise ConfigError(f"data {settings['data.name']}: no example is left for training")
    example = splits.train[:1]
    with configuring(
        f"model {settings['model.name']} cannot train on data {settings['data.name']}, "
        f"whose examples have shape {example.inputs.shape[1:]}"
    ):
        trainer.evaluate(example, engine="dynamic")  # quicker for one example


def default_metrics(loss: str) -> list[Any]:
    """What is usually measured beside a loss."""
    if loss in CLASSIFICATION:
        return ["accuracy"]
    thresholds = {"bce": 0.5, "bce_with_logits": 0.0}
    return [binary_accuracy(thresholds[loss])] if loss in thresholds else []


def make_callbacks(settings: Settings, log: Path, folder: Path) -> list[train.Callback]:
    """Log, checkpoints, and what else is set: early stopping, gradient health."""
    checkpoint = options_of(settings, "checkpoint")
    health = options_of(settings, "health")
    stopping = options_of(settings, "early_stopping")
    found: list[train.Callback] = [train.JsonLines(log)]
    if stopping:
        found.append(make("early_stopping", train.EarlyStopping, stopping))
    if health:
        found.append(make("health", HealthCallback, health))
    return [*found, make("checkpoint", train.Checkpoint, checkpoint, folder=folder)]


def _schedule(settings: Settings, optimiser: Any, examples: int) -> tuple[Any, Any]:
    """The schedule and when it advances."""
    name = settings.get("schedule.name", "none")
    every = settings.get("schedule_every", "step" if name == "one_cycle" else "epoch")
    if name == "none":
        return None, every
    _name(settings, "schedule", SCHEDULES)
    epochs, steps = settings["epochs"], -(-examples // settings["batch_size"])
    lengths = {"cosine": "T_max", "polynomial": "total_iters", "one_cycle": "total_steps"}
    options = options_of(settings, "schedule")
    if name in lengths:
        length = epochs * (steps if every == "step" else 1)
        options = {lengths[name]: length, **options}
    made = make(f"schedule {name}", SCHEDULES[name], options, optimizer=optimiser)
    return made, every


def _key(settings: Settings, purpose: int) -> Any:
    with configuring("seed"):
        return lamina.random.fold_in(lamina.random.key(settings["seed"]), purpose)


def _name(settings: Settings, table: str, known: Any) -> str:
    name = settings.get(f"{table}.name")
    if not name:
        raise ConfigError(f"which {table}? There are {', '.join(known)}")
    if name not in known:
        raise unknown(table, name, known)
    return str(name)
