"""Names for those who hear the page: whatever chooses has one that says what is chosen."""

import gradio as gr
import pytest
from playwright.sync_api import expect

from app.build import build
from app.server.access import Access
from tests.app.browsing import opened


def test_whatever_hides_its_label_has_one_of_its_own(engine):
    blocks = build(engine, Access(loopback=True, password=False, default="small"))
    widgets = [block for block in blocks.blocks.values() if not isinstance(block, gr.HTML | gr.Markdown)]
    hidden = [block for block in widgets if getattr(block, "show_label", True) is False]
    assert hidden, "or this test would pass on nothing"
    assert [block.elem_id for block in hidden if not block.label or block.label == type(block).__name__] == []


@pytest.mark.slow
def test_groups_of_choices_are_found_by_what_they_choose(browser, served):
    with opened(browser, served[0]) as page:
        page.get_by_role("radiogroup", name="View", exact=True).get_by_role("radio", name="Norms").check(force=True)
        expect(page.locator("#facts")).to_contain_text("medians")
        for tab in ("match", "search", "map", "compare", "video"):
            page.locator(f"#tab-{tab}-button").click()
            group = page.locator("fieldset:visible").first
            group.wait_for()
            expect(group).to_have_attribute("role", "radiogroup")
            nameless = "all => all.filter((one) => !one.getAttribute('aria-label')).length"
            assert page.locator("fieldset:visible").evaluate_all(nameless) == 0
            assert page.get_by_role("radiogroup", name="Radio").count() == 0
