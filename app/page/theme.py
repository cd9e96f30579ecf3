"""The app's looks: system fonts, quiet greys, one deep teal, in light and dark."""

import gradio as gr

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONOSPACE = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

_COLOURS = {
    # name: (light, dark)
    "ground": ("#fafaf9", "#111413"),
    "panel": ("#ffffff", "#191d1c"),
    "ink": ("#1c2422", "#e7ebe9"),
    "muted": ("#5d6b67", "#9aa8a3"),
    "line": ("#e2e6e4", "#2c3331"),
    "accent": ("#0f766e", "#2dd4bf"),
}


def variables() -> str:
    """The CSS variables `--dino-*`, which every style sheet of the app takes its colours from."""
    light, dark = (" ".join(f"--dino-{name}: {pair[shade]};" for name, pair in _COLOURS.items()) for shade in (0, 1))
    return f":root {{ {light} color-scheme: light; }}\n.dark {{ {dark} color-scheme: dark; }}\n"


def theme() -> gr.themes.Base:
    """The Gradio theme. Fonts are named, never fetched: nothing on the page comes from another host."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        text_size=gr.themes.sizes.text_sm,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        font=_FONTS,
        font_mono=_MONOSPACE,
    )
    own = {
        "body_background_fill": "ground",
        "body_text_color": "ink",
        "body_text_color_subdued": "muted",
        "background_fill_primary": "panel",
        "background_fill_secondary": "ground",
        "border_color_primary": "line",
        "block_background_fill": "panel",
        "block_border_color": "line",
        "block_label_text_color": "muted",
        "block_label_background_fill": "panel",
        "block_title_text_color": "ink",
        "block_info_text_color": "muted",
        "input_background_fill": "panel",
        "input_border_color": "line",
        "slider_color": "accent",
        "color_accent": "accent",
        "button_primary_background_fill": "accent",
        "button_primary_text_color": "panel",
        "button_secondary_background_fill": "panel",
        "button_secondary_border_color": "line",
        "button_secondary_text_color": "ink",
        "checkbox_label_background_fill": "panel",
        "checkbox_label_border_color": "line",
        "checkbox_background_color_selected": "accent",
        "link_text_color": "accent",
        "loader_color": "accent",
    }
    paired = {name: f"var(--dino-{colour})" for name, colour in own.items()}
    twins = ("color_accent",)  # the one that has no dark form of its own
    dark = {f"{name}_dark": value for name, value in paired.items() if name not in twins}
    return base.set(**paired, **dark, block_shadow="none", block_shadow_dark="none", block_border_width="1px")
