"""Chats of every kind that an engine is asked: with and without pictures, of several sizes and orders."""

from __future__ import annotations

from inference.engines.base import ChatRequest, Message
from tests.inference.picture import Picture

SIZES = [(320, 320), (333, 200), (1280, 720), (64, 90)]
PICTURES = [Picture.drawn(width, height, seed) for seed, (width, height) in enumerate(SIZES)]
SYSTEM = Message(role="system", content=("You see a screen.",))


def user(*content: str | Picture) -> Message:
    return Message(role="user", content=content)


def assistant(text: str) -> Message:
    return Message(role="assistant", content=(text,))


CHATS: dict[str, tuple[Message, ...]] = {
    "text only": (user("Say something."),),
    "picture first": (user(PICTURES[0], "Click the button."),),
    "text first": (SYSTEM, user("Click the button.", PICTURES[1])),
    "large picture": (user(PICTURES[2], "Where is it?"),),
    "small picture": (user(PICTURES[3], "Where is it?"),),
    "several pictures in one message": (user("First", PICTURES[1], "then", PICTURES[0], PICTURES[3], "what changed?"),),
    "a conversation": (
        SYSTEM,
        user("Task: log in"),
        user(PICTURES[0]),
        assistant("Thought: type\nAction: wait()"),
        user("It took a while.", PICTURES[1]),
    ),
    "the same picture twice": (user(PICTURES[0], "and", PICTURES[0]),),
}


def ask(*messages: Message, max_tokens: int = 24, **options: object) -> ChatRequest:
    return ChatRequest(messages=messages, max_tokens=max_tokens, **options)  # type: ignore[arg-type]
