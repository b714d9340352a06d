"""The page in a real browser: drawn on, played back to, left without a classifier."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from qd_pipeline.orchestration.runner import PipelineRunner
from qd_pipeline.tracking.registry import DecidedBy
from qd_pipeline_tests.browser import launched, needs_browser
from qd_pipeline_tests.conftest import REAL_DRAWINGS
from qd_pipeline_tests.orchestration.chain import run, runner
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
def opened(browser: Browser, port: int, **options: Any) -> Iterator[Page]:
    """Open the page, and see that the browser has nothing to complain about."""
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(f"http://127.0.0.1:{port}/")
    yield page
    context.close()
    assert complaints == []


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
    expect(page.get_by_text("notes.txt holds no strokes")).to_be_visible()


def test_a_phone_needs_no_scrolling_sideways_and_a_finger_draws(
    browser: Browser, port: int
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
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
    store_untrained(tmp_path, "2", ("cow", "panda"))
    store_untrained(tmp_path, "4", ("frog", "rabbit", "elephant", "duck"))
    with serving(tmp_path) as port, opened(browser, port) as page:
        expect(page.locator("#class-set")).to_be_enabled()
        draw(page, (0.2, 0.2), (0.8, 0.8))
        assert set(shown(page)) == {"frog", "rabbit", "elephant", "duck"}
        page.get_by_label("Choose from").select_option("2")
        assert set(shown(page)) == {"cow", "panda"}
