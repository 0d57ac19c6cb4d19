"""What stands beside OpenCUA's weights, so that transformers and vLLM read the folder: tokenizer, chat template, configuration's code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from inference.models.kimi_vl.tokens import VOCABULARY_FILE, load_tokenizer

CODE = "configuration_opencua"
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}<|im_system|>"
    "{%- elif message['role'] == 'user' -%}<|im_user|>"
    "{%- elif message['role'] == 'assistant' -%}<|im_assistant|>{%- endif -%}"
    "{{- message['role'] -}}<|im_middle|>"
    "{%- if message['content'] is string -%}{{- message['content'] -}}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}"
    "<|media_begin|>image<|media_content|><|media_placeholder|><|media_end|>"
    "{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "<|im_end|>"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}"
)


def write_companions(folder: Path, *, tokenizer: Any = None) -> None:
    """Write to `folder`, which has its `config.json`, all but weights and picture settings.

    Without `tokenizer`, a published `tiktoken.model` in `folder` becomes `tokenizer.json`; the published configuration's code is replaced
    by ours, which needs nothing but transformers.
    """
    if tokenizer is None and not (folder / "tokenizer.json").is_file() and (folder / VOCABULARY_FILE).is_file():
        tokenizer = load_tokenizer(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    shutil.copyfile(Path(__file__).parent / f"{CODE}.py", folder / f"{CODE}.py")
    file = folder / "config.json"
    config = json.loads(file.read_text()) | {"auto_map": {"AutoConfig": f"{CODE}.OpenCUAConfig"}}
    file.write_text(json.dumps(config, indent=2) + "\n")
