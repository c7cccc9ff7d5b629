"""The IVRs of an account as applied, as what a call is led through."""

from collections.abc import Mapping
from typing import Any

from engine.core.account import Announcement
from engine.core.ivr import Choice, Ivr, Prompt, Step

Body = Mapping[str, Any]


def ivrs(bodies: Mapping[str, Body], announcements: Mapping[str, Announcement]) -> dict[str, Ivr]:
    """The IVRs by their ids; one whose announcement is not there is none."""
    return {
        ivr_id: _ivr(ivr_id, body, announcements)
        for ivr_id, body in bodies.items()
        if _announced(body) <= announcements.keys()
    }


def _announced(body: Body) -> set[str]:
    named = {step[name] for step in body["step"] for name in ("announcement", "wrong_announcement")}
    return {each for each in named if each is not None}


def _ivr(ivr_id: str, body: Body, announcements: Mapping[str, Announcement]) -> Ivr:
    return Ivr(
        ivr_id=ivr_id,
        steps=tuple(_step(step, announcements) for step in body["step"]),
        voice=body["voice"],
        language_code=body["language_code"],
    )


def _step(body: Body, announcements: Mapping[str, Announcement]) -> Step:
    prompt = _prompt(body["text"], body["announcement"], announcements)
    assert prompt is not None  # apply has seen to it
    return Step(
        name=body["id"],
        prompt=prompt,
        keys={key: _choice(choice) for key, choice in body["keys"].items()},
        timeout_seconds=body["timeout_seconds"],
        times=body["tries"],
        wrong=_prompt(body["wrong_text"], body["wrong_announcement"], announcements),
        otherwise=_choice(body["otherwise"]),
    )


def _prompt(text: str | None, announcement: str | None, announcements: Mapping[str, Announcement]) -> Prompt | None:
    if announcement is not None:
        found = announcements[announcement]
        return Prompt(media=found.media, seconds=found.seconds)
    return None if text is None else Prompt(text=text)


def _choice(body: Body) -> Choice:
    answer = body["answer"]
    if body["go_to"] is not None:
        return Choice(then="go_to", to=body["go_to"], answer=answer)
    if body["transfer"] is not None:
        return Choice(then="transfer", to=body["transfer"], answer=answer)
    if body["repeat"]:
        return Choice(then="repeat", answer=answer)
    return Choice(then="hang_up" if body["hangup"] else "next", answer=answer)
