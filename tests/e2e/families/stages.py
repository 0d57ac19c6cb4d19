"""The stages of the whole way: act on a task, serve over HTTP, fine-tune on what was recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actions.geometry import Point
from actions.space import Click, Prediction
from agent.agent import Agent
from agent.computers.miniwob import MiniWob
from agent.context import dialect_of, frame_of
from agent.episode import Episode
from agent.limits import Limits
from agent.policy import ModelPolicy
from inference.engines.base import Engine
from inference.engines.scripted import ScriptedEngine
from inference.families import Family
from tests.training.processes import options
from training.data.prepare import Order, prepare
from training.trainer.config import read_config
from training.trainer.journal import read_metrics
from training.trainer.trainer import Trainer
from training.trainer.world import joined_world

TASK, SEED = "click-test", 3
BUTTON_JS = "() => { const b = document.getElementById('subbtn').getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }"


def act(page: MiniWob, engine: Engine, family: Family, episodes: Path) -> Episode:
    """One step of the agent's own loop on the task."""
    instruction = page.open(TASK, SEED)
    return Agent(page, ModelPolicy(engine, family), limits=Limits(steps=1, errors=1), episodes_dir=episodes).run(instruction)


def show(page: MiniWob, family: Family, episodes: Path) -> Episode:
    """The same by somebody who knows where the button is and says it in the family's words."""
    page.open(TASK, SEED)
    x, y = page.evaluate(BUTTON_JS)
    click = Prediction(thought="Press it.", actions=(Click(point=Point(x / 160, (y - 50) / 160)),))
    said = dialect_of(family).format(click, frame_of(page.screenshot()))
    return act(page, ScriptedEngine([said]), family, episodes)


def fine_tune(model: Path, family: Family, episodes: Path, root: Path, steps: int) -> list[float]:
    """`steps` steps on the packed `episodes`; the model lands in `root/run/model`. Returns the losses."""
    prepare(Order(sources=(episodes,), model=model, out=root / "set"), family, tell=lambda _: None)
    run = {
        "model": model,
        "out": root / "run",
        "data.folder": root / "set",
        "data.pack_length": 2048,
        "data.packs_per_step": 1,
        "data.workers": 0,
        "data.held_out": 0,
        "steps": steps,
        "optimizer.learning_rate": 5e-3,
        "schedule.name": "constant",
        "watch.every": 0,
        "watch.tensorboard": False,
    }
    config = read_config(None, options(run))
    with joined_world("cpu") as world:
        Trainer(config, world, quiet=True).run()
    return [row["loss"] for row in read_metrics(root / "run" / "metrics.jsonl") if "loss" in row]


@contextmanager
def served_embedded(model: Path, family: Family) -> Iterator[str]:
    """The base URL of our server with the embedded engine, in a thread of this process."""
    import uvicorn

    from inference.serving.engine import BatchingEngine
    from server.app import create_app
    from server.backends.embedded import EmbeddedBackend
    from server.metrics import ServerMetrics
    from server.pictures import PictureBook
    from server.run import listen, url_of
    from server.settings import Access, Limits, ServerSettings

    settings = ServerSettings(access=Access(), limits=Limits())
    pictures, metrics = PictureBook(settings.limits, settings.access), ServerMetrics()
    engine = BatchingEngine(model, device="cpu", min_pixels=family.image.min_pixels, max_pixels=family.image.max_pixels)
    backend = EmbeddedBackend(engine, pictures, metrics)
    app = create_app(backend, family, settings, pictures=pictures, metrics=metrics)
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"{url_of(listener)}/v1"
    finally:
        server.should_exit = True
        thread.join()
