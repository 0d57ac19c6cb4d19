"""What goes wrong with a model server, in words that say how it is mended, and whether another try may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.engines.base import EngineError
from inference.engines.server_url import without_password
from inference.openai_wire import WireError, server_message

if TYPE_CHECKING:
    import httpx

BUSY = frozenset({408, 429, 500, 502, 503, 504})
MENDS = {
    401: "give a valid key by api_key or DEFTLY_API_KEY",
    403: "give a key that may use this model by api_key or DEFTLY_API_KEY",
    404: "check base_url (it usually ends in /v1) and model",
    413: "show fewer or smaller screenshots (history.images, image.max_pixels of the family)",
    429: "it gets more requests than it allows: try later",
}
# What vLLM says when it was started with limits that are too narrow for an episode.
HINTS = {
    "may be provided": "start vLLM with --limit-mm-per-prompt '{\"image\": N}', or lower history.images of the family",
    "context length": "start vLLM with a larger --max-model-len, or show less (history.images, history.max_steps of the family)",
    "longer than the maximum model length": "start vLLM with a larger --max-model-len, or show less (history.images of the family)",
    "not a multimodal model": "serve a vision-language model",
}


class Again(Exception):
    """A try failed in a way that another may not; `error` is what to say if none works, `pause` what the server asks to wait."""

    def __init__(self, error: EngineError, pause: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Trouble:
    """Of the server at `url`, which may be silent for `timeout` seconds."""

    url: str
    timeout: float

    def check(self, response: httpx.Response) -> None:
        """Raise what a bad status says."""
        if response.is_success:
            return
        response.read()
        retry_after = response.headers.get("retry-after", "")
        raise self.refusal(response.status_code, server_message(response.content), float(retry_after) if retry_after.isdigit() else 0.0)

    def refusal(self, status: int, message: str, pause: float = 0.0) -> EngineError | Again:
        """What a bad `status` means; `pause` is how many seconds the server asks to wait."""
        mend = next((mend for words, mend in HINTS.items() if words in message), MENDS.get(status, "see its log"))
        error = self.error(f"answered {status}: {message or 'nothing more'}", mend)
        return Again(error, pause) if status in BUSY else error

    @contextmanager
    def lost_connections(self) -> Iterator[None]:
        """What httpx raises, in words; what is worth another try as `Again`."""
        import httpx

        try:
            yield
        except httpx.ConnectError as error:
            raise Again(self.error(f"cannot be reached ({error})", "start it, or correct base_url")) from error
        except httpx.ReadTimeout as error:
            raise self.error(f"was silent for {self.timeout:g} s", "see whether it hangs, or raise timeout") from error
        except httpx.TransportError as error:
            raise Again(self.error(f"broke the connection ({error or type(error).__name__})", "see its log")) from error
        except (WireError, httpx.DecodingError) as error:
            raise self.error(f"sent {error}", "check that base_url is an OpenAI-compatible server's") from error

    def error(self, what: str, mend: str) -> EngineError:
        """`what` the server did, and how it is mended."""
        return EngineError(f"the model server at {without_password(self.url)} {what}: {mend}")
