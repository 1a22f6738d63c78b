"""The page of the service in headless Chromium: what is chosen is what the model gets, and what is shown and saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_inference import image
from test_painting_page import browser  # noqa: F401  the fixture
from test_serving import HUGE, served, translator  # noqa: F401  the fixture

from toolbox import Translator
from toolbox.data.io import read_image, write_image
from toolbox.serving.http import Server
from toolbox.serving.service import Service

pytestmark = pytest.mark.browser


@pytest.fixture
def server(translator: Translator, tmp_path: Path) -> Iterator[Server]:  # noqa: F811
    for number in range(2):
        write_image(tmp_path / f'examples/{number}.png', image(60, 80, seed=number))
    with served(Service(translator, tmp_path / 'examples')) as running:
        yield running


@pytest.fixture
def tab(browser: Any, server: Server) -> Iterator[Any]:  # noqa: F811
    opened = browser.new_page(viewport=dict(width=1280, height=760), accept_downloads=True)
    opened.wrong = []
    opened.on('pageerror', lambda error: opened.wrong.append(str(error)))
    opened.on('console', lambda message: opened.wrong.append(message.text) if message.type == 'error' else None)
    opened.goto(server.url)
    settle(opened)
    yield opened
    opened.close()
    assert not opened.wrong


def settle(tab: Any) -> None:
    tab.wait_for_selector('body[data-settled=true]')


def result(tab: Any, folder: Path) -> np.ndarray:
    settle(tab)
    with tab.expect_download() as download:
        tab.click('#save')
    download.value.save_as(folder / download.value.suggested_filename)
    return read_image(folder / download.value.suggested_filename)


def test_a_chosen_image_is_translated_in_the_chosen_direction(tab: Any, translator: Translator,  # noqa: F811
                                                              tmp_path: Path) -> None:
    photo = image(48, 64, seed=5)
    write_image(tmp_path / 'photo.png', photo)
    tab.set_input_files('#image', tmp_path / 'photo.png')
    tab.wait_for_selector('#save:visible')
    np.testing.assert_array_equal(result(tab, tmp_path), translator(photo))
    assert tab.inner_text('#chosen') == 'photo.png' and not tab.is_visible('#seed-row')
    tab.select_option('#direction', 'BtoA')
    np.testing.assert_array_equal(result(tab, tmp_path), translator(photo, 'BtoA'))
    tab.click('#examples button:nth-child(2)')
    np.testing.assert_array_equal(result(tab, tmp_path), translator(image(60, 80, seed=1), 'BtoA'))
    assert tab.get_attribute('#examples button:nth-child(2)', 'aria-pressed') == 'true'


@pytest.mark.fault
def test_the_example_that_was_clicked_last_is_translated_whichever_comes_first(
        tab: Any, translator: Translator, tmp_path: Path) -> None:  # noqa: F811
    held: list[Any] = []
    tab.route('**/examples/*', lambda route: held.append(route))
    for number in (1, 2):
        tab.click(f'#examples button:nth-child({number})')
        tab.wait_for_function('document.body.dataset.settled === "false"')
    assert [route.request.url[-5] for route in held] == ['0', '1']
    for route in reversed(held):
        with tab.expect_response(route.request.url):
            route.continue_()
    tab.wait_for_selector('#save:visible')
    np.testing.assert_array_equal(result(tab, tmp_path), translator(image(60, 80, seed=1)))
    assert tab.inner_text('#chosen') == 'Image 2'


@pytest.mark.parametrize('width', [390, 1280])
def test_the_slider_moves_by_keys_and_divides_source_and_result(tab: Any, width: int) -> None:
    tab.set_viewport_size(dict(width=width, height=844))
    tab.click('#examples button:first-child')
    tab.wait_for_selector('#slider:visible')
    settle(tab)
    after, before = (tab.locator(name).bounding_box() for name in ('#after', '#before'))
    assert after == before and after['width'] <= width
    assert tab.evaluate('document.documentElement.scrollWidth') <= width, 'nothing to scroll to the side'
    for _ in range(40):  # from field to field, as without a mouse
        tab.keyboard.press('Tab')
        if tab.evaluate('document.activeElement.id') == 'slider':
            break
    assert tab.evaluate('document.activeElement.id') == 'slider'
    for key, value in (('Home', '0'), ('ArrowRight', '1'), ('End', '100'), ('ArrowLeft', '99')):
        tab.keyboard.press(key)
        assert tab.input_value('#slider') == value
        assert tab.evaluate("getComputedStyle(document.getElementById('before')).clipPath") == (
            f'inset(0px {100 - int(value)}% 0px 0px)')
    line = tab.locator('#line').bounding_box()
    assert abs(line['x'] + 1 - after['x'] - 0.99 * after['width']) < 1.5


@pytest.mark.fault
def test_a_wrong_image_is_said_on_the_page(tab: Any, tmp_path: Path) -> None:
    (tmp_path / 'huge.png').write_bytes(HUGE)
    tab.set_input_files('#image', tmp_path / 'huge.png')
    tab.wait_for_selector('#status.wrong')
    assert '10000x10000 pixels' in tab.inner_text('#status') and not tab.is_visible('#save')
    assert all('400' in message for message in tab.wrong)  # Chromium logs the answer
    tab.wrong.clear()
