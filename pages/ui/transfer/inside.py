"""Look inside a network that has learned the visitor's own classes."""

import numpy as np

from cvcore import transfer_views
from cvcore.pretrained import Large, Photo
from cvcore.transfer_views import Recognised
from pages.ui import questions
from pages.ui.inputs import number
from pages.ui.inside import pretrained
from pages.ui.transfer.settings import choose_learned
from pages.ui.words import Say


def show(say: Say) -> None:
    """Show what such a network does with one of the held-out pictures."""
    learned = choose_learned(say)
    if learned is None:
        return
    spec, kept, names, collection = learned
    source = "astronaut"
    if spec.is_own:
        places = np.flatnonzero(kept.held)
        chosen = number(
            say("Held-out picture"), key="result_picture", default=1, low=1, high=len(places),
            style="box",
        )  # fmt: skip
        source = [it.name for _, it in collection.pictures()][places[chosen - 1]]
    asked = questions.ask(
        say,
        (transfer_views.recognise, spec, len(names), source, spec.is_own, -1),
        key="inside_recognise",
        meanwhile=say("The network that has learned is being loaded."),
    )
    if asked is None:
        return
    found: Recognised = asked[0]
    order = np.argsort(-found.probabilities, kind="stable").tolist()
    photo = Photo(source=source, framing=spec.framing, work=spec.work if spec.is_own else "")
    network = Large(backbone=spec.backbone, spec=spec, classes=len(names))
    pretrained.show(say, network, photo, names, order)
