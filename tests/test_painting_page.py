"""The page to paint on, in headless Chromium: what is painted is what is saved and what the model gets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_label_maps import PORT, scene
from test_painting import page, stored, translator  # noqa: F401  the fixtures

from toolbox import Translator
from toolbox.data.io import read_image, read_numbers, write_image
from toolbox.data.semantics import coloured
from toolbox.serving.http import Server

pytestmark = pytest.mark.browser
NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    """Headless Chromium: that of ``$CHROMIUM``, of the system, or of Playwright."""
    api = pytest.importorskip('playwright.sync_api', reason="needs Playwright: pip install -c constraints.txt -e "
                              "'.[browser]'")
    with api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        places = [os.environ.get('CHROMIUM'), *map(shutil.which, NAMES), own if os.path.exists(own) else None]
        place = next(filter(None, places), None)
        if place is None:
            pytest.skip('needs Chromium: apt-get install chromium, or playwright install chromium')
        root = ['--no-sandbox'] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root
        chromium = playwright.chromium.launch(executable_path=place, args=root)
        yield chromium
        chromium.close()


class Tab:
    """The page in a window, without mistakes in its console."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.tab = browser.new_page(viewport=dict(width=1280, height=760), accept_downloads=True)
        self.wrong: list[str] = []
        self.tab.on('pageerror', lambda error: self.wrong.append(str(error)))
        self.tab.on('console', lambda message: self.wrong.append(message.text) if message.type == 'error' else None)
        self.tab.goto(server.url)
        self.settle()

    def settle(self) -> None:
        """Wait until the picture is that of the label map."""
        self.tab.wait_for_selector('body[data-settled=true]')

    def at(self, x: int, y: int) -> tuple[float, float]:
        """The middle of a pixel on the screen."""
        box = self.tab.locator('#map').bounding_box()
        return box['x'] + (x + 0.5) * box['width'] / 32, box['y'] + (y + 0.5) * box['height'] / 24

    def drag(self, *places: tuple[int, int], button: str = 'left') -> None:
        self.tab.mouse.move(*self.at(*places[0]))
        self.tab.mouse.down(button=button)
        for place in places[1:]:
            self.tab.mouse.move(*self.at(*place))
        self.tab.mouse.up(button=button)
        self.settle()

    def click(self, *selectors: str) -> None:
        for selector in selectors:
            self.tab.click(selector)
        self.settle()

    def saved(self, button: str, folder: Path) -> Path:
        with self.tab.expect_download() as download:
            self.tab.click(button)
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def labels(self, folder: Path) -> np.ndarray:
        return read_numbers(self.saved('#save-map', folder))

    def picture(self, folder: Path) -> np.ndarray:
        return read_image(self.saved('#save-picture', folder))


@pytest.fixture
def tab(browser: Any, page: Server) -> Iterator[Tab]:  # noqa: F811
    opened = Tab(browser, page)
    yield opened
    opened.tab.close()
    assert not opened.wrong


def test_what_is_painted_is_saved_and_drawn(tab: Tab, translator: Translator, tmp_path: Path) -> None:  # noqa: F811
    assert not tab.labels(tmp_path).any()
    tab.click('text=road', '[data-tool=box]')
    tab.drag((0, 14), (31, 23))
    tab.click('text=car')
    tab.drag((9, 18), (4, 15))
    tab.drag((20, 15), (27, 18))
    tab.click('text=tree')
    tab.drag((27, 2), (30, 13))
    np.testing.assert_array_equal(tab.labels(tmp_path), scene())
    np.testing.assert_array_equal(read_image(tmp_path / 'label_map.png'), coloured(scene(), PORT.palette))
    np.testing.assert_array_equal(tab.picture(tmp_path), translator(scene(), seed=0))
    tab.tab.fill('#seed', '7')
    tab.settle()
    np.testing.assert_array_equal(tab.picture(tmp_path), translator(scene(), seed=7))


def test_a_brush_paints_whole_pixels_and_steps_back(tab: Tab, tmp_path: Path) -> None:
    expected = np.zeros((24, 32), np.uint8)
    tab.tab.fill('#size', '1')
    tab.click('text=car')
    tab.drag((3, 3), (13, 8), (13, 20))
    expected[[3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8], np.arange(3, 14)] = 2
    expected[8:21, 13] = 2
    np.testing.assert_array_equal(tab.labels(tmp_path), expected)
    tab.tab.fill('#size', '5')
    tab.drag((0, 12), (0, 12))
    disk = expected.copy()
    disk[10:15, 0:2] = disk[11:14, 2] = 2
    np.testing.assert_array_equal(tab.labels(tmp_path), disk)
    tab.click('#undo')
    np.testing.assert_array_equal(tab.labels(tmp_path), expected)
    tab.click('#undo')
    assert not tab.labels(tmp_path).any()
    tab.tab.keyboard.press('Control+y')
    tab.settle()
    np.testing.assert_array_equal(tab.labels(tmp_path), expected)


def test_an_area_is_filled_up_to_its_border_and_no_further(tab: Tab, tmp_path: Path) -> None:
    write_image(tmp_path / 'map.png', coloured(scene(), PORT.palette))
    tab.tab.set_input_files('#open', tmp_path / 'map.png')
    tab.tab.wait_for_selector('#undo:enabled')
    np.testing.assert_array_equal(tab.labels(tmp_path), scene())
    tab.click('text=sky', '[data-tool=fill]')
    tab.drag((5, 16))
    expected = scene()
    expected[15:19, 4:10] = 0
    np.testing.assert_array_equal(tab.labels(tmp_path), expected)
    tab.drag((22, 16), button='right')
    assert tab.tab.get_attribute('#classes [aria-checked=true]', 'title') == 'car (2)'
    tab.drag((0, 0))
    expected[scene() == 0] = 2
    np.testing.assert_array_equal(tab.labels(tmp_path), expected)


def test_a_reference_gives_the_style_until_it_is_removed(tab: Tab, translator: Translator,  # noqa: F811
                                                         tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    (tmp_path / 'photo.png').write_bytes(stored(photo))
    tab.tab.set_input_files('#reference', tmp_path / 'photo.png')
    tab.tab.wait_for_selector('#thumbnail')
    tab.settle()
    empty = np.zeros((24, 32), np.uint8)
    np.testing.assert_array_equal(tab.picture(tmp_path), translator(empty, reference=photo))
    assert not tab.tab.is_visible('#seed')
    tab.click('#forget')
    np.testing.assert_array_equal(tab.picture(tmp_path), translator(empty, seed=0))
    tab.tab.select_option('#direction', 'paint')
    tab.settle()
    assert not tab.tab.is_visible('#reference-row') and tab.tab.is_visible('#seed')
    np.testing.assert_array_equal(tab.picture(tmp_path), translator(empty, 'paint', seed=0))


@pytest.mark.fault
def test_a_wrong_file_is_said_and_changes_nothing(tab: Tab, tmp_path: Path) -> None:
    soft = coloured(scene(), PORT.palette)
    soft[0, 0] = 7
    write_image(tmp_path / 'soft.png', soft)
    tab.tab.set_input_files('#open', tmp_path / 'soft.png')
    tab.tab.wait_for_selector('#status.wrong')
    text = tab.tab.inner_text('#status')
    assert 'soft.png' in text and "no class has the colour (7, 7, 7); the nearest is 'sky'" in text
    assert not tab.labels(tmp_path).any()
    assert all('400' in message for message in tab.wrong)  # Chromium logs the answer
    tab.wrong.clear()
