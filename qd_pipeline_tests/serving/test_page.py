"""The page in a real browser: drawn on, played back to, left without a classifier."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import ImageDraw
from playwright.sync_api import Browser, Page, expect

from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.quickdraw.sketches.files import read_sketches
from qd_pipeline.serving import page_ink
from qd_pipeline.serving.own_drawings import OwnDrawings
from qd_pipeline.tracking.versions import DecidedBy
from qd_pipeline_tests.browser import launched, needs_browser
from qd_pipeline_tests.conftest import REAL_DRAWINGS
from qd_pipeline_tests.orchestration.chain import run, runner
from qd_pipeline_tests.quickdraw.sketches.face import FACE, painted
from qd_pipeline_tests.serving.serving import serving, store_untrained

SECONDS = 60_000

pytestmark = needs_browser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PipelineRunner:
    """Make the chain for cow and panda: of people's drawings where they are at hand."""
    real = (REAL_DRAWINGS / "full" / "simplified").is_dir()
    source = REAL_DRAWINGS.resolve().as_uri() if real else "sample"
    home = tmp_path_factory.mktemp("home")
    made = run(runner(home, settings={"source": source}, drawings=25, epochs=6), ["2"])
    assert made.failures == {}
    # So few drawings leave it at chance, and the class set without a champion.
    registry = made.tracker.registry
    registry.set_champion(registry.version("quickdraw-2", 1), DecidedBy.PERSON)
    return made


@pytest.fixture(scope="module")
def browser(made: PipelineRunner) -> Iterator[Browser]:
    """Start a browser, once the chain is made: its event loop is this thread's from then on."""
    del made
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def port(made: PipelineRunner) -> Iterator[int]:
    with serving(Path(made.pipeline.settings.home)) as port:
        yield port


@contextmanager
def opened(browser: Browser, port: int, *, clock: bool = False, **options: Any) -> Iterator[Page]:
    """Open the page, and see that the browser has nothing to complain about."""
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text))
    if clock:
        page.clock.install()
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    context.close()
    # What the server refuses, a browser tells as well.
    assert [each for each in complaints if "400 (Bad Request)" not in each] == []


@pytest.fixture
def page(browser: Browser, port: int) -> Iterator[Page]:
    with opened(browser, port) as page:
        expect(page.locator("#class-set")).to_be_enabled(timeout=SECONDS)
        yield page


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Draw one stroke with the mouse, through points in shares of the paper's sides."""
    box = page.locator("#paper").bounding_box()
    assert box is not None
    placed = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*placed[0])
    page.mouse.down()
    for point in placed[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def shown(page: Page) -> dict[str, float]:
    """Wait for the answer to the newest drawing, and give the probabilities."""
    expect(page.locator("body")).to_have_attribute("data-state", "answered", timeout=SECONDS)
    rows = page.locator("#answers li").evaluate_all(
        "rows => rows.map(row => [row.dataset.category, Number(row.dataset.probability)])"
    )
    return dict(rows)


def test_probabilities_change_as_one_draws_and_go_back_with_undo(page: Page) -> None:
    expect(page.get_by_text("Draw something.")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2))
    first = shown(page)
    assert set(first) == {"cow", "panda"}
    assert sum(first.values()) == pytest.approx(1)
    draw(page, (0.3, 0.3), (0.7, 0.7))
    second = shown(page)
    assert second != first
    page.get_by_role("button", name="Undo").click()
    assert shown(page) == first
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Draw something.")).to_be_visible()
    assert shown(page) == {}


def test_the_champion_answers(page: Page) -> None:
    expect(page.locator("#origin")).to_have_text("Classifier: quickdraw-2 version 1, champion.")


def test_one_can_draw_with_the_keyboard_alone(page: Page) -> None:
    paper = page.locator("#paper:focus")
    for _ in range(20):
        if paper.count():
            break
        page.keyboard.press("Tab")
    expect(paper).to_be_visible()
    # Pressed a little long, a key repeats.
    for _ in range(3):
        page.keyboard.down(" ")
    page.keyboard.up(" ")
    dot = shown(page)
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowDown")
    line = shown(page)
    assert line != dot
    page.keyboard.press(" ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    assert shown(page) != line
    page.keyboard.press("Backspace")
    assert shown(page) == line


def test_played_back_drawings_are_predicted_as_in_the_evaluation(
    page: Page, made: PipelineRunner, tmp_path: Path
) -> None:
    store = made.store
    predictions = pq.read_table(
        store.open_local(store.read("evaluations", "2"), "predictions.parquet")
    )
    wanted = {row.pop("key_id"): row for row in predictions.to_pylist()}
    lines = [
        line
        for category in ("cow", "panda")
        for path in [store.open_local(store.read("raw_drawings", category), "drawings.ndjson")]
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    tested = [line for line in lines if int(json.loads(line)["key_id"]) in wanted]
    assert len(tested) == len(wanted) > 0
    file = tmp_path / "tested.ndjson"
    file.write_text("\n".join(tested), encoding="utf-8")
    page.locator("#file").set_input_files(file)
    for number, line in enumerate(tested, 1):
        expect(page.get_by_text(f"Drawing {number} of {len(tested)}.")).to_be_visible()
        found = shown(page)
        evaluated = wanted[int(json.loads(line)["key_id"])]
        for category, probability in found.items():
            assert probability == pytest.approx(evaluated[category], abs=1e-5)
        assert next(iter(found)) == evaluated["predicted"]
        page.get_by_role("button", name="Next").click()


def test_a_file_without_strokes_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("a cow", encoding="utf-8")
    page.locator("#file").set_input_files(file)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("notes.txt cannot be used, the picture")
    assert "wrong" in (notice.get_attribute("class") or "")


def test_a_dropped_picture_is_read_as_on_the_command_line(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "face.png"
    framed = painted(FACE).convert("L")
    ImageDraw.Draw(framed).rectangle(
        (2, 2, framed.width - 3, framed.height - 3), outline=0, width=3
    )
    framed.save(file)
    (sketch,), _ = read_sketches(file)
    (warning,) = sketch.warnings
    data = page.evaluate_handle(
        """async content => {
            const bytes = Uint8Array.from(atob(content), byte => byte.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "face.png", { type: "image/png" }));
            return data;
        }""",
        b64encode(file.read_bytes()).decode(),
    )
    with page.expect_request("**/predictions") as asked:
        page.dispatch_event("#paper", "drop", {"dataTransfer": data})
    sent = page_ink.decode((asked.value.post_data_json or {})["ink"])
    assert (sent == sketch.ink).all()
    expect(page.locator("#notice")).to_contain_text(
        f"face.png: {warning}; see the bitmap that the network saw."
    )
    expect(page.locator("#seen")).to_be_visible()
    assert set(shown(page)) == {"cow", "panda"}


def test_what_is_saved_can_be_opened_again(page: Page, tmp_path: Path) -> None:
    draw(page, (0.2, 0.2), (0.8, 0.3), (0.4, 0.9))
    before = shown(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    file = tmp_path / "saved.ndjson"
    download.value.save_as(file)
    page.get_by_role("button", name="Clear").click()
    assert shown(page) == {}
    page.locator("#file").set_input_files(file)
    expect(page.locator("#seen")).to_be_visible()
    assert shown(page) == pytest.approx(before, abs=1e-5)


def test_a_drawing_can_be_named_for_ones_own_test_set(page: Page, made: PipelineRunner) -> None:
    file = OwnDrawings(Path(made.pipeline.settings.home)).file("2")
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.5, 0.8))
    predicted = next(iter(shown(page)))
    page.get_by_role("button", name="That was right").click()
    expect(page.get_by_text(f"Kept as a {predicted}: 1 drawing in your test set")).to_be_visible()
    expect(page.get_by_role("button", name="That was right")).to_be_disabled()
    draw(page, (0.3, 0.2), (0.7, 0.2))
    shown(page)
    page.get_by_label("That was wrong, it is").select_option("panda")
    expect(page.get_by_text("Kept as a panda: 2 drawings in your test set")).to_be_visible()
    assert [json.loads(line)["word"] for line in file.read_text().splitlines()] == [
        predicted,
        "panda",
    ]


def answer_with(page: Page, category: str, probability: float) -> None:
    """Have the classifier of two categories be as sure as a test needs it."""
    other = {"cow": "panda", "panda": "cow"}[category]
    chances = {category: probability, other: 1 - probability}
    ranked = sorted(chances.items(), key=lambda each: -each[1])
    answer = {
        "categories": [{"category": name, "probability": chance} for name, chance in ranked],
        "bitmap": b64encode(bytes(784)).decode(),
    }
    page.route("**/predictions", lambda route: route.fulfill(json=answer))


def test_in_the_game_one_draws_what_is_asked_until_it_is_recognised(page: Page) -> None:
    page.get_by_role("button", name="Play").click()
    asked = page.get_by_role("heading", level=1).inner_text().removeprefix("Draw a ")
    expect(page.get_by_role("timer")).to_have_text("20 s")
    answer_with(page, asked, 0.9)
    draw(page, (0.2, 0.2), (0.8, 0.8))
    expect(page.get_by_text("Recognised after")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_text(f"It is a {asked}")
    expect(page.get_by_role("button", name=f"Keep it as a {asked}")).to_be_visible()
    page.get_by_role("button", name="Play again").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(f"Draw a {asked}")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("timer")).to_be_hidden()


def test_the_game_ends_after_twenty_seconds(browser: Browser, port: int) -> None:
    with opened(browser, port, clock=True) as page:
        page.get_by_role("button", name="Play").click()
        asked = page.get_by_role("heading", level=1).inner_text().removeprefix("Draw a ")
        answer_with(page, asked, 0.2)
        draw(page, (0.2, 0.2), (0.8, 0.8))
        page.clock.fast_forward(21_000)
        expect(page.get_by_text("Time is up: it was not recognised.")).to_be_visible()


def test_a_classifier_that_is_not_sure_says_so(page: Page) -> None:
    answer = [("cow", 0.4), ("panda", 0.35)]
    page.route(
        "**/predictions",
        lambda route: route.fulfill(
            json={
                "categories": [{"category": name, "probability": p} for name, p in answer],
                "bitmap": "",
            }
        ),
    )
    draw(page, (0.2, 0.2), (0.8, 0.8))
    expect(page.get_by_role("heading", level=2)).to_have_text("Not sure, perhaps a cow")
    expect(page.locator("#answers.unsure")).to_be_visible()


def test_every_category_is_listed(page: Page) -> None:
    page.get_by_text("All 2 categories").click()
    assert page.locator("#categories li").all_inner_texts() == ["cow", "panda"]


def test_a_phone_needs_no_scrolling_sideways_and_a_finger_draws(
    browser: Browser, port: int
) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    }
    with opened(browser, port, **phone) as page:
        expect(page.locator("#class-set")).to_be_enabled(timeout=SECONDS)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.locator("#paper").tap()
        assert set(shown(page)) == {"cow", "panda"}
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        answers = page.locator("#answers").bounding_box()
        assert answers is not None
        assert answers["y"] < 740


def test_the_dark_page_is_dark(browser: Browser, port: int) -> None:
    with opened(browser, port, color_scheme="dark") as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(","))) < 3 * 64


def test_without_a_classifier_it_says_so_and_finds_one_that_is_made(
    browser: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path) as port, opened(browser, port) as page:
        expect(page.get_by_text("There is no classifier yet")).to_be_visible()
        draw(page, (0.2, 0.2), (0.8, 0.8))
        store_untrained(tmp_path, "4", ("frog", "rabbit", "elephant", "duck"))
        page.get_by_role("button", name="Look again").click()
        expect(page.locator("#class-set")).to_be_enabled()
        assert set(shown(page)) == {"frog", "rabbit", "elephant", "duck"}


def test_another_class_set_can_be_chosen(browser: Browser, tmp_path: Path) -> None:
    store_untrained(tmp_path, "2", ("cow", "panda"), synthetic=True)
    store_untrained(tmp_path, "4", ("frog", "rabbit", "elephant", "duck"))
    with serving(tmp_path) as port, opened(browser, port) as page:
        expect(page.locator("#class-set")).to_be_enabled()
        expect(page.get_by_text("Trained on synthetic drawings")).to_be_hidden()
        draw(page, (0.2, 0.2), (0.8, 0.8))
        assert set(shown(page)) == {"frog", "rabbit", "elephant", "duck"}
        page.get_by_label("Draw one of").select_option("2")
        assert set(shown(page)) == {"cow", "panda"}
        expect(page.get_by_text("Trained on synthetic drawings")).to_be_visible()
