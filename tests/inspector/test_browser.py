"""The page in a real browser: it draws, filters, links, plays what is there and says what is not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stages import report
from tests.browsers import Opened, chromium, expect, needs_browser, open_page, wait_until
from tests.inspector.runs import CLASSES, Run, copy_clip, write_run
from tests.reporting.runs import BINARY

pytestmark = [needs_browser, pytest.mark.slow]

NASTY = "</script><img src=x onerror=alert(1)> & \"quotes\" 'single'"


FEW = {"train": 4, "valid": 8, "test": 5}
MANY = {"train": 4, "valid": 30, "test": 5}


def media_of(split: str, n: int) -> str:
    """Recordings whose names mean something in an address."""
    return f"data/raw/x/{split}/Größe #{n} = 100%? <b>.mp4"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Opened]]:
    """Writes a run and its page, and opens the page; `there` says which recordings are on the disk."""
    pages: list[Opened] = []

    def open_(
        *,
        there: Callable[[str, int], bool] = lambda split, n: False,
        address: str = "",
        width: int = 1200,
        scheme: str = "light",
        **fields: Any,
    ) -> Opened:
        run = Run(**({"n_segments": FEW} | fields))
        write_run(tmp_path, run)
        for split, count in run.n_segments.items():
            for n in range(count):
                if there(split, n):
                    copy_clip(tmp_path, media_of(split, n))
        monkeypatch.chdir(tmp_path)
        report.write_inspector()
        url = (tmp_path / "reports/inspector.html").as_uri() + address
        pages.append(open_page(browser, url, width=width, scheme=scheme))
        return pages[-1]

    yield open_
    for opened in pages:
        opened.page.context.close()


def every_list(page: Any) -> Iterator[str]:
    """Open the lists in turn. A click only asks for one; it is drawn once the page marks its link."""
    for link in page.locator("nav a").all():
        link.click()
        expect(link).to_have_attribute("aria-current", "")
        yield link.text_content()


def everything(split: str, n: int) -> bool:
    return True


def test_every_list_opens_without_a_complaint_or_a_request_to_anybody(opened):
    found = opened(there=everything, media=media_of)
    page = found.page
    names = []
    for name in every_list(page):
        if page.locator(".point").count():
            page.locator(".point").first.press("ArrowRight")
        wait_until(page, "document.querySelector('article video').readyState > 0")
        names.append(name)
    assert len(set(names)) == 8
    assert found.complaints == []
    assert all(url.startswith(("file:", "data:")) for url in found.requests)


def test_what_the_marks_of_a_strip_are_stands_under_it(opened):
    page = opened().page
    found = {}
    for name in every_list(page):
        for mark in ("diamond: baseline", "thick line: label", "thin line: their mean"):
            count = page.locator(".strip figcaption", has_text=mark).count()
            found[mark] = found.get(mark, 0) + bool(count)
        drawn = page.locator(".strip path.baseline").count() > 0
        assert drawn == (page.locator(".strip figcaption", has_text="diamond").count() > 0), name
    assert all(found.values()), found


def test_both_clips_of_a_pair_play(opened):
    page = opened(there=everything, media=media_of).page
    page.locator("article").first.get_by_role("button", name="Play both").click()
    wait_until(
        page,
        "[...document.querySelector('article').querySelectorAll('video')].every((v) => v.currentTime > 0.2 && !v.paused)",
    )


def test_one_plays_after_the_other(opened):
    page = opened(there=everything, media=media_of, span_s=(0.5, 0.9)).page
    first = page.locator("article").first
    first.get_by_role("button", name="One, then the other").click()
    wait_until(
        page,
        """() => { const [a, b] = document.querySelector('article').querySelectorAll('video');
        return a.paused && a.currentTime > 0.8 && b.currentTime > 0.6; }""",
    )


def test_a_segment_of_a_long_recording_starts_and_ends_where_it_should(opened):
    page = opened(there=everything, media=media_of, span_s=(0.6, 1.1)).page
    page.evaluate(
        """() => { window.seen = [];
        document.querySelector('article video').addEventListener('timeupdate', (e) => window.seen.push(e.target.currentTime)); }"""
    )
    page.locator("article").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("p")
    wait_until(page, "window.seen.length > 0 && document.querySelector('article video').paused")
    seen = page.evaluate("window.seen")
    assert min(seen) > 0.55
    assert max(seen) > 1.0
    assert not page.evaluate("document.querySelector('article video').ended")


def test_a_recording_that_is_not_there_is_said_to_be_missing(opened):
    page = opened(media=media_of).page
    note = page.locator("article .no-media").first
    note.wait_for()
    assert "media not on this disk" in note.text_content()
    assert page.locator("article").first.get_by_role("button").count() == 0
    assert "../data/raw/x/" in note.text_content()
    assert "Größe #" in note.text_content()


def test_a_corpus_without_recordings_says_so(opened):
    found = opened()
    assert set(found.texts("article .no-media")) == {"the corpus has no recording of this segment"}
    assert found.complaints == []


def test_sound_alone_plays(opened):
    page = opened(there=everything, media=media_of, has_video=False).page
    assert page.locator("article video").count() == 0
    page.keyboard.press("j")
    page.keyboard.press("p")
    wait_until(page, "document.querySelector('article audio').currentTime > 0.1")


def test_foreign_text_is_shown_as_it_is_and_runs_nothing(opened):
    found = opened(
        texts=lambda split, n: f"{NASTY} {n}", speakers=lambda split, n: NASTY, ids=lambda split, n: f"{split}/{n} #?&{NASTY}"
    )  # fmt: skip
    assert found.page.locator("article img").count() == 0
    assert NASTY in found.texts("article blockquote")[0]
    assert found.complaints == []


def test_the_search_finds_words_of_either_segment(opened):
    found = opened()
    found.page.locator("#search").fill("SAID valid_007")
    texts = found.texts("article")
    assert texts
    assert all("said 7 in valid" in text for text in texts)
    found.page.locator("#search").fill("nothing of this kind")
    assert "0 of" in found.page.locator("#count").text_content()
    assert "nothing fits these filters" in found.page.locator("#count").text_content()
    found.page.get_by_role("button", name="Reset").click()
    found.page.wait_for_selector("article")


def test_speaker_and_groups_filter(opened):
    found = opened(n_segments=MANY)
    page = found.page
    page.select_option("#speaker", label="speaker valid 1")
    for text in found.texts("article"):
        assert "speaker valid 1 " in text
    filtered = page.locator("#count").text_content()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#count")).not_to_have_text(filtered)
    everywhere = page.locator("#count").text_content()
    page.select_option("#upper", label="+1")
    expect(page.locator("#count")).not_to_have_text(everywhere)
    for group in found.texts("article .card.upper .group"):
        assert group == "group +1"


def test_sorting_and_each_segment_once(opened):
    found = opened()
    page = found.page
    page.select_option("#sort", label="gap of labels")
    gaps = page.evaluate("state.found.map((entry) => entry.labelGap)")
    assert gaps == sorted(gaps, reverse=True)
    page.check("#once")
    names = page.evaluate("state.found.flatMap((entry) => [entry.above, entry.below])")
    assert 2 <= len(names) == len(set(names))


def test_more_entries_are_drawn_when_asked_for(opened):
    page = opened(n_segments=MANY).page
    expect(page.locator("article")).to_have_count(20)
    page.locator("#more").click()
    expect(page.locator("article")).not_to_have_count(20)
    assert page.locator("article").count() > 20


@pytest.mark.parametrize("position", [0, 25])
def test_a_link_leads_to_its_entry(opened, position):
    def named(split: str, n: int) -> str:
        return f"{split} ä/{n}#?&"

    page = opened(ids=named, n_segments=MANY).page
    above, below = page.evaluate(f"members(page.lists[0].entries[{position}]).map((segment) => segment.id)")
    url = page.url.split("#")[0]
    page.goto("about:blank")
    page.goto(f"{url}#valid-order/{quote(above, safe='')}/{quote(below, safe='')}")
    current = page.locator("article.current")
    current.wait_for()
    assert [text.strip() for text in current.locator("code").all_text_contents()] == [above, below]
    own = current.locator(".address").get_attribute("href")
    page.goto("about:blank")
    page.goto(url + own)
    page.locator("article.current").wait_for()


def test_a_link_to_an_entry_that_is_gone_says_so(opened):
    page = opened(address="#valid-order/no/where").page
    assert "not in this list any more: no and where" in page.locator("#count").text_content()


def test_keys_lead_through_the_entries_and_lists(opened):
    page = opened().page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.locator("article").first.get_attribute("class") == "pair current"
    page.keyboard.press("4")
    wait_until(page, "document.querySelector('h2').textContent === 'Hardest pairs: train'")
    page.keyboard.press("/")
    page.keyboard.type("j1")
    assert page.locator("#search").input_value() == "j1"


def test_a_dot_of_the_map_shows_and_plays_its_segment(opened):
    found = opened(there=everything, media=media_of, address="#test-map")
    page = found.page
    assert page.locator(".point").count() == 5
    box = page.locator(".point").nth(2).bounding_box()
    # A finger need not hit the dot itself.
    page.mouse.click(box["x"] + box["width"] / 2 + 6, box["y"] + box["height"] / 2)
    article = page.locator("article.current")
    article.wait_for()
    id_ = article.locator("code").first.text_content()
    assert page.url.endswith(f"#test-map/{id_}")
    assert page.locator(".point:focus").get_attribute("aria-label").startswith(f"{id_}: label ")
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelector('article video').currentTime > 0.1")
    assert found.complaints == []


@pytest.mark.parametrize(
    ("key", "axis", "sign"),
    [("ArrowRight", "x", 1), ("ArrowLeft", "x", -1), ("ArrowUp", "y", 1), ("ArrowDown", "y", -1)],
)
def test_an_arrow_key_leads_to_a_dot_in_its_direction(opened, key, axis, sign):
    page = opened(n_segments=MANY, address="#valid-map").page
    # From the dot at the other end.
    start = page.evaluate(
        f"state.found.indexOf([...state.found].sort((a, b) => {sign} * (a.{axis} - b.{axis}))[0])"
    )
    places = [page.evaluate(f"state.found[{start}].{axis}")]
    page.locator(".point").nth(start).focus()
    for _ in range(3):
        page.keyboard.press(key)
        places.append(page.evaluate(f"state.selected.{axis}"))
    assert sorted(places, key=lambda place: sign * place) == places
    assert places[1] != places[0]


def test_j_and_k_lead_to_every_dot(opened):
    page = opened(address="#valid-map").page
    seen = []
    for key in "jjjjjjjjkk":
        page.keyboard.press(key)
        seen.append(page.evaluate("state.found.indexOf(state.selected)"))
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7, 6, 5]
    assert page.locator("article").count() == 1


@pytest.mark.parametrize("fields", [{}, {"params": BINARY, "error_sd": 0.4}, {"params": CLASSES}])
def test_dots_are_coloured_by_label_error_and_speaker(opened, fields):
    found = opened(n_segments=MANY, address="#valid-map", **fields)
    page = found.page
    looks = "[...document.querySelectorAll('.point')].map((dot) => getComputedStyle(dot).fill).join()"
    seen = set()
    for name in ("label", "error", "speaker"):
        page.select_option("#sort", label=name)
        expect(page.locator(".map-legend li").first).to_be_visible()
        seen.add(page.evaluate(looks))
    assert len(seen) == 3
    assert set(found.texts(".map-legend li")) == {f"speaker valid {n}" for n in range(3)}
    page.select_option("#speaker", label="speaker valid 1")
    expect(page.locator(".point:not(.dim)")).to_have_count(10)
    assert "the others are pale" in page.locator("#count").text_content()
    assert found.complaints == []


def test_a_link_leads_to_a_dot_of_the_map(opened):
    page = opened(n_segments=MANY, address="#valid-map/valid_012").page
    current = page.locator("article.current")
    current.wait_for()
    assert current.locator("code").first.text_content() == "valid_012"
    assert page.locator(".ring").get_attribute("visibility") == "visible"


def test_many_speakers_are_not_given_more_colours_than_can_be_told_apart(opened):
    found = opened(n_segments=MANY, address="#valid-map", speakers=lambda split, n: f"{NASTY} {n}")
    found.page.select_option("#sort", label="speaker")
    assert len(found.texts(".map-legend li")) == 7
    assert found.texts(".map-legend li")[-1] == "24 others"
    assert found.page.locator("main img").count() == 0
    assert found.complaints == []


def test_no_wrong_pair_is_said_and_not_hidden(opened):
    found = opened(error_sd=0.0)
    assert "No pair of valid is in the wrong order" in found.page.locator("#about").text_content()
    assert found.page.locator("article").count() == 0
    assert found.complaints == []


def test_the_test_split_is_marked(opened):
    page = opened(address="#test-order").page
    assert "second valid split" in page.locator("#about .warning").text_content()


def test_a_loss_without_weights_is_named(opened):
    page = opened(address="#train-weight", objective="ranknet").page
    assert "trained by ranknet" in page.locator("#about .warning").text_content()


@pytest.mark.parametrize("name", ["weight", "pull"])
def test_pairs_of_a_sample_of_train_are_called_so(opened, name):
    whole = opened(address=f"#train-{name}").page.locator("#about").text_content()
    assert "sample" not in whole
    found = opened(address=f"#train-{name}", n_train=700_000)
    about = found.page.locator("#about").text_content()
    assert "Train has 700,000 segments" in about
    assert "random sample of 4" in about
    assert found.complaints == []


@pytest.mark.parametrize(
    "fields", [{"params": BINARY, "error_sd": 0.4}, {"params": CLASSES}, {"seeds": (5,)}]
)
def test_classes_and_one_seed_are_drawn(opened, fields):
    found = opened(**fields)
    drawn = [
        found.page.locator(".point" if name.startswith("Map") else "article circle.dot").count()
        for name in every_list(found.page)
    ]
    assert sum(drawn) > 0
    assert drawn[-1] == FEW["test"]
    assert found.complaints == []


def test_without_transcripts_there_is_nothing_to_play(opened):
    found = opened(there=everything, media=media_of, params={"report.transcripts": False})
    assert found.page.locator("video, blockquote").count() == 0
    assert set(found.texts("article .no-media")) == {"recording left out of this copy"}
    assert found.page.locator("article .strip circle").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_it_without_scrolling_sideways(opened, scheme):
    found = opened(
        there=everything,
        media=media_of,
        width=390,
        scheme=scheme,
        ids=lambda split, n: f"{split}{n}" + "_without_a_break" * 8,
        texts=lambda split, n: "Unaussprechlichkeitsbeschreibungsversuch" * 3,
    )
    for name in every_list(found.page):
        if found.page.locator(".point").count():
            found.page.locator(".point").first.press("ArrowRight")
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 390, name
    background = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
