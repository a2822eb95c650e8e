"""The transfer laboratory's pages on real networks: photos, classes, training, result."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import backbones, large_depth, pretrained, transfer, transfer_views, work_store
from cvcore.engine import Answer, Engine, client
from cvcore.engine.client import Slot
from cvcore.errors import CvCoreError
from cvcore.large import CELLS, Large, Photo
from cvcore.runs import RunStore
from cvcore.subjects import pack, unpack
from cvcore.transfer_spec import TransferSpec
from tests.collections_of import lecture
from tests.pages import open_page

pytestmark = [
    pytest.mark.usefixtures("keras_home"),
    # Keras asks TensorFlow's variables for arrays in a way that numpy 2 warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


class AtOnce(Engine):
    """Does in this process, at once, what pages ask for."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.made: dict[tuple[Any, ...], Answer] = {}

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        return self._answer(job, *arguments)

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def compute(self, job: Callable[..., Any], *arguments: Any, slot: Slot = "training") -> Answer:  # noqa: ARG002
        return self._answer(job, *arguments)

    def computed(self, job: Callable[..., Any], *arguments: Any) -> Answer | None:
        return self.made.get((job, *arguments))

    def forget(self, job: Callable[..., Any], *arguments: Any) -> None:
        self.made.pop((job, *arguments), None)

    def _answer(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        answer = self.made.get((job, *arguments))
        if answer is None:
            answer = self.made[job, *arguments] = Answer()
            try:
                answer.give(job("", *arguments))
            except CvCoreError as error:
                answer.fail(error)
        return answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtOnce]:
    """An engine for all tests here: what one of them asked for, the next one finds."""
    own = AtOnce(RunStore(str(tmp_path_factory.mktemp("runs"))))
    yield own
    own.close()


@pytest.fixture(autouse=True)
def engine(shared: AtOnce, monkeypatch: pytest.MonkeyPatch) -> AtOnce:
    monkeypatch.setattr(client, "_ENGINE", shared)
    return shared


@pytest.fixture(scope="module")
def kept(shared: AtOnce, lecture_pictures: Path) -> str:
    """A collection that no test changes, and whose classes are learned."""
    token = lecture(lecture_pictures)
    shared.compute(transfer.learn, small(token))
    return token


@pytest.fixture
def token(lecture_pictures: Path) -> str:
    """A collection of the test's own."""
    return lecture(lecture_pictures)


SMALL = {
    "backbone": "MobileNet-0.25", "t_size": "64", "t_epochs": "4", "t_held": "33",
    "t_rate": "0.01", "lang": "en",
}  # fmt: skip


def small(token: str) -> TransferSpec:
    """Return what the page makes of `SMALL`."""
    return TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25", size=64,
        epochs=4, held_out=0.33, learning_rate=0.01,
    )  # fmt: skip


def look(view: str, **query: str) -> AppTest:
    page = open_page("transfer", transfer=view, **query)
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.caption, *page.markdown, *page.info, *page.warning, *page.success]
    tables = [it.proto.body for it in page.get("html")]
    return "\n".join([it.value for it in parts] + tables)


def token_in(page: AppTest) -> str:
    work = page.query_params["work"]
    return work if isinstance(work, str) else work[0]


def payload(page: AppTest, key: str) -> Any:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return json.loads(element.proto.mixed.json or element.proto.json)[0]
    raise AssertionError(key)


def learned(engine: AtOnce, token: str, way: str = "features") -> transfer.Learned:
    for (job, *arguments), answer in engine.made.items():
        if job is transfer.learn and arguments[0].work == token and arguments[0].way == way:
            return answer.value  # type: ignore[no-any-return]
    raise AssertionError(way)


def last(engine: AtOnce, name: str) -> Any:
    """Return the newest answer to a job."""
    return [it.value for (job, *_), it in engine.made.items() if job.__name__ == name][-1]


# -- name a photo


def test_a_photo_is_named_with_the_numbers_of_the_network(engine: AtOnce) -> None:
    page = look("classify", lang="en", photo="coffee")
    said = last(engine, "classify")
    assert said.names[0] == "espresso"
    assert f"{said.probabilities[said.labels[0]]:.4f}" in texts(page)
    assert "MobileNetV2 has a thousand names and must choose" in texts(page)
    assert f"{said.scores[said.labels[2]]:.3f}" in texts(page)
    page.selectbox(key="photo_class").set_value("285").run()
    assert not page.exception
    assert "Score of Egyptian cat before softmax" in texts(page)
    asked = [it for it in engine.made if it[0].__name__ == "heat"]
    assert asked[-1][-2] == 285


def test_weights_that_are_not_here_are_offered_and_a_failure_leaves_the_page_usable(
    engine: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the port for what is thrown away
    page = look("classify", lang="en", backbone="ResNet50")
    assert "About 103 MB are downloaded once" in texts(page)
    assert "ResNeXt" in texts(page)  # the table is there to compare
    page.button(key="photo_weights").click().run()
    assert not page.exception
    assert "could not be downloaded" in page.warning[0].value
    said = page.warning[0].value.replace("\\", "")  # signs that Markdown would read
    assert "Put models/resnet50_weights_tf_dim_ordering_tf_kernels.h5 into" in said
    page.selectbox(key="backbone").set_value("MobileNetV2").run()
    assert "Egyptian cat" in texts(page)


def test_the_host_says_which_backbones_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVCORE_BACKBONES", "MobileNet-0.25")
    page = look("classify", lang="en")
    assert page.selectbox(key="backbone").options == ["MobileNet-0.25"]
    assert texts(page).count("not offered here") == len(backbones.BACKBONES) - 1
    # An address with one that is not offered opens on one that is, and says so.
    page = look("classify", lang="en", backbone="VGG19")
    assert page.selectbox(key="backbone").value == "MobileNet-0.25"
    monkeypatch.setenv("CVCORE_BACKBONES", "none")
    assert "offers no backbones" in texts(look("classify", lang="en"))


@pytest.mark.parametrize("view", ["classify", "classes", "learn", "result", "shortcuts"])
def test_every_view_opens_by_its_address_in_korean(view: str, kept: str) -> None:
    page = look(view, work=kept, **SMALL | {"lang": "ko"})
    assert any("가" <= letter <= "힣" for letter in texts(page))


# -- classes


def test_a_first_visit_opens_the_ready_set_and_puts_it_into_the_address() -> None:
    page = look("classes", lang="en")
    token = token_in(page)
    assert work_store.load(token).names == ("Face", "Not a face")
    assert "**2 classes, 40 pictures.**" in texts(page)
    assert len(payload(page, "class_0_pictures")["tiles"]) == 20


def test_an_address_whose_pictures_are_gone_says_so_and_begins_anew() -> None:
    page = look("classes", lang="en", work="0" * 32)
    assert "no longer kept" in page.warning[0].value
    assert token_in(page) != "0" * 32
    page = look("classes", lang="en", work="../../etc")
    assert "**2 classes, 40 pictures.**" in texts(page)


def test_a_class_is_renamed_and_a_name_that_is_refused_changes_nothing(token: str) -> None:
    page = look("classes", lang="en", work=token)
    page.text_input(key="class_0_name").set_value("people").run()
    assert work_store.load(token).names == ("people", "animals")
    page.text_input(key="class_1_name").set_value("People").run()
    assert not page.exception
    assert "There is a class called People already" in page.warning[0].value
    assert page.text_input(key="class_1_name").value == "animals"
    assert work_store.load(token).names == ("people", "animals")
    page.button(key="classes_undo").click().run()
    assert page.text_input(key="class_0_name").value == "faces"


def test_a_name_with_html_is_text(token: str) -> None:
    work_store.rename(token, 0, "<img src=x onerror=alert(1)>")
    work_store.remove_class(token, 1)
    work_store.add_class(token, "**bold** $x$")
    page = look("classes", lang="en", work=token)
    said = page.info[0].value
    assert "Fewer than 5 pictures" in said
    assert r"\*\*bold\*\* \$x\$" in said
    assert all(not it.allow_html for it in page.markdown if "img src" in it.value)


def test_one_class_only_is_said_on_every_view(token: str) -> None:
    page = look("classes", lang="en", work=token)
    page.button(key="class_1_remove").click().run()
    assert "Telling apart takes two classes at least" in page.info[0].value
    assert "Telling apart takes two classes at least" in texts(look("learn", work=token, **SMALL))
    page.button(key="classes_undo").click().run()
    assert work_store.load(token).size == 30


def test_what_is_noticed_is_said(token: str) -> None:
    faces, animals = work_store.load(token).classes
    for it in animals.pictures[3:]:
        work_store.remove(token, 1, it.name)
    copy = work_store.original(token, faces.pictures[0].name)
    from cvcore.display import encode_png

    smaller = np.ascontiguousarray(copy[::2, ::2])
    work_store.add(token, 1, [("copy.png", encode_png(smaller))])
    page = look("classes", lang="en", work=token)
    said = [it.value for it in page.info]
    assert "Fewer than 5 pictures: animals" in said[0]
    assert "faces has 15 pictures, animals only 4" in said[1]
    assert "1 pairs of the same picture lie in two classes" in said[2]


def test_a_picture_is_chosen_and_moved(token: str) -> None:
    page = look("classes", lang="en", work=token)
    name = work_store.load(token).classes[0].pictures[2].name
    page.session_state["classes_picked"] = (0, name)
    page.run()
    assert payload(page, "class_0_pictures")["chosen"] == 2
    assert "Picture 3: " in texts(page)
    page.button(key="class_0_picture_to_1").click().run()
    assert [len(it.pictures) for it in work_store.load(token).classes] == [14, 16]
    assert not page.exception


# -- learn


def test_the_quickest_way_is_there_at_once_and_the_others_on_a_press(
    token: str, engine: AtOnce
) -> None:
    page = look("learn", work=token, **SMALL)
    kept = learned(engine, token)
    held = "{} / {}".format(*kept.right(held=True))
    assert page.metric[0].value == held
    assert "514 parameters learned, 218,544 stayed frozen." in texts(page)
    assert "press Train" in texts(page)  # of the network from scratch
    page.button(key="learn_train").click().run()
    assert not page.exception
    scratch = learned(engine, token, "scratch")
    assert page.metric[0].value == "{} / {}".format(*scratch.right(held=True))
    assert page.metric[3].value == held
    assert f"{float(kept.val_loss[-1]):.4g}" in texts(page)
    assert page.button(key="learn_train").disabled


def test_the_lectures_preset_has_its_counts_without_weights(kept: str) -> None:
    page = look("learn", work=kept, lang="en")
    chips = [it for it in page.button if "MNIST, mixed7" in it.label]
    chips[0].click().run()
    assert not page.exception
    assert "443,082 parameters learn, 8,975,264 stay frozen, 9,418,346 in all" in texts(page)
    assert "The weights of **InceptionV3** are not on this computer" in texts(page)


def test_the_dial_counts_as_it_turns(kept: str) -> None:
    page = look("learn", work=kept, t_ways="fine_tune", t_thawed="0", **SMALL)
    assert "514 parameters learn, 218,544 stay frozen, 219,058 in all" in texts(page)
    page.slider(key="t_thawed").set_value(2).run()
    spec = TransferSpec(work=kept, backbone="MobileNet-0.25", size=64)
    stop = transfer_views.shape("", spec, 2).stops[1]
    assert f"{stop.trainable:,} parameters learn, {stop.frozen:,} stay frozen" in texts(page)


def test_settings_that_make_no_sense_are_sentences(kept: str) -> None:
    page = look("learn", work=kept, t_units="512,many", **SMALL)
    assert "this was 512,many" in page.warning[0].value
    page = look("learn", work=kept, t_cut="mixed7", **SMALL)
    assert "MobileNet-0.25 has no layer of this name" in texts(page)


def test_a_sweep_says_what_it_measured(kept: str, engine: AtOnce) -> None:
    page = look("learn", work=kept, **SMALL)
    page.button(key="learn_sweep_button").click().run()
    assert not page.exception
    found = last(engine, "sweep")
    mean = (found.right / found.of).mean(axis=1)
    assert f"Cut after {found.layers[0]}: {100 * mean[0]:.0f} %" in texts(page)
    assert f"{found.layers[int(mean.argmax())]}: {100 * mean.max():.0f} %" in texts(page)


# -- result


def test_the_result_shows_held_out_pictures_and_counts_the_threshold(
    token: str, engine: AtOnce
) -> None:
    assert "Nothing is learned" in texts(look("result", work=token, **SMALL))
    look("learn", work=token, **SMALL)
    kept = learned(engine, token)
    page = look("result", work=token, result_threshold="70", **SMALL)
    right, of = kept.right(held=True)
    assert f"**{right} of {of} held-out pictures are named rightly.**" in texts(page)
    tiles = payload(page, "result_gallery")["tiles"]
    assert [it["marked"] for it in tiles] == [True] * (of - right) + [False] * right
    scores, true = kept.probabilities[kept.held, 0], kept.labels[kept.held] == 0
    hits, alarms = int((scores >= 0.7)[true].sum()), int((scores >= 0.7)[~true].sum())
    assert f"From 70 % on: {hits} of 5 that are faces, and {alarms} of 5 that are not" in texts(
        page
    )
    found = last(engine, "recognise")
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    near = payload(page, "result_near")["tiles"]
    distances = [float(it["note"]) for it in near]
    assert len(near) == 6
    assert distances == sorted(distances)


def test_the_network_is_packed_on_a_press(kept: str) -> None:
    page = look("result", work=kept, **SMALL)
    page.button(key="result_pack").click().run()
    assert not page.exception
    labels = [str(it.proto.label) for it in page.get("download_button")]
    assert any("Download the network" in it for it in labels)
    assert "Save the script" in labels


def test_shortcuts_are_looked_for_on_a_press_and_said_in_numbers(kept: str, engine: AtOnce) -> None:
    page = look("shortcuts", work=kept, **SMALL)
    page.button(key="shortcuts_find").click().run()
    assert not page.exception
    found = last(engine, "find_shortcuts").found
    assert found.pictures == 10
    assert f"{100 * found.small.left:.0f}" in texts(page)
    said = page.warning if found.accused or found.light_accused else [*page.success, *page.info]
    assert len(said) == 1


# -- inside


@pytest.mark.parametrize(
    ("view", "language"),
    [
        ("architecture", "en"),
        ("maps", "ko"),
        ("kernels", "ko"),
        ("patterns", "en"),
        ("heat", "ko"),
        ("trust", "ko"),
        ("surgery", "ko"),
    ],
)
def test_look_inside_opens_a_backbone(view: str, language: str) -> None:
    page = open_page(
        "inside", in_what="backbone", backbone="MobileNet-0.25", large=view, lang=language
    )
    assert not page.exception
    assert not page.warning
    if view == "architecture":
        assert "475,544" in texts(page)
        drawing = payload(page, "large_network")["svg"]
        assert drawing.count("data-layer=") == 6
        assert ">112×112×16<" in drawing


def test_a_backbones_pattern_and_curves_are_made_on_a_press(engine: AtOnce) -> None:
    query = {"in_what": "backbone", "backbone": "MobileNet-0.25", "lang": "en"}
    page = open_page("inside", large="patterns", large_layer="conv_pw_2", in_filter="3", **query)
    page.button(key="large_ascend").click().run()
    assert not page.exception
    made = last(engine, "ascend")
    assert f"{made.values[0][0]:.4f}" in texts(page)
    best = last(engine, "excited")
    tiles = payload(page, "large_best")["tiles"]
    assert len(tiles) == 9
    assert float(tiles[0]["head"]) == pytest.approx(float(best.values[2, 0]), rel=0.01)
    page = open_page("inside", large="heat", **query)
    page.button(key="large_occlusion").click().run()
    assert not page.exception
    assert payload(page, "in_heat_occlusion_over")["rows"] == 224


def test_a_backbones_map_is_tried_by_experiment(engine: AtOnce) -> None:
    query = {"in_what": "backbone", "backbone": "MobileNet-0.25", "lang": "en", "large": "trust"}
    page = open_page("inside", **query)
    page.button(key="large_curves").click().run()
    assert not page.exception
    falls = last(engine, "curves").probability
    assert f"deletion {falls.deletion:.2f}, insertion {falls.insertion:.2f}" in texts(page)
    assert "7 × 7 of them" in texts(page)
    page = open_page("inside", in_trust="shuffled", **query)
    page.button(key="large_shuffled").click().run()
    assert not page.exception
    pair = last(engine, "shuffled")
    assert page.metric[-1].value.replace("−", "-") == f"{pair.correlation:.2f}"


def test_a_photo_is_painted_over_and_the_backbone_asked_again(engine: AtOnce) -> None:
    mask = np.zeros((CELLS, CELLS), bool)
    mask[:, :14] = True
    query = {"in_what": "backbone", "backbone": "MobileNet-0.25", "lang": "en", "large": "trust"}
    page = open_page("inside", in_trust="brush", in_hidden=pack(mask).hex(), **query)
    assert not page.exception
    shown = payload(page, "in_brush_picture")
    assert (shown["rows"], shown["columns"], shown["hidden"]) == (28, 28, pack(mask).hex())
    network = Large(backbone="MobileNet-0.25")
    chances = [
        engine.ask(pretrained.scores, network, Photo(source="chelsea", hidden=hidden))
        .value.probabilities for hidden in (b"", pack(mask))
    ]  # fmt: skip
    label = int(chances[0].argmax())
    before, after = (f"{100 * float(it[label]):.1f}" for it in chances)
    said = payload(page, "in_brush_spoken")
    name = backbones.class_names()[label]
    assert said.startswith(f"50 % of the pixels hidden: {name} goes from {before} % to {after} %")
    page.button(key="in_brush_important").click().run()
    first = bytes.fromhex(page.query_params["in_hidden"])
    assert unpack(first, CELLS, CELLS).sum() == 78  # a tenth of 784


def test_a_backbones_filter_is_switched_off_and_all_of_it_undone(engine: AtOnce) -> None:
    query = {"in_what": "backbone", "backbone": "MobileNet-0.25", "lang": "en"}
    page = open_page("inside", large="surgery", in_kernel="7", **query)
    page.button(key="surgery_do").click().run()
    assert not page.exception
    assert page.query_params["large_surgery"] == "3.6off"
    effect = last(engine, "effect")
    assert not effect.maps_after[..., 6].any()
    assert "1 of 8 maps of layer conv1 are others now." in payload(page, "surgery_said")
    assert "Filter 7 of layer conv1 is off." in texts(page)
    tried = last(engine, "examine")
    assert f"Of 8 photos here, {tried.right} still" in payload(page, "surgery_tested")
    page.button(key="surgery_each").click().run()
    missed = last(engine, "without_each")
    worst = int((missed.whole - missed.without).argmax())
    assert f"Without filter {worst + 1}," in texts(page)
    page.segmented_control(key="large_missed").set_value("pictures").run()
    page.button(key="surgery_each").click().run()
    missed = last(engine, "without_each")
    worst = int((missed.whole - missed.without).argmax())
    share = f"{100 * float(missed.without[worst]):.1f} % without it"
    assert share in texts(page) or missed.without[worst] == missed.whole
    assert "can be left out without any change" in texts(page)
    # Every view has the operated network, and says so.
    page = open_page("inside", large="maps", large_surgery="3.6off~400.1off", **query)
    assert "An operation of another network is not possible" in texts(page)
    assert page.query_params["large_surgery"] == "3.6off"
    assert not page.exception
    page.button(key="inside_undo_all").click().run()
    assert "large_surgery" not in page.query_params


def test_a_network_that_has_learned_is_looked_into(kept: str) -> None:
    page = look("inside", work=kept, large="heat", **SMALL)
    assert payload(page, "in_heat_grad_cam_over")["rows"] == 64
    assert "faces" in texts(page) or "animals" in texts(page)


def test_a_network_learns_on_without_a_filter_and_is_looked_into(kept: str, engine: AtOnce) -> None:
    page = look("inside", work=kept, large="surgery", **SMALL)
    assert "Operate on a filter first" in texts(page)
    page = look("inside", work=kept, large="surgery", large_surgery="3.0off~3.6off", **SMALL)
    page.button(key="branch_train").click().run()
    assert not page.exception
    branch = last(engine, "learn")
    right, of = branch.right(held=True)
    assert f"{right} / {of}" in [it.value for it in page.metric]
    page.button(key="branch_inside").click().run()
    assert not page.exception
    assert page.query_params["large_branch"] == "3.0off~3.6off"
    assert "large_surgery" not in page.query_params
    assert "It has learned on after operations on its filters." in texts(page)
    assert not last(engine, "effect").maps_before[..., [0, 6]].any()
    page.button(key="branch_back").click().run()
    assert "large_branch" not in page.query_params
    assert "It has learned on" not in texts(page)


def test_a_branch_that_is_not_kept_gives_way_to_what_it_came_from(kept: str) -> None:
    page = look("inside", work=kept, large="maps", large_branch="3.0off!3.1off", **SMALL)
    assert not page.exception
    assert "is not kept for these settings" in page.info[0].value
    assert "large_branch" not in page.query_params
    page = look("inside", work=kept, large="maps", large_branch="nonsense", **SMALL)
    assert not page.exception


def test_each_depth_of_a_large_network_is_measured_on_a_press(
    kept: str, engine: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = look("inside", work=kept, large="maps", **SMALL)
    page.button(key="in_depth").click().run()
    assert not page.exception
    found = last(engine, "depth")
    first = 100 * float(found.told_apart[0])
    assert f"names {first:.1f} % of the {found.tested} test pictures from the pixels" in texts(page)
    assert f"no linear map can learn from {found.learned} pictures" in texts(page)
    monkeypatch.setattr(large_depth, "PICTURES", 210)
    query = {"in_what": "backbone", "backbone": "MobileNet-0.25", "lang": "en", "large": "maps"}
    page = open_page("inside", depth_data="digits", **query)
    page.button(key="in_depth").click().run()
    assert not page.exception
    found = last(engine, "depth")
    assert found.learned + found.tested == 210
    assert f"{100 * float(found.detail[-1]):.0f} % can be brought back" in texts(page)
    assert "Of a data set, the first 210 pictures are shown" in texts(page)


def test_the_script_of_the_training_is_shown(kept: str) -> None:
    page = look("result", work=kept, **SMALL)
    assert "keras.applications.MobileNet(" in page.code[0].value
    compile(page.code[0].value, "train.py", "exec")
