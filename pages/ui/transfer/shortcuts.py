"""Whether a network looks at the thing, or at the background, the light, the corner."""

import numpy as np
import streamlit as st

from cvcore import transfer_views
from cvcore.heat_maps import lay_over, paint
from cvcore.shortcuts import Shortcuts, Squares, spread
from cvcore.transfer_views import Suspicion
from pages.ui import questions
from pages.ui.picture import ColourBar, show_picture
from pages.ui.tables import table
from pages.ui.transfer.settings import choose_learned
from pages.ui.words import Say


def show(say: Say) -> None:
    """Show what is left of the accuracy when places, or the light, are taken away."""
    learned = choose_learned(say)
    if learned is None:
        return
    spec, names = learned.spec, learned.names
    st.markdown(
        say(
            "A network that tells classes apart may have learned the wall behind them. Here the "
            "same place is covered in all held-out pictures at once: what is left of the accuracy "
            "says how much the classes are told apart there, and nowhere else."
        )
    )
    found: Suspicion | None = questions.offer(
        say,
        say("Cover place after place"),
        transfer_views.find_shortcuts,
        spec,
        len(names),
        key="shortcuts_find",
        icon=":material/search:",
        primary=True,
    )
    if found is not None:
        _show(say, found)


def _show(say: Say, suspicion: Suspicion) -> None:
    found, image = suspicion.found, suspicion.image
    _say_verdict(say, found)
    guilty = found.accused or found.suspected or found.small
    lost, covered = st.columns(2, gap="medium")
    with lost:
        share = spread(guilty, found.accuracy, len(image))
        limit = max(float(share.max()), 0.1)
        show_picture(
            lay_over(suspicion.mean, paint(share, signed=False, limit=limit), 0.6),
            key="shortcuts_map",
            bar=ColourBar(colours="viridis", low=0.0, high=100 * limit),
            window=guilty.where,
            caption=say("Lost without each place, in points, over the mean of all pictures"),
            alt=say(
                "A map of the accuracy that is lost where each place is covered. The table "
                "has the numbers."
            ),
        )
    with covered:
        top, left, height, width = guilty.where
        hidden = image.copy()
        hidden[top : top + height, left : left + width] = suspicion.mean[
            top : top + height, left : left + width
        ].mean(axis=(0, 1))
        show_picture(
            hidden,
            key="shortcuts_covered",
            window=guilty.where,
            caption=say("The place that matters most, covered"),
            alt=say(
                "A picture with the square from row {top}, column {left} on, {side} pixels a "
                "side, in one colour",
                top=top,
                left=left,
                side=height,
            ),
        )
    _show_numbers(say, found)


def _say_verdict(say: Say, found: Shortcuts) -> None:
    whole, chance = f"{100 * found.accuracy:.0f}", f"{100 * found.chance:.0f}"
    if found.accused is not None:
        top, left, side, _ = found.accused.where
        st.warning(
            say(
                "It looks at one place: the square of {side} pixels from row {top}, column {left} "
                "on. Without it {percent} % of {count} held-out pictures are right instead of "
                "{whole} %; chance is {chance} %. Is there something that goes with the class?",
                side=side,
                top=top,
                left=left,
                percent=f"{100 * found.accused.left:.0f}",
                count=found.pictures,
                whole=whole,
                chance=chance,
            ),
            icon=":material/visibility:",
        )
    if found.light_accused:
        st.warning(
            say(
                "It goes by the light: with the same brightness and contrast in every picture "
                "{percent} % are right instead of {whole} %; chance is {chance} %.",
                percent=f"{100 * found.same_light:.0f}",
                whole=whole,
                chance=chance,
            ),
            icon=":material/light_mode:",
        )
    if found.accused is not None or found.light_accused:
        return
    if found.accuracy <= found.chance:
        st.info(
            say(
                "It knows no more than chance ({whole} % right, chance is {chance} %): there is "
                "nothing that it could look at wrongly.",
                whole=whole,
                chance=chance,
            ),
            icon=":material/lightbulb:",
        )
        return
    if found.suspected is not None:
        st.info(
            say(
                "Without one square of {side} pixels {percent} % are right instead of {whole} %; "
                "chance is {chance} %. Of {count} held-out pictures that can be an accident: hold "
                "out more of them to be sure.",
                side=found.suspected.side,
                percent=f"{100 * found.suspected.left:.0f}",
                whole=whole,
                chance=chance,
                count=found.pictures,
            ),
            icon=":material/help:",
        )
        return
    st.success(
        say(
            "No single place and not the light explains what it knows: without the worst square "
            "{percent} % of {count} held-out pictures are still right, with whole ones {whole} %; "
            "chance is {chance} %. What is spread over the whole background is not found so.",
            percent=f"{100 * found.small.left:.0f}",
            count=found.pictures,
            whole=whole,
            chance=chance,
        ),
        icon=":material/check:",
    )


def _show_numbers(say: Say, found: Shortcuts) -> None:
    rows = [
        (say("Nothing: whole pictures"), found.accuracy),
        *(
            (say("The worst square of {side} pixels", side=it.side), it.left)
            for it in (found.small, found.large)
            if it is not None
        ),
        (say("The edge, a sixth on each side"), found.without_edge),
        (say("All but the edge"), found.edge_alone),
        (say("Differences of light and contrast"), found.same_light),
        (say("Everything: the most frequent class"), found.chance),
    ]
    table(
        say("What is left of the accuracy"),
        [say("Taken away"), say("Right (%)")],
        [(name, f"{100 * value:.0f}") for name, value in rows],
    )
    with st.expander(say("The numbers of each place"), icon=":material/table:"):
        for it in (found.small, found.large):
            if it is not None:
                _show_squares(say, it)


def _show_squares(say: Say, squares: Squares) -> None:
    table(
        say("Right without each square of {side} pixels (%)", side=squares.side),
        [say("From row"), *(say("column {place}", place=it) for it in squares.starts.tolist())],
        [
            (top, *("" if np.isnan(it) else f"{100 * it:.0f}" for it in row))
            for top, row in zip(squares.starts.tolist(), squares.without.tolist(), strict=True)
        ],
    )
