"""The pages, in the order in which they are offered."""

from typing import NamedTuple

from cvcore.errors import N_


class PageEntry(NamedTuple):
    """A page: its file in ``pages/`` and its address share one name; the intro is one sentence."""

    name: str
    title: str
    icon: str
    intro: str


PAGES: tuple[PageEntry, ...] = (
    PageEntry(
        "filters",
        N_("Filters"),
        ":material/filter_center_focus:",
        N_(
            "A kernel slides over a picture; at every stop the products are added up. "
            "Change a weight and see what the sum makes visible."
        ),
    ),
    PageEntry(
        "layers",
        N_("Layers"),
        ":material/layers:",
        N_(
            "Each layer of a CNN does one small thing. Turn a control and watch the numbers follow."
        ),
    ),
    PageEntry(
        "train",
        N_("Train"),
        ":material/show_chart:",
        N_("A small network learns while you watch. Press Train and see its curves grow."),
    ),
    PageEntry(
        "inside",
        N_("Look inside"),
        ":material/search_insights:",
        N_("Open any network at any moment, and see what it makes of one picture."),
    ),
    PageEntry(
        "fight",
        N_("Dense against CNN"),
        ":material/balance:",
        N_(
            "Two networks learn from the same pictures under a rule that is fair to both. See "
            "which one wins, and why."
        ),
    ),
    PageEntry(
        "baselines",
        N_("Baselines"),
        ":material/leaderboard:",
        N_("The same pictures, named in seven ways: is a network worth its trouble?"),
    ),
    PageEntry(
        "transfer",
        N_("Transfer"),
        ":material/school:",
        N_(
            "A network that has seen a million photos names yours, then learns your own classes "
            "from a handful of pictures."
        ),
    ),
)
