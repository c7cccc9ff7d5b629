"""Twice a minute: what was to be spoken in calls that are over is dropped."""

import asyncio

from engine.leads.speech import LeadSpeech
from engine.switch import Switch
from engine.trouble import Trouble

EVERY_SECONDS = 30.0


async def run(speech: LeadSpeech, switch: Switch) -> None:
    """Drop what an engine that died has left, for ever; not before its calls are taken back."""
    unswept = Trouble("what was spoken in calls that are over can not be dropped")
    while True:
        if switch.ready:
            try:
                await speech.speeches.sweep(switch.speeches() | speech.held)
                await speech.prompts.sweep()
                unswept.is_over()
            except OSError as exc:
                unswept.goes_on(error=str(exc))
        await asyncio.sleep(EVERY_SECONDS)
