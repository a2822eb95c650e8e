"""A run's settings in words, and those in which several runs differ."""

from collections.abc import Sequence

from cvcore.arithmetic import layer_table
from cvcore.datasets import DATASETS
from cvcore.networks import NETWORKS
from cvcore.spec import FILL_MODES, LABEL_FORMS, OPTIMISERS, SCALINGS, SCHEDULES, RunSpec
from pages.ui.run_input import name_of_network
from pages.ui.words import Say


def describe_run(say: Say, spec: RunSpec) -> str:
    """Say in a line what a run was asked to do."""
    return say(
        "{data} · {network} · {epochs} epochs · batches of {batch} · learning rate {rate} · "
        "{training} training pictures · validation split {split} · seed {seed}",
        data=say(DATASETS[spec.dataset].label),
        network=network_name(say, spec),
        epochs=spec.epochs,
        batch=spec.batch_size,
        rate=f"{spec.learning_rate:g}",
        training=f"{spec.sizes()[0]:,}",
        split=f"{spec.validation_split:g}",
        seed=spec.seed,
    )


def network_name(say: Say, spec: RunSpec) -> str:
    """Return the name of a run's network, or what there is to say of one without a name."""
    name = name_of_network(spec)
    if name:
        return say(NETWORKS[name].label)
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    return say(
        "A network of its own: {layers} layers, {parameters} parameters",
        layers=len(rows),
        parameters=f"{sum(row.parameters for row in rows):,}",
    )


def settings(say: Say, spec: RunSpec) -> list[tuple[str, str]]:
    """Return all settings of a run, each with its name, in the order of the controls."""
    no, yes, never = say("no"), say("yes"), say("never")
    augmentation = spec.augmentation
    return [
        (say("Data set"), say(DATASETS[spec.dataset].label)),
        (say("Network"), network_name(say, spec)),
        (say("Validation split"), f"{spec.validation_split:g}"),
        (say("Training pictures"), f"{spec.sizes()[0]:,}"),
        (say("Epochs"), f"{spec.epochs}"),
        (say("Optimiser"), say(OPTIMISERS[spec.optimiser])),
        (say("Learning rate"), f"{spec.learning_rate:g}"),
        (say("Batch size"), f"{spec.batch_size:,}"),
        (say("Scaling of the pixels"), say(SCALINGS[spec.scaling])),
        (say("Labels"), say(LABEL_FORMS[spec.labels])),
        (say("Threshold"), f"{spec.threshold}"),
        (say("Shuffle the pixels"), yes if spec.shuffle_pixels else no),
        (say("Momentum"), f"{spec.momentum:g}"),
        (say("Learning rate over the run"), say(SCHEDULES[spec.schedule])),
        (say("Seed"), f"{spec.seed}"),
        (say("Stop at training accuracy"), f"{spec.early_stop:g}" if spec.early_stop else never),
        (say("Wait for validation loss"), f"{spec.patience}" if spec.patience else never),
        (say("Seconds of processor time"), f"{spec.seconds:g}" if spec.seconds else "–"),
        (say("Rotation (°)"), f"{augmentation.rotation:g}"),
        (say("Shift across"), f"{augmentation.width_shift:g}"),
        (say("Shift down"), f"{augmentation.height_shift:g}"),
        (say("Shear"), f"{augmentation.shear:g}"),
        (say("Zoom"), f"{augmentation.zoom:g}"),
        (say("Mirror half of them"), yes if augmentation.flip else no),
        (say("What comes in from outside"), say(FILL_MODES[augmentation.fill_mode])),
        (say("Operations on filters"), f"{len(spec.surgery)}"),
    ]


def differences(say: Say, specs: Sequence[RunSpec]) -> list[tuple[str, ...]]:
    """Return the settings in which runs differ: a name, then each run's value."""
    columns = [settings(say, spec) for spec in specs]
    rows = [(row[0][0], *(value for _, value in row)) for row in zip(*columns, strict=True)]
    return [row for row in rows if len(set(row[1:])) > 1]
