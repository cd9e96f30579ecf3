"""The Emergence tab: a training run to scrub through, and one to start on one's own pictures."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.emergence.figures import of_run
from app.emergence.timelines import Named, is_over, look_at_run, shipped_prop, silence, state_of, timeline_prop
from app.emergence.training import STEPS, USUAL_STEPS, Progress, Trainer
from app.emergence.words import LESSON, SEE, TRAIN_LIMITS, TRY
from app.page import modules, sentences
from app.page.figures import FigureFold
from app.page.figures import lay_out as lay_out_figures
from app.page.model_panel import taken
from app.page.shared import Fitted, Shared, Tab
from app.page.wiring import HEAVY, answer, any_of, stops
from app.server.jobs import duration
from app.server.latest import Latest
from app.server.session import Tray
from app.server.uploads import GALLERY
from core import RequestError
from core.templates import html
from core.wording import counted

TICK_S = 2.0
"""Between two looks at a run that still trains."""
SHOWN_EVERY_S = 1.0
"""While many snapshots are looked at for the first time, how often those that are ready are shown."""
MOST_PICTURES = 8
IDLE = {"timeline": gr.HTML(busy=False)}
ALIVE = "It may still be training: new steps appear by themselves."
OVER = "It has trained all its steps."
STOPPED = "It was stopped; <i>Go on</i> continues it."
SILENT = "It wrote nothing for {}, so it seems to have stopped and is not watched any longer. Once it goes on, open it again."
GONE = "Nothing is left of it on the disk; what was seen of it stays here."


@dataclass(frozen=True)
class Emergence:
    """The tab's widgets."""

    timeline: gr.HTML
    shipped: gr.Button
    path: gr.Textbox
    open_run: gr.Button
    note: gr.HTML
    steps: gr.Slider
    folder: gr.Textbox
    start: gr.Button
    stop: gr.Button
    resume: gr.Button
    use: gr.Button
    progress: gr.HTML
    timer: gr.Timer
    curves: FigureFold


def add(shared: Shared) -> "EmergenceEvents":
    """The tab laid out and wired."""
    events = EmergenceEvents(shared, lay_out(shared.access.own), Trainer(), gr.State(""), gr.State(()))
    events.wire()
    return events


def timeline_component(elem_id: str = "timeline") -> gr.HTML:
    """The same pictures at every step of a training run, with the curves of its scores. See `app.emergence.timelines`."""
    return modules.component("emergence/timeline.js", elem_id, timeline={}, busy=False)


def lay_out(own: bool) -> Emergence:
    """The tab's widgets; without `own`, runs of the server's disk are out of reach and none can be started."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    timeline = timeline_component()
    curves = lay_out_figures("The curves as figures", "curves")
    note = gr.HTML(elem_id="run-note", elem_classes="hint")
    shipped = gr.Button("Back to the shipped run", size="sm", visible=False, elem_id="run-shipped")
    with gr.Row(elem_classes="runs", visible=own):
        with gr.Accordion("Train on my pictures", open=False, elem_id="train-fold"):
            gr.Markdown(TRAIN_LIMITS, elem_classes="hint")
            steps = Fitted(
                *STEPS, value=USUAL_STEPS, step=10, label="Steps", info="200 take a minute or two", buttons=[],
                elem_id="train-steps",
            )  # fmt: skip
            folder = gr.Textbox(
                label="Folder on this machine", info="instead of the tray's pictures", max_lines=1,
                placeholder="its path", elem_id="train-folder",
            )  # fmt: skip
            start = gr.Button("Start", variant="primary", size="sm", elem_id="train-start")
            progress = gr.HTML(elem_id="train-progress")
            with gr.Row():
                stop = gr.Button("Stop", size="sm", visible=False, elem_id="train-stop", min_width=80)
                resume = gr.Button("Go on", size="sm", visible=False, elem_id="train-resume", min_width=80)
                use = gr.Button("Use as model", size="sm", visible=False, elem_id="train-use", min_width=110)
        with gr.Accordion("Open a run folder", open=False, elem_id="run-fold"):
            path = gr.Textbox(
                label="Run folder", info="of python -m train.pretrain, also while it trains", max_lines=1,
                placeholder="its path", elem_id="run-path",
            )  # fmt: skip
            open_run = gr.Button("Open", size="sm", elem_id="run-open")
    with gr.Accordion("What am I seeing?", open=False, elem_id="emergence-lesson", elem_classes="half-page"):
        gr.Markdown(LESSON)
    timer = gr.Timer(TICK_S, active=False)
    return Emergence(
        timeline, shipped, path, open_run, note, steps, folder, start, stop, resume, use, progress, timer, curves
    )


@dataclass(frozen=True)
class EmergenceEvents:
    """The wiring of the tab. `source` is the run folder that is shown, "" the shipped timeline; `sent` what of it."""

    shared: Shared
    tab: Emergence
    trainer: Trainer
    source: gr.State
    sent: gr.State

    def wire(self) -> None:
        tab, tray = self.tab, self.shared.inputs("tray")
        self.refresh(self.shared.due["Emergence"].change)
        asked = any_of([tab.open_run.click, tab.path.submit])
        self.refresh(answer(asked, self.opened, {"path": tab.path}, {"source": self.source}).success)
        back = answer(tab.shipped.click, lambda: {"source": ""}, {}, {"source": self.source})
        self.refresh(back.then)
        controls = self.controls | {"source": self.source}
        started = answer(
            tab.start.click, self.start, tray | {"steps": tab.steps, "folder": tab.folder}, controls, **HEAVY
        )
        self.refresh(started.success)
        stops(tab.stop, self.stop, {}, controls, "train-progress")
        resumed = answer(tab.resume.click, self.resume, {}, controls, **HEAVY)
        self.refresh(resumed.success)
        tab.curves.wire(of_run, {"source": self.source}, self.sent)
        noted = self.controls | {"note": tab.note}
        ticked = answer(tab.timer.tick, self.tick, {"source": self.source}, noted, unless=self.latest)
        self.refresh(ticked.then)
        using = answer(tab.use.click, self.use, {}, self.shared.fitted | {"model": self.shared.model}, **HEAVY)
        self.shared.adopt(using.success)

    @property
    def latest(self) -> Latest:
        """Of what is shown: a look at a run takes seconds, and another one may be chosen meanwhile."""
        return self.shared.engine.latest["Emergence"]

    @property
    def controls(self) -> dict[str, gr.components.Component]:
        names = ("progress", "start", "stop", "resume", "use", "timer")
        return {name: getattr(self.tab, name) for name in names}

    def refresh(self, trigger) -> None:
        """Show what is new: `refresh(event.then)`."""
        inputs = self.shared.inputs("tray") | {"source": self.source, "sent": self.sent}
        outputs = {name: getattr(self.tab, name) for name in ("timeline", "note", "shipped", "timer")}
        outputs["sent"] = self.sent
        answer(trigger, self.show, inputs, outputs, latest=self.latest, idle=IDLE, trigger_mode="once", **HEAVY)

    def opened(self, path: str, request: gr.Request) -> dict:
        """A run folder that this visitor may see becomes what is shown."""
        name = (path or "").strip()
        if not name:
            raise RequestError("Type the path of a run folder: what --out of python -m train.pretrain named.")
        self.shared.access.check(name, dict(request.headers))
        run = Path(name).expanduser()
        if not state_of(run)[0]:
            raise RequestError(f"{name} holds no snapshots; give the folder that --out of train.pretrain named.")
        return {"source": str(run)}

    def show(self, tray: Tray, source: str, sent: tuple) -> Iterator[dict]:
        """The timeline, where there is something new in it: for a run, step after step as they are looked at."""
        if not source:
            if sent != ("shipped",):
                first = {"note": "", "shipped": gr.update(visible=False), "sent": ("shipped",)}
                yield first | {"timeline": gr.HTML(timeline=shipped_prop(self.shared.engine.painted), busy=False)}
            else:
                yield {}  # a generator that yields nothing empties what it could have filled
            return
        run, chosen = Path(source), tray.chosen[:MOST_PICTURES]
        digests = tuple(picture.digest for picture in chosen)
        now = (source, digests, state_of(run))
        if sent == now or not now[2][0]:
            yield {}
            return
        # from here on the page no longer shows what was sent, also where this look comes to no end
        yield {"timeline": gr.HTML(busy=True), "shipped": gr.update(visible=True), "sent": ()}
        yield from self._looked_at(tray, run, now)

    def _looked_at(self, tray: Tray, run: Path, now: tuple) -> Iterator[dict]:
        engine, chosen = self.shared.engine, tray.chosen[:MOST_PICTURES]
        pictures = [Named(one.name, item) for one, item in zip(chosen, engine.items(tray, chosen), strict=True)]
        identity, due = f"{now[0]} {now[1]}", time.monotonic() + SHOWN_EVERY_S
        for timeline in look_at_run(engine.painted, run, pictures):
            if time.monotonic() > due:
                due = time.monotonic() + SHOWN_EVERY_S
                yield {
                    "timeline": gr.HTML(timeline=timeline_prop(identity, timeline)),
                    "note": f"Looked at {len(timeline.moments)} of {len(now[2][0])} steps …",
                }
        note, live = self.standing(run)
        yield {
            "timeline": gr.HTML(timeline=timeline_prop(identity, timeline), busy=False),
            "note": note,
            "sent": now,
            # one tick tells what can be done with a training of this server, also after it has ended
            "timer": gr.Timer(active=live or self._is_ours(run)),
        }

    def start(self, tray: Tray, steps: float, folder: str, request: gr.Request) -> dict:
        """Train on the tray's pictures, or on a folder."""
        engine, named = self.shared.engine, (folder or "").strip()
        self.shared.access.check(named or "a training", dict(request.headers))
        files = [
            (picture.name, engine.library.read(GALLERY if picture.sample else tray.visitor, picture.digest))
            for picture in tray.pictures
        ]
        run = self.trainer.start(int(steps), files, Path(named).expanduser() if named else None)
        return {"source": str(run)} | self.standing_of_training()

    def stop(self, request: gr.Request) -> dict:
        self.shared.access.check("a training", dict(request.headers))
        self.trainer.stop()
        return self.standing_of_training()  # the timer tells when it has ended

    def resume(self, request: gr.Request) -> dict:
        self.shared.access.check("a training", dict(request.headers))
        return {"source": str(self.trainer.resume())} | self.standing_of_training()

    def tick(self, source: str) -> dict:
        """News of the training, and of the run that is shown: one that seems to have ended is let alone."""
        progress = self.trainer.progress()
        training = progress is not None and progress.running
        note, live = self.standing(Path(source)) if source else ("", False)
        said = {"note": note} if source and not live else {}
        return self.standing_of_training() | said | {"timer": gr.Timer(active=live or training)}

    def use(self, request: gr.Request) -> dict:
        """The trained network as this visitor's model."""
        run = str(self._known().run)
        self.shared.access.check(run, dict(request.headers))
        return taken(self.shared, run, self.shared.engine.models.get(run), request)

    def standing_of_training(self) -> dict:
        """The training as it is now, and what can be done about it."""
        progress = self.trainer.progress()
        if progress is None:
            return {}
        usable = progress.step > 0 and (progress.run / "backbone.safetensors").is_file()
        return {
            "progress": bar_of(progress),
            "start": gr.update(interactive=not progress.running),
            "stop": gr.update(visible=progress.running and not progress.stopping),
            "resume": gr.update(visible=not progress.running and not progress.over and not progress.problem),
            "use": gr.update(visible=usable and not progress.running),
            **({"timer": gr.Timer(active=True)} if progress.running else {}),
        }

    def standing(self, run: Path) -> tuple[str, bool]:
        """The state of a run as HTML, and whether there may be news of it."""
        progress = self.trainer.progress()
        ours = progress is not None and progress.run == run
        over, still = is_over(run), None if ours else silence(run)
        # a process that has written its last word still has to end before its model can be used
        live = progress.running if progress and ours else not over and still is None
        if over:
            words = OVER
        elif live:
            words = ALIVE
        elif ours:
            words = STOPPED
        else:
            words = SILENT.format(sentences.lapse(still)) if still and math.isfinite(still) else GONE
        return html("{{ run }}. {{ words | safe }}", run=run, words=words), live

    def _is_ours(self, run: Path) -> bool:
        progress = self.trainer.progress()
        return progress is not None and progress.run == run

    def _known(self) -> Progress:
        progress = self.trainer.progress()
        if progress is None:
            raise RequestError("Nothing has been trained here yet; start a training first.")
        return progress


def bar_of(progress: Progress) -> str:
    """A bar and a sentence, as HTML."""
    if progress.problem:
        return html(
            '<p class="train-words" role="status"><b>That did not work.</b> {{ problem }}</p>', problem=progress.problem
        )
    part = 100 * progress.step / progress.steps
    loss = f" · loss {progress.loss:.2f}" if progress.loss is not None else ""
    left = f" · about {duration(1000 * progress.seconds_left)} left" if progress.seconds_left else ""
    if progress.over:
        state = f"Trained {counted(progress.steps, 'step')}{loss}. The run lies in {progress.run}; copy it to keep it."
    elif progress.stopping:
        state = f"Stopping after step {progress.step} of {progress.steps}: what was learnt is being saved …"
    elif not progress.running:
        state = (
            f"Stopped after step {progress.step} of {progress.steps}{loss}. Nothing is lost: go on whenever you like."
        )
    elif not progress.step:
        state = "Starting: a network is drawn at random …"
    else:
        state = f"Step {progress.step} of {progress.steps}{loss}{left}"
    return html(
        '<div class="train-bar"><i style="width:{{ part }}%"></i></div><p class="train-words" role="status">{{ state }}</p>',
        part=round(part),
        state=state,
    )


TAB = Tab("Emergence", add)
