"""Further trainings that show why: fewer pictures, and pixels in another order."""

from collections.abc import Sequence

import streamlit as st

from cvcore import fight_figures, robustness
from cvcore.datasets import pixel_order
from cvcore.engine import engine
from cvcore.fight_figures import Curve
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui.fight.learn import UNKNOWN
from pages.ui.fight.runs import look, start, stop, under_way, watch
from pages.ui.fight.settings import Fight
from pages.ui.gallery import Tile, show_gallery
from pages.ui.tables import table
from pages.ui.words import Say

_EXAMPLES = 4
_WORTH_A_WORD = 0.02  # of accuracy


def show_sizes(say: Say, fight: Fight) -> None:
    """Train both networks with fewer pictures, and draw what comes of it."""
    sizes = fight.sizes()
    pairs = [fight.with_pictures(size) for size in sizes]
    specs = [spec for pair in pairs for spec in pair]
    _press(say, pairs, key="fight_sizes")
    st.caption(
        say(
            "Learning with the first {sizes} training pictures, with the first seed. Fewer "
            "pictures are fewer steps in an epoch.",
            sizes=", ".join(f"{size:,}" for size in sizes),
        )
    )

    def draw(now: list[Snapshot | None]) -> None:
        _show_progress(say, now)
        corners = fight.corners(say)
        found = accuracies(now)
        curves = size_curves(sizes, found)
        chart = fight_figures.lines(
            corners,
            across=say("Training pictures"),
            up=say("Test accuracy"),
            logarithmic=True,
            least=sizes[0],
            most=sizes[-1],
        )
        chart["datasets"] = fight_figures.line_data(corners, curves)
        st.vega_lite_chart(
            chart,
            key="fight_sizes_chart",
            alt=say(
                "Test accuracy of both networks against the number of training pictures; the "
                "table below says the numbers."
            ),
        )
        told = [
            (f"{size:,}", *(UNKNOWN if it is None else f"{it:.4f}" for it in pair))
            for size, pair in zip(sizes, found, strict=True)
        ]
        table(
            say("Test accuracy"),
            [say("Training pictures"), *(it.name for it in corners)],
            told,
            text=(),
        )

    watch(specs, draw, key="fight_sizes_live")


def show_shuffled(say: Say, fight: Fight) -> None:
    """Train both networks on shuffled pixels, and set that beside what they learned before."""
    pairs = [fight.pair, fight.shuffled()]
    specs = [spec for pair in pairs for spec in pair]
    _press(say, pairs, key="fight_shuffle")
    st.caption(
        say(
            "Before training, the pixels of all pictures are put into one random order, the same "
            "for every picture, test pictures too. Nothing is lost but who is whose neighbour."
        )
    )

    def draw(now: list[Snapshot | None]) -> None:
        _show_progress(say, now)
        corners = fight.corners(say)
        before, after = accuracies(now)
        names = (say("Pixels in place"), say("Pixels shuffled"))
        bars = [
            (name, corner.name, value)
            for name, pair in zip(names, (before, after), strict=True)
            for corner, value in zip(corners, pair, strict=True)
            if value is not None
        ]
        chart = fight_figures.bars(corners, names, up=say("Test accuracy"))
        chart["datasets"] = {
            "bars": fight_figures.bar_data(
                [it[0] for it in bars], [it[1] for it in bars], [it[2] for it in bars]
            )
        }
        st.vega_lite_chart(
            chart,
            key="fight_shuffle_chart",
            alt=say("Four accuracies as bars; the table says the numbers."),
        )
        told = shuffle_sentence(say, fight, before, after)
        if told:
            st.info(told, icon=":material/visibility:")
        table(
            say("Test accuracy"),
            [say("Test accuracy"), *(it.name for it in corners)],
            [
                (name, *(UNKNOWN if it is None else f"{it:.4f}" for it in pair))
                for name, pair in zip(names, (before, after), strict=True)
            ],
        )

    watch(specs, draw, key="fight_shuffle_live")
    _show_shuffled_examples(say, fight)


def size_curves(
    sizes: Sequence[int], found: Sequence[tuple[float | None, float | None]]
) -> list[Curve]:
    """Return both networks' accuracies against the number of pictures, as far as they are known."""
    curves = []
    for side in (0, 1):
        known = [
            (size, value)
            for size, pair in zip(sizes, found, strict=True)
            if (value := pair[side]) is not None
        ]
        curves.append(fight_figures.plain_curve([it[0] for it in known], [it[1] for it in known]))
    return curves


def accuracies(
    snapshots: Sequence[Snapshot | None],
) -> list[tuple[float | None, float | None]]:
    """Return the test accuracies of pairs of runs; None for what is not finished."""
    known = [
        it.test_accuracy if it is not None and it.state == "finished" else None for it in snapshots
    ]
    return list(zip(known[::2], known[1::2], strict=True))


def shuffle_sentence(
    say: Say,
    fight: Fight,
    before: tuple[float | None, float | None],
    after: tuple[float | None, float | None],
) -> str:
    """Say what shuffling changes; nothing where a run is not finished."""
    one, other, one_after, other_after = *before, *after
    if one is None or other is None or one_after is None or other_after is None:
        return ""
    corners = fight.corners(say)
    told = say(
        "What shuffling changes, in percentage points: {one} {one_change}, {other} {other_change}.",
        one=corners[0].name,
        one_change=_signed(one_after - one),
        other=corners[1].name,
        other_change=_signed(other_after - other),
    )
    if min(one_after - one, other_after - other) > -_WORTH_A_WORD:
        return f"{told} " + say(
            "Hardly anything: either neighbours matter little in these pictures, or the networks "
            "have learned too little to lose."
        )
    return f"{told} " + say(
        "A dense layer never knew which pixels are neighbours; a convolution looks at nothing else."
    )


def _signed(change: float) -> str:
    return f"{100 * change:+.1f}".replace("-", "−")


def _press(say: Say, pairs: Sequence[tuple[RunSpec, RunSpec]], *, key: str) -> None:
    specs = [spec for pair in pairs for spec in pair]
    now = look(specs)
    live = under_way(now)
    missing = sum(it is None or it.state != "finished" for it in now)
    if not missing:
        return
    with st.container(horizontal=True, gap="small"):
        st.button(
            say("Train what is missing: {count}", count=missing),
            type="primary",
            icon=":material/play_arrow:",
            key=f"{key}_start",
            on_click=start,
            args=(pairs,),
            disabled=live,
        )
        st.button(
            say("Stop training"),
            icon=":material/stop:",
            key=f"{key}_stop",
            on_click=stop,
            args=(specs,),
            disabled=not live,
        )


def _show_progress(say: Say, now: Sequence[Snapshot | None]) -> None:
    done = sum(it is not None and it.state == "finished" for it in now)
    progress = sum(it.progress for it in now if it is not None) / len(now)
    st.progress(
        progress, say("{done} of {count} trainings are finished.", done=done, count=len(now))
    )


def _show_shuffled_examples(say: Say, fight: Fight) -> None:
    predictions = engine().predictions(fight.terms.first.digest())
    if predictions is None:
        return
    images = predictions.images[:_EXAMPLES]
    shuffled = robustness.put_in_order(images, pixel_order(*images.shape[1:3]))
    tiles = [
        Tile(image=image, head=head, alt=say("Test picture {number}", number=index + 1))
        for index, pair in enumerate(zip(images, shuffled, strict=True))
        for image, head in zip(pair, (say("In place"), say("Shuffled")), strict=True)
    ]
    show_gallery(tiles, label=say("Test pictures before and after shuffling"), key="fight_shuffled")
