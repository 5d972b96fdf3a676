"""What chat frontends send, put together by hand from the parts that tell their errands apart."""

from __future__ import annotations

__all__ = ["completion_title", "openwebui_errand", "pieces_of", "question_with_documents"]

import json

_FORMS = {
    "title": 'JSON format: { "title": "your concise title here" }',
    "tags": 'JSON format: { "tags": ["tag1", "tag2", "tag3"] }',
    "follow_ups": 'JSON format: { "follow_ups": ["Question 1?", "Question 2?", "Question 3?"] }',
    "queries": 'Strictly return in JSON format: \n{\n  "queries": ["query1", "query2"]\n}',
    "autocomplete": '- Respond only in JSON format: `{ "text": "<your_completion>" }`.',
    "image_prompt": 'JSON format:\n{\n    "prompt": "Your detailed description here."\n}',
}


def openwebui_errand(kind, talk):
    """The one message of an errand of Open WebUI; `talk` is (who, what) of each turn."""
    said = "\n".join(f"{who.upper()}: {text}" for who, text in talk)
    return (
        f"### Task:\nDo the errand.\n### Guidelines:\n- Be brief.\n### Output:\n{_FORMS[kind]}\n"
        f"### Chat History:\n<chat_history>\n{said}\n</chat_history>"
    )


def question_with_documents(question):
    """A question as Open WebUI puts it behind documents that a user has added."""
    return (
        "### Task:\nRespond to the user query using the provided context.\n"
        f"<context>\nNothing.\n</context>\n\n<user_query>\n{question}\n</user_query>"
    )


def completion_title(talk):
    """The prompt by which LibreChat asks for a title."""
    said = "\n".join(f"{who}: {text}" for who, text in talk)
    return (
        "Provide a concise, 5-word-or-less title for the conversation, using its same language, "
        "with no punctuation. Never directly mention the language name or the word "
        f'"title" and only return the title itself.\n\nConversation:\n{said}'
    )


def pieces_of(response):
    """The data of a stream, taken apart; comments are left out."""
    lines = [line for line in response.text.split("\n") if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
