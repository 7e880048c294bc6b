"""A real browser for the tests marked `browser`; skipped where none is found."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from catalog import catalogue, snapshot


def chromium() -> str | None:
    """Return Chromium's path: `CRO_CHROMIUM`, else the first one on the PATH."""
    return os.environ.get("CRO_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None
    )


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: install it, or name it in CRO_CHROMIUM")
    # Playwright's own loop runs in this thread; the ORM is called beside it, never
    # inside a coroutine.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _no_index_of_another_test(settings, tmp_path):
    """Rows made by a factory raise no version: no index may outlive its test."""
    settings.VAR_DIR = tmp_path
    catalogue.forget()
    snapshot.forget()


@pytest.fixture
def open_page(browser, live_server):
    """Open a path of the live server: `open_page("/", width=390, scheme="dark")`.

    The page fails the test when a script fails or an address is missing.
    """
    contexts = []
    faults = []

    def open_(path, *, width=1280, scheme="light", javascript=True, cookies=()):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_cookies(
            [{"name": n, "value": v, "url": live_server.url} for n, v in cookies]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text) if message.type == "error" else None
            ),
        )
        page.goto(live_server.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def session_of(client):
    """Return the cookies of a signed-in person, for `open_page(cookies=…)`."""

    def cookies(user):
        client.force_login(user)
        return [("sessionid", client.cookies["sessionid"].value)]

    return cookies
