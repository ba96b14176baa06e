"""The browser in which tests open pages: Chromium without a window, driven by its own driver."""

import os
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

REQUIRED = "QUORATE_REQUIRE_BROWSER"
SIZE = (1440, 900)


def none_found():
    """Skips the test, or fails it where a browser is required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"no chromium with chromedriver found although {REQUIRED}=1: run tests/browser/fetch")
    pytest.skip("no chromium with chromedriver found: run tests/browser/fetch, or put both on PATH")


def open_browser(chromium, driver):
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its sandbox to root
    for argument in arguments:
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    resize(browser, *SIZE)
    browser.set_script_timeout(60)
    return browser


def resize(browser, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(browser, scheme):
    """Lets the browser ask for pages in a "light" or a "dark" colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests, since it takes a second to start."""
    chromium = shutil.which("chromium")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        none_found()
    opened = open_browser(chromium, driver)
    yield opened
    opened.quit()
