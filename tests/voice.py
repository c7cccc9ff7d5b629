"""A voice for tests: all it says is the same sound of two seconds."""

from dataclasses import replace

from engine.core.ivr import Ivr, Prompt
from engine.core.request import Limits

LIMITS = Limits(ring_seconds=30, max_talk_seconds=7200)


class Voice:
    """Speaks at once, and keeps what it was asked to say."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def spoken(self, ivr: Ivr) -> Ivr:
        return replace(
            ivr, steps=tuple([replace(step, prompt=await self.said(step.prompt.text)) for step in ivr.steps])
        )

    async def said(self, text: str) -> Prompt:
        self.texts.append(text)
        return Prompt(media=f"sound:/said/{len(self.texts)}", seconds=2.0, text=text)
