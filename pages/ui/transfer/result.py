"""What was learned: held-out pictures with scores, one of them looked at closely, a photo live."""

import numpy as np
import streamlit as st

from cvcore import neighbours, transfer_code, transfer_export, transfer_views
from cvcore.collection import Collection
from cvcore.heat_maps import enlarge, lay_over, paint
from cvcore.transfer import Learned
from cvcore.transfer_spec import TransferSpec
from cvcore.transfer_views import Recognised
from pages.ui import questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.picture import ColourBar, show_picture
from pages.ui.picture_input import choose_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.setup import friendly
from pages.ui.tables import table
from pages.ui.transfer.classes import thumbnail
from pages.ui.transfer.settings import choose_learned
from pages.ui.words import Say, plain

_PHOTOS = ("astronaut", "chelsea", "coffee", "horse", "rocket", "camera")
_NEAREST = 6
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
            "#56B4E9", "#F0E442", "#8C6BB1", "#999999", "#882255")  # fmt: skip


def show(say: Say) -> None:
    """Show the result of one of the ways."""
    learned = choose_learned(say)
    if learned is None:
        return
    spec, kept, names, collection = learned
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        chosen = _show_held_out(say, spec, collection, kept, names)
    with right, friendly(say):
        _show_one(say, spec, collection, kept, names, chosen)
    first, second = st.columns(2, gap="medium")
    with first:
        _show_scores(say, kept, names)
    with second:
        _show_plane(say, kept, names)
    if spec.is_own:
        _offer_export(say, spec, len(names))
    with st.expander(say("Which class is taken for which"), icon=":material/table:"):
        _show_confusion(say, kept, names)
    with st.expander(say("All of it in Keras"), icon=":material/code:"), friendly(say):
        _show_code(say, spec, kept, names)


def _show_code(say: Say, spec: TransferSpec, kept: Learned, names: tuple[str, ...]) -> None:
    """Show the training as a script, to copy and to take away."""
    after = ""
    if spec.way == "fine_tune":
        of_it = transfer_views.of_shape(spec)
        asked = questions.ask(say, (transfer_views.shape, of_it, len(names)), key="result_shape")
        if asked is None:
            return
        stops = asked[0].stops
        after = stops[spec.thawed].name if spec.thawed < len(stops) else ""
    code = transfer_code.script(spec, kept.names, np.flatnonzero(kept.held).tolist(), after)
    st.download_button(
        say("Save the script"),
        code,
        file_name="train.py",
        mime="text/x-python",
        icon=":material/download:",
        key="result_script",
        on_click="ignore",
    )
    st.code(code, language="python")


def _offer_export(say: Say, spec: TransferSpec, classes: int) -> None:
    """Offer the network as a file, once it has been packed."""
    st.markdown("**" + say("Take the network away") + "**")
    st.caption(
        say(
            "One .keras file with framing, preprocessing and labels inside, a script that needs "
            "TensorFlow alone, and three of your pictures with this page's scores: the script "
            "checks that it gives the same ones where you run it."
        )
    )
    packed: bytes | None = questions.offer(
        say,
        say("Pack the network"),
        transfer_export.pack,
        spec,
        classes,
        key="result_pack",
        icon=":material/package_2:",
    )
    if packed is not None:
        st.download_button(
            say("Download the network ({megabytes} MB)", megabytes=f"{len(packed) / 1e6:.1f}"),
            packed,
            file_name="network.zip",
            mime="application/zip",
            icon=":material/download:",
            type="primary",
            key="result_export",
            on_click="ignore",
        )


def _show_held_out(
    say: Say,
    spec: TransferSpec,
    collection: Collection,
    kept: Learned,
    names: tuple[str, ...],
) -> int | None:
    """Show the held-out pictures; return the place of the one that is looked at."""
    places = np.flatnonzero(kept.held)
    right, of = kept.right(held=True)
    st.markdown(
        say(
            "**{right} of {of} held-out pictures are named rightly.** Choose one to look at it; "
            "wrong ones are marked.",
            right=right,
            of=of,
        )
    )
    said = kept.said
    # Wrong ones first: they teach most.
    order = places[np.argsort((said == kept.labels)[places], kind="stable")][:60]
    if not spec.is_own:
        st.caption(say("The pictures of a data set are shown by their scores alone."))
        _show_table(say, kept, names, order)
        return None
    files = [it.name for _, it in collection.pictures()]
    tiles = [
        Tile(
            image=thumbnail(spec.work, files[place]),
            head=names[said[place]],
            note=f"{100 * float(kept.probabilities[place].max()):.0f} %",
            alt=say("True: {name}", name=names[kept.labels[place]]),
            marked=bool(said[place] != kept.labels[place]),
        )
        for place in order.tolist()
    ]
    chosen = number(
        say("Held-out picture"),
        key="result_picture",
        default=1,
        low=1,
        high=len(order),
        style="box",
        hide_label=True,
    )

    def pick(tile: int) -> None:
        st.session_state["result_picture"] = tile + 1
        st.session_state["result_kind"] = "held"

    with st.container(height=330 if len(tiles) > 15 else "content", border=False):
        show_gallery(
            tiles,
            label=say("Held-out pictures with what the network says"),
            key="result_gallery",
            chosen=chosen - 1,
            on_choose=pick,
        )
    return int(order[chosen - 1])


def _show_one(
    say: Say,
    spec: TransferSpec,
    collection: Collection,
    kept: Learned,
    names: tuple[str, ...],
    place: int | None,
) -> None:
    kinds = {"own": say("Any photo")}
    if place is not None:
        kinds = {"held": say("The chosen one")} | kinds
    kind = choose(
        say("Look at"),
        kinds,
        key="result_kind",
        default=next(iter(kinds)),
        style="segments",
        hide_label=True,
    )
    own = kind == "held" and place is not None
    if own and place is not None:
        files = [it.name for _, it in collection.pictures()]
        source = files[place]
    else:
        source = choose_picture(say, key="result_photo", among=_PHOTOS).source
    asked = questions.ask(
        say,
        (transfer_views.recognise, spec, len(names), source, own, -1),
        key="result_recognise",
        meanwhile=say("The network that has learned is being loaded."),
    )
    if asked is None:
        return
    found: Recognised = asked[0]
    true = int(kept.labels[place]) if own and place is not None else None
    picture, bars = st.columns([1, 1.2])
    with picture:
        _show_heat(say, found, names)
    with bars:
        show_probabilities(say, found.probabilities, names, true=true)
    _show_near(say, spec, collection, kept, names, found, place if own else None)


def _show_heat(say: Say, found: Recognised, names: tuple[str, ...]) -> None:
    cells = np.maximum(found.cells, 0)
    size = len(found.seen)
    values = enlarge(cells, size)
    limit = float(cells.max()) or 1.0
    over = lay_over(found.seen, paint(values, signed=False, limit=limit), 0.5)
    name = names[int(found.probabilities.argmax())]
    show_picture(
        over if cells.any() else found.seen,
        key="result_map",
        limit=240,
        bar=ColourBar(colours="viridis", low=0.0, high=limit),
        caption=say("Grad-CAM: {name}", name=name),
        alt=say("The picture with Grad-CAM of {name} over it", name=name),
    )


def _show_near(
    say: Say,
    spec: TransferSpec,
    collection: Collection,
    kept: Learned,
    names: tuple[str, ...],
    found: Recognised,
    place: int | None,
) -> None:
    """Show the nearest pictures that were learned from, and how far away they are."""
    learned = np.flatnonzero(~kept.held)
    near = neighbours.nearest(found.features, kept.features[learned], _NEAREST)
    st.markdown("**" + say("The nearest pictures that it has learned from") + "**")
    if spec.is_own:
        files = [it.name for _, it in collection.pictures()]
        show_gallery(
            [
                Tile(
                    image=thumbnail(spec.work, files[it]),
                    head=names[kept.labels[it]],
                    note=f"{float(distance):.2f}",
                    alt=say("Distance {distance}", distance=f"{float(distance):.2f}"),
                )
                for it, distance in zip(learned[near.places].tolist(), near.distances, strict=True)
            ],
            label=say("The nearest pictures that it has learned from"),
            key="result_near",
        )
    likeliest = plain(names[int(found.probabilities.argmax())])
    if near.beyond >= 0.95 and place is None:
        st.info(
            say(
                "It says {name}, {percent} %, because it must choose. But {share} % of the learned "
                "pictures are closer to another one than this is to any: perhaps it is of no "
                "class at all.",
                name=likeliest,
                percent=f"{100 * float(found.probabilities.max()):.0f}",
                share=f"{100 * near.beyond:.0f}",
            ),
            icon=":material/lightbulb:",
        )
    else:
        st.caption(
            say(
                "Distance between feature vectors of length 1: 0 points the same way, 1.41 has "
                "nothing in common. {share} % of the learned pictures have a closer neighbour.",
                share=f"{100 * near.beyond:.0f}",
            )
        )


def _show_scores(say: Say, kept: Learned, names: tuple[str, ...]) -> None:
    """Show the score of one class for each held-out picture, with a threshold."""
    st.markdown("**" + say("Scores and the threshold") + "**")
    label = int(
        choose(
            say("Score of"),
            {str(place): name for place, name in enumerate(names)},
            key="result_label",
            default="0",
        )
    )
    label = min(label, len(names) - 1)
    percent = number(say("Threshold (%)"), key="result_threshold", default=50, low=0, high=100)
    held = np.flatnonzero(kept.held)
    scores, true = kept.probabilities[held, label], kept.labels[held] == label
    over = scores >= percent / 100
    it_is, it_is_not = say("It is"), say("It is not")
    points = [
        {"score": float(score), "what": it_is if is_one else it_is_not, "row": place % 7}
        for place, (score, is_one) in enumerate(zip(scores, true, strict=True))
    ]
    st.vega_lite_chart(
        {
            "layer": [
                {
                    "data": {"values": points},
                    "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.75},
                    "encoding": {
                        "x": {"field": "score", "type": "quantitative", "title": say("Score"),
                              "scale": {"domain": [0, 1]}},
                        "y": {"field": "what", "type": "nominal", "title": None,
                              "sort": [it_is, it_is_not]},
                        "yOffset": {"field": "row", "type": "quantitative"},
                        "color": {"field": "what", "type": "nominal", "legend": None,
                                  "scale": {"domain": [it_is, it_is_not],
                                            "range": [_COLOURS[0], _COLOURS[1]]}},
                        "shape": {"field": "what", "type": "nominal", "legend": None,
                                  "scale": {"domain": [it_is, it_is_not],
                                            "range": ["circle", "triangle-up"]}},
                    },
                },
                {
                    "data": {"values": [{"at": percent / 100}]},
                    "mark": {"type": "rule", "strokeDash": [4, 3], "size": 2, "color": "#888"},
                    "encoding": {"x": {"field": "at", "type": "quantitative"}},
                },
            ],
            "height": 190,
        },
        key="result_scores",
        alt=say("Scores of the held-out pictures, in two rows. The sentence below counts them."),
    )  # fmt: skip
    st.caption(
        say(
            "From {percent} % on: {hits} of {positives} that are {name}, and {alarms} of "
            "{negatives} that are not.",
            percent=percent,
            hits=int((over & true).sum()),
            positives=int(true.sum()),
            alarms=int((over & ~true).sum()),
            negatives=int((~true).sum()),
            name=plain(names[label]),
        )
    )


def _show_plane(say: Say, kept: Learned, names: tuple[str, ...]) -> None:
    """Lay all pictures out by their features."""
    st.markdown("**" + say("All pictures by their features") + "**")
    laid = neighbours.plane(kept.features)
    learned, held = say("Learned from"), say("Held out")
    points = [
        {"x": float(x), "y": float(y), "name": names[label], "part": held if out else learned}
        for (x, y), label, out in zip(laid, kept.labels.tolist(), kept.held, strict=True)
    ]
    st.vega_lite_chart(
        {
            "layer": [
                {
                    "data": {"values": points},
                    "mark": {"type": "point", "filled": True, "size": 55, "opacity": 0.8},
                    "encoding": {
                        "x": {"field": "x", "type": "quantitative", "title": None,
                              "axis": {"labels": False, "ticks": False}},
                        "y": {"field": "y", "type": "quantitative", "title": None,
                              "axis": {"labels": False, "ticks": False}},
                        "color": {"field": "name", "type": "nominal", "title": None,
                                  "scale": {"domain": list(names),
                                            "range": list(_COLOURS[: len(names)])},
                                  "legend": {"orient": "top"}},
                        "shape": {"field": "part", "type": "nominal", "title": None,
                                  "scale": {"domain": [learned, held],
                                            "range": ["circle", "triangle-up"]},
                                  "legend": {"orient": "top", "symbolFillColor": "#888",
                                             "symbolStrokeColor": "#888"}},
                    },
                }
            ],
            "height": 300,
        },
        key="result_plane",
        alt=say(
            "Each picture is a point: near ones have similar features. Principal components "
            "of {length} features.",
            length=kept.features.shape[1],
        ),
    )  # fmt: skip
    st.caption(
        say(
            "The two directions in which the {length} features differ most. Classes that lie apart "
            "here are easy for the head.",
            length=f"{kept.features.shape[1]:,}",
        )
    )


def _show_confusion(say: Say, kept: Learned, names: tuple[str, ...]) -> None:
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (kept.labels[kept.held], kept.said[kept.held]), 1)
    table(
        say("Which class is taken for which"),
        [say("True class"), *(say("said: {name}", name=name) for name in names)],
        [(name, *row) for name, row in zip(names, counts.tolist(), strict=True)],
    )


def _show_table(
    say: Say,
    kept: Learned,
    names: tuple[str, ...],
    order: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    table(
        say("Held-out pictures with what the network says"),
        [say("Picture"), say("True class"), say("It says"), say("Score")],
        [
            (place + 1, names[kept.labels[place]], names[kept.said[place]],
             f"{float(kept.probabilities[place].max()):.3f}")
            for place in order.tolist()[:20]
        ],
        text=(1, 2),
    )  # fmt: skip
