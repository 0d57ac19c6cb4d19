"""Tiny data sets of our own making in exactly the layouts in which the real ones are published."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

Json = dict[str, Any]


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), (200, 220, 240)).save(data, kind)
    return data.getvalue()


def put(file: Path, data: bytes | str | Any) -> Path:
    """`data` as a file: bytes and texts as they are, anything else as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, bytes):
        file.write_bytes(data)
    else:
        file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


# -- grounding


def screenspot(root: Path, *, version: str = "_v2") -> Path:
    """One sample a group: mobile, desktop and web by text and icon, each with the box from (100, 50) to (300, 150) of 1000x500 px."""
    folder = "screenspotv2_image" if version else "screenspot_imgs"
    for platform, source in (("mobile", "ios"), ("desktop", "macos"), ("web", "shop")):
        put(root / folder / f"{platform}.png", picture(1000, 500))
        samples = [
            {
                "img_filename": f"{platform}.png",
                "bbox": [100, 50, 200, 100],
                "instruction": f"press {kind}",
                "data_type": kind,
                "data_source": source,
            }
            for kind in ("text", "icon")
        ]
        put(root / f"screenspot_{platform}{version}.json", samples)
    return root


def screenspot_table(root: Path) -> Path:
    """The hub's parquet of ScreenSpot: corners as fractions, pictures inside."""
    rows = [
        {
            "file_name": "a.png",
            "bbox": [0.1, 0.1, 0.3, 0.3],
            "instruction": "press",
            "data_type": "icon",
            "data_source": "windows",
            "image": {"bytes": picture(1000, 500), "path": "a.png"},
        }
    ]
    return table(root / "data" / "test-00000-of-00001.parquet", rows, root)


def screenspot_pro(root: Path) -> Path:
    common = {"img_filename": "blender/a.png", "bbox": [1920, 1080, 1980, 1120], "img_size": [3840, 2160], "instruction_cn": "…"}
    where = {"application": "blender", "platform": "windows", "group": "Creative"}
    samples = [{"id": f"blender_{kind}", "ui_type": kind, "instruction": kind, **common, **where} for kind in ("text", "icon")]
    put(root / "annotations" / "blender_windows.json", samples)
    put(root / "images" / "blender" / "a.png", picture(384, 216))  # as large as its pixels would need is not needed
    return root


def osworld_g(root: Path) -> Path:
    common = {"image_path": "a.png", "image_size": [1000, 500]}
    samples = [
        {
            "id": "B-0",
            "box_type": "bbox",
            "box_coordinates": [100, 50, 200, 100],
            "GUI_types": ["Button"],
            "instruction": "press",
            **common,
        },
        # a triangle: (0, 0), (400, 0), (0, 400)
        {
            "id": "P-0",
            "box_type": "polygon",
            "box_coordinates": [0, 0, 400, 0, 0, 400],
            "GUI_types": ["Slider"],
            "instruction": "x",
            **common,
        },
        {
            "id": "R-0",
            "box_type": "refusal",
            "box_coordinates": [-1, -1, -1, -1],
            "GUI_types": ["/"],
            "instruction": "the unicorn",
            **common,
        },
    ]
    put(root / "benchmark" / "OSWorld-G.json", samples)
    put(root / "benchmark" / "OSWorld-G_refined.json", [{**sample, "instruction": "the blue one"} for sample in samples])
    put(root / "benchmark" / "buckets.json", {"element_recognition": ["Button", "Slider"], "fine_grained_manipulation": ["Slider"]})
    put(root / "benchmark" / "images" / "a.png", picture(1000, 500))
    return root


# -- episodes


def agentnet(root: Path) -> Path:
    steps = [("pyautogui.click(x=0.5, y=0.25)", "Click it."), ("pyautogui.write(message='hi')\npyautogui.press(keys=['enter'])", "Type.")]
    values = [{"code": code, "thought": "…", "observation": "…", "action": action, "last_step_correct": True} for code, action in steps]
    line = {
        "task_id": "t1",
        "instruction": "say hi",
        "task_completed": True,
        "traj": [{"index": number, "image": f"t1_{number}.png", "value": value} for number, value in enumerate(values)],
    }
    put(root / "agentnet_ubuntu_5k.jsonl", json.dumps(line) + "\n")
    for number in range(2):
        put(root / "ubuntu_images" / f"t1_{number}.png", picture(1280, 720))
    return root


def mind2web_rows() -> list[Json]:
    """Task a: click in a box, type into a box; task b: select, and a step without a positive candidate. Pages are 1280x2000 px."""
    return [
        *(mind2web_row("a", 0, "CLICK", "", "128,200,256,100"), mind2web_row("a", 1, "TYPE", "New York", "640,1000,64,20")),
        *(mind2web_row("b", 0, "SELECT", "2", "0,0,128,200", "1152,0,128,200"), mind2web_row("b", 1, "CLICK", "")),
    ]


def mind2web_row(task: str, index: int, operation: str, value: str, *boxes: str) -> Json:
    candidates = [
        json.dumps({"tag": "a", "backend_node_id": str(n), "attributes": json.dumps({"backend_node_id": str(n), "bounding_box_rect": box})})
        for n, box in enumerate(boxes)
    ]
    return {
        "action_uid": f"{task}{index}",
        "raw_html": "<html/>",
        "cleaned_html": "<html/>",
        "operation": json.dumps({"original_op": operation, "value": value, "op": operation}),
        "pos_candidates": candidates,
        "neg_candidates": ["{}"],
        "website": "united",
        "domain": "Travel",
        "subdomain": "Airlines",
        "annotation_id": task,
        "confirmed_task": f"task {task}",
        "screenshot": {"bytes": picture(1280, 2000, "JPEG"), "path": None},
        "action_reprs": ["[heading]  CAR -> CLICK"],
        "target_action_index": str(index),
        "target_action_reprs": "[heading]  CAR -> CLICK",
    }


def mind2web(root: Path) -> Path:
    rows = mind2web_rows()
    table(root / "data" / "test_task-00000-of-00001-aa.parquet", list(reversed(rows[:2])), root)
    table(root / "data" / "test_website-00000-of-00001-bb.parquet", rows[2:], root)
    return table(root / "data" / "train-00000-of-00001-cc.parquet", [mind2web_row("c", 0, "CLICK", "", "0,0,9,9")], root)


def table(file: Path, rows: Sequence[Json], root: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), file)
    return root


def odyssey_steps() -> list[Json]:
    return [
        {"action": "CLICK", "info": [[500, 300]], "sam2_bbox": [400, 280, 600, 320]},
        {"action": "LONG_PRESS", "info": [[100, 100]]},
        {"action": "SCROLL", "info": [[500, 800], [510, 200]]},
        {"action": "TEXT", "info": "New York"},
        {"action": "CLICK", "info": "KEY_HOME"},
        {"action": "CLICK", "info": "KEY_APPSELECT"},
        {"action": "COMPLETE", "info": ""},
    ]


def odyssey(root: Path) -> Path:
    for name, steps in (("0001", odyssey_steps()), ("0002", odyssey_steps()[:2])):
        told = [{"step": number, "screenshot": f"{name}_{number}.png", "ps": "", **step} for number, step in enumerate(steps)]
        episode = {
            "episode_id": name,
            "device_info": {"device_name": "Pixel Fold", "w": 1080, "h": 2400, "product": "p"},
            "task_info": {"category": "Web_Shopping", "instruction": "buy it", "task": "buy", "meta_task": "{}", "app": ["x"]},
            "step_length": len(steps),
            "steps": told,
        }
        put(root / "annotations" / f"{name}.json", episode)
        for number in range(len(steps)):
            put(root / "screenshots" / "data_0" / f"{name}_{number}.png", picture(108, 240))
    for split, test in (("random", ["0001.json", "0002.json"]), ("app", ["0002.json"]), ("task", []), ("device", [])):
        put(root / "splits" / f"{split}_split.json", {"train": [], "test": test})
    return root


# -- AndroidControl: TFRecords of protocol buffers, written here the other way round from how evaluation.datasets reads them


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A message with those fields: a number as a varint, bytes with their length."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            parts.append(varint(number << 3 | 2) + varint(len(value)) + value)
    return b"".join(parts)


def example(features: Mapping[str, Sequence[bytes] | Sequence[int]]) -> bytes:
    entries = []
    for name, values in features.items():
        if values and isinstance(values[0], int):
            feature = message((3, message((1, b"".join(varint(int(value)) for value in values)))))
        else:
            feature = message((1, message(*((1, bytes(value)) for value in values))))  # type: ignore[arg-type]
        entries.append((1, message((1, name.encode()), (2, feature))))
    return message((1, message(*entries)))


def record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", zlib.crc32(head)) + data + struct.pack("<I", zlib.crc32(data))


def node(left: int, top: int, right: int, bottom: int, *, clickable: bool = False, visible: bool = True) -> bytes:
    box = message((1, left), (2, top), (3, right), (4, bottom))
    return message((1, 7), (2, box), (3, b"android.widget.Button"), (14, int(clickable)), (23, int(visible)))


def forest(*nodes: bytes) -> bytes:
    window = message((1, message((3, 1080), (4, 2400))), (5, b"app"), (11, message(*((1, each) for each in nodes))))
    return message((1, window))


def android_actions() -> list[Json]:
    return [
        {"action_type": "open_app", "app_name": "Clock"},
        {"action_type": "click", "x": 540, "y": 1200},
        {"action_type": "click", "x": 100, "y": 2300},
        {"action_type": "input_text", "text": "7:30"},
        {"action_type": "scroll", "direction": "down"},
        {"action_type": "long_press", "x": 540, "y": 1200},
        {"action_type": "navigate_back"},
        {"action_type": "wait"},
    ]


def android_episode(episode_id: int) -> bytes:
    """The tree has a page, a clickable row from (0, 1100) to (1080, 1300) with a label in it, and an invisible button at the lower left."""
    actions = android_actions()
    tree = forest(
        *(node(0, 0, 1080, 2000), node(0, 1100, 1080, 1300, clickable=True), node(500, 1180, 580, 1220)),
        node(50, 2250, 150, 2350, clickable=True, visible=False),
    )
    return example(
        {
            "episode_id": [episode_id],
            "goal": [b"set an alarm"],
            "screenshots": [picture(108, 240)] * (len(actions) + 1),
            "accessibility_trees": [tree] * (len(actions) + 1),
            "screenshot_widths": [1080] * (len(actions) + 1),
            "screenshot_heights": [2400] * (len(actions) + 1),
            "actions": [json.dumps(action).encode() for action in actions],
            "step_instructions": [f"step {number}".encode() for number in range(len(actions))],
        }
    )


def androidcontrol(root: Path) -> Path:
    shards = [gzip.compress(b"".join(record(android_episode(episode)) for episode in ids)) for ids in ((11, 12), (13,))]
    for number, data in enumerate(shards):
        put(root / f"android_control-{number:05d}-of-00020", data)
    put(root / "splits.json", {"train": [12], "validation": [], "test": [11, 13]})
    put(root / "test_subsplits.json", {"IDD": [11], "app_unseen": [13], "task_unseen": [13], "category_unseen": []})
    return root
