"""Name a photo: what a network trained on ImageNet says of it, and where it looks."""

import numpy as np
import streamlit as st

from cvcore import backbones, classify, pretrained
from cvcore.backbones import BACKBONES, PREPROCESSING
from cvcore.classify import Classified
from cvcore.heat_maps import HeatMap, lay_over, paint
from cvcore.large import Large, Photo
from pages.ui import questions
from pages.ui.backbone_input import ask_for_weights, choose_backbone, choose_framing, show_backbones
from pages.ui.inputs import choose, number, switch
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, short, show_picture
from pages.ui.picture_input import choose_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.tables import table
from pages.ui.words import Say

PHOTOS = ("chelsea", "coffee", "rocket", "china", "flower", "astronaut", "horse", "camera")
_LIKELIEST = "likeliest"


def show(say: Say) -> None:
    """Show what a backbone says of a photo."""
    controls, experiment = st.columns([1, 2.6], gap="medium")
    with controls:
        photo = choose_picture(say, key="photo", among=PHOTOS)
        name = choose_backbone(say, top=True)
        framing = choose_framing(say, key="framing")
    if not name:
        return
    with experiment:
        if not ask_for_weights(say, name, top=True, key="photo_weights"):
            show_backbones(say)
            return
        _show_answers(say, name, Photo(source=photo.source, framing=framing))
        with st.expander(say("All backbones in numbers"), icon=":material/table:"):
            show_backbones(say)


def _show_answers(say: Say, name: str, photo: Photo) -> None:
    said = questions.ask(
        say,
        (classify.classify, name, photo),
        key="photo_classified",
        meanwhile=say("{name} is being loaded and asked.", name=name),
    )
    if said is None:
        return
    answer: Classified = said[0]
    left, right = st.columns([1, 1.15], gap="medium")
    with right:
        show_probabilities(say, answer.probabilities[answer.labels], answer.names)
        _say_what_to_notice(say, answer, name)
        label = _choose_class(say, answer)
        percent = number(
            say("Strength of the map (%)"), key="photo_strength", default=55, low=0, high=100
        )
        signed = switch(
            say("With its signs"),
            key="photo_signed",
            help=say("Red speaks for the class, blue against it: the map before ReLU."),
        )
    with left:
        network, method = Large(backbone=name), "grad_cam"
        heats = questions.ask(
            say, (pretrained.heat, network, photo, answer.layer, label, method), key="photo_heat"
        )
        if heats is not None:
            _show_heat(say, heats[0], answer.layer, label, percent / 100, signed)
    with st.expander(say("The top five as numbers"), icon=":material/table:"):
        table(
            say("The top five"),
            [
                say("Class"),
                say("Number in ImageNet"),
                say("Score before softmax"),
                say("Probability"),
            ],
            [
                (
                    it,
                    place,
                    f"{float(answer.scores[place]):.3f}",
                    f"{float(answer.probabilities[place]):.4f}",
                )
                for it, place in zip(answer.names, answer.labels.tolist(), strict=True)
            ],
        )


def _say_what_to_notice(say: Say, answer: Classified, name: str) -> None:
    first = float(answer.probabilities[answer.labels[0]])
    five = float(answer.probabilities[answer.labels].sum())
    st.markdown(
        say(
            "{name} has a thousand names and must choose: the five likeliest share {five} %, the "
            "other 995 the rest.",
            name=name,
            five=f"{100 * five:.0f}",
        )
        + " "
        + (
            say("It is rather sure.")
            if first >= 0.5
            else say("It is not sure: perhaps what is here has no name among the thousand.")
        )
    )
    st.caption(
        say(
            "The network alone took {milliseconds} ms for the picture of {size} × {size} pixels; "
            "it sees each value as: {scaling}.",
            milliseconds=f"{1000 * answer.seconds:.0f}",
            size=len(answer.seen),
            scaling=say(PREPROCESSING[BACKBONES[name].preprocessing]),
        )
    )


def _choose_class(say: Say, answer: Classified) -> int:
    names = backbones.class_names()
    first = answer.labels.tolist()
    rest = sorted(set(range(len(names))) - set(first), key=names.__getitem__)
    options = {
        _LIKELIEST: say("The likeliest: {name}", name=answer.names[0]),
        **{str(label): names[label] for label in (*first[1:], *rest, first[0])},
    }
    asked = choose(
        say("Where does it see …"),
        options,
        key="photo_class",
        default=_LIKELIEST,
        help=say("Any of the thousand classes; type to search. Grad-CAM answers."),
    )
    return first[0] if asked == _LIKELIEST else int(asked)


def _show_heat(
    say: Say, heat: HeatMap, layer: str, label: int, strength: float, signed: bool
) -> None:
    name = backbones.class_names()[label]
    size = len(heat.image)
    cells = heat.cells if signed else np.maximum(heat.cells, 0)
    limit = float(np.abs(cells).max()) or 1.0
    values = heat.signed if signed else heat.values
    over = lay_over(heat.image, paint(values, signed=signed, limit=limit), strength)
    show_picture(
        over if cells.any() else heat.image,
        key="photo_map",
        limit=400,
        bar=ColourBar(
            colours="signed" if signed else "viridis", low=-limit if signed else 0.0, high=limit
        ),
        caption=say("Grad-CAM: {name}", name=name),
        alt=say(
            "What the network sees, {size} × {size} pixels, with Grad-CAM of {name} over it",
            size=size,
            name=name,
        ),
    )
    if not cells.any():
        st.info(
            say(
                "Grad-CAM is negative everywhere: nothing on this picture speaks for {name}. Look "
                "at it with its signs.",
                name=name,
            ),
            icon=":material/lightbulb:",
        )
    st.caption(
        say(
            "Score of {name} before softmax: {score}. The map has {rows} × {columns} cells, the "
            "size of the last feature maps ({layer}).",
            name=name,
            score=short(heat.score),
            rows=cells.shape[0],
            columns=cells.shape[1],
            layer=layer,
        )
    )
    take_picture(say, over, name="grad-cam", key="photo_take")
