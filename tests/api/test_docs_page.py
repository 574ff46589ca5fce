"""The page at /docs in a real browser: it loads, one can log in there and try a request."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest
from client import PASSWORD, Api, Session, fresh_name
from troupe_server import Server

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support import expected_conditions as expected  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

SCREENSHOTS = pathlib.Path(__file__).resolve().parents[2] / ".local" / "screenshots"


@pytest.fixture(autouse=True)
def with_page(api: Api) -> None:
    """Builds with -DTROUPE_DOCS=OFF have none; ./dev builds always do."""
    if "has no documentation page" in api.client.get("/docs").text:
        pytest.skip("built without the page")


@pytest.fixture
def browser(tmp_path: pathlib.Path) -> Iterator:
    """Headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,1600",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(SCREENSHOTS / "docs.png"))
    driver.quit()


def test_one_can_authorize_and_try_a_request(browser, server: Server, api: Api) -> None:
    player = api.sign_up(fresh_name("browser"))
    wait = WebDriverWait(browser, 60)

    def click(selector: str, within=browser):
        found = wait.until(lambda _: within.find_element(By.CSS_SELECTOR, selector))
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        wait.until(expected.element_to_be_clickable(found)).click()

    browser.get(server.url + "/docs")
    wait.until(lambda _: len(browser.find_elements(By.CSS_SELECTOR, ".opblock")) >= 20)
    assert "Troupe" in browser.title

    click("button.authorize")
    dialog = wait.until(lambda _: browser.find_element(By.CSS_SELECTOR, ".modal-ux"))
    for name, value in (("username", player.name), ("password", PASSWORD)):
        field = dialog.find_element(
            By.CSS_SELECTOR, f"input[id*='{name}'], input[data-name='{name}']"
        )
        field.send_keys(value)
    click("button.authorize", dialog)
    wait.until(
        lambda _: any(one.text == "Logout" for one in dialog.find_elements(By.TAG_NAME, "button"))
    )
    click("button.btn-done", dialog)

    click("#operations-Players-readMe .opblock-summary-control")
    operation = browser.find_element(By.ID, "operations-Players-readMe")
    click("button.execute", operation)
    shown = wait.until(
        lambda _: operation.find_element(
            By.CSS_SELECTOR, ".live-responses-table tr.response td.response-col_status"
        )
    )
    wait.until(lambda _: shown.text.strip().startswith("200"))
    body = operation.find_element(
        By.CSS_SELECTOR, ".live-responses-table .highlight-code, .live-responses-table pre"
    )
    assert player.name in body.text

    # nothing came from elsewhere, and nothing was blocked
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert loaded
    assert [name for name in loaded if not name.startswith((server.url, "data:"))] == []
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_the_pages_files_are_served_with_a_policy(api: Api) -> None:
    page = api.client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/favicon-32x32.png"):
        file = api.client.get(path)
        assert file.status_code == 200
        assert len(file.content) > 500
    assert api.client.get("/docs/../app/main.cpp").status_code == 404
    assert api.client.get("/docs/%2e%2e/%2e%2e/etc/passwd").status_code == 404
