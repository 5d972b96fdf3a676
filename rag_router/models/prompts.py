"""What a model reads: few-shot text for base models, the chat template for instructed ones.

The streams of a question carry the same worked examples; only the passages differ, so that what
the streams disagree about is due to the passages alone. In the one that may abstain every second
example is shown a passage that is beside the point, and abstains. Passages are data: each is one
numbered line (`as_data` removes line breaks, control characters and markup), so that no passage
can close its own line, begin a "Question:" of its own, or speak as another role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rag_router.artefacts import fingerprint_of
from rag_router.errors import QuestionError
from rag_router.models.base import CausalModel
from rag_router.text import as_data, sentence_spans
from rag_router.types import Passage

__all__ = [
    "ABSTENTION",
    "Inquiry",
    "Messages",
    "Prompt",
    "PromptStyle",
    "closed_book_prompt",
    "closed_book_text",
    "contextual_prompt",
    "inquiry_messages",
    "inquiry_prompt",
    "question_messages",
]


@dataclass(frozen=True, slots=True)
class Shot:
    """One worked example, with the passage that answers it."""

    title: str
    passage: str
    question: str
    answer: str


# Written for this project; none of them comes from a question set.
_SHOTS: Final = (
    Shot(
        "Aurora Bridge",
        "The Aurora Bridge was opened in 1932 and carries six lanes over Lake Union.",
        "when was the aurora bridge opened",
        "1932",
    ),
    Shot(
        "Marie Curie",
        "Marie Curie shared the 1903 prize in physics with her husband Pierre Curie.",
        "Who shared the 1903 physics prize with Marie Curie?",
        "Pierre Curie",
    ),
    Shot(
        "Honey",
        "Honey is made by bees, which collect nectar from flowers.",
        "what animal makes honey",
        "bees",
    ),
    Shot(
        "Lake Titicaca",
        "Lake Titicaca lies in the Andes on the border of Bolivia and Peru.",
        "On the border of which two countries does Lake Titicaca lie?",
        "Bolivia and Peru",
    ),
)

ABSTENTION: Final = "I don't know"
"""What a model is told to say where it is told to abstain."""

_INSTRUCTION: Final = "Answer each question with a few words."
_INSTRUCTION_PASSAGES: Final = "Answer each question with a few words from its passages."
_INSTRUCTION_ABSTAIN: Final = (
    f"{_INSTRUCTION_PASSAGES} Where they do not hold the answer, say: {ABSTENTION}"
)
# The example next to the question abstains, since the nearest one is followed most.
_ABSTAINING_SHOTS: Final = tuple(
    replace(shot, title=last.title, passage=last.passage, answer=ABSTENTION) if n % 2 else shot
    for n, (shot, last) in enumerate(zip(_SHOTS, (_SHOTS[-1], *_SHOTS), strict=False))
)
_MAX_QUESTION_TOKENS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt ready to be read.

    Attributes:
        ids: Token ids, with the begin token where the model wants one.
        stop: Strings that end the answer.
        cut: What had to be shortened to fit, in words; empty if nothing.
        shared: How many leading ids are the fixed beginning, instruction and worked examples:
            the same whatever is asked. 0 where the tokeniser does not end a token with it.
        shown: The passages that were given, in their order, as far as each is shown; None for
            one that is left out.
    """

    ids: tuple[int, ...]
    stop: tuple[str, ...]
    cut: tuple[str, ...] = ()
    shared: int = 0
    shown: tuple[Passage | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStyle:
    """How questions are put to a model.

    Args:
        form: "few_shot" for base models, "chat" for instructed ones.
        shots: Worked examples to show, 0 to 4.
        passage_tokens: Budget for all passages together.
        preface: What the model is told before anything else, line by line; what is learned of a
            model is learned without.
        shared_passages: Whether many questions are asked of the same passages, so that the
            passages count to the beginning that is read once; the prompt is the same.
    """

    form: Literal["few_shot", "chat"] = "few_shot"
    shots: int = 4
    passage_tokens: int = 700
    preface: str = ""
    shared_passages: bool = False

    @classmethod
    def of(cls, model: CausalModel, *, passage_tokens: int = 700) -> PromptStyle:
        """Return the style that fits the model."""
        form: Literal["few_shot", "chat"] = "chat" if model.is_chat else "few_shot"
        return cls(form=form, passage_tokens=passage_tokens)

    @property
    def fingerprint(self) -> str:
        """sha256 of everything that is fixed in the closed-book prompt.

        What is learned about a model is learned about it *under this prompt*.
        """
        return fingerprint_of(self.form, str(self.shots), self._closed_text("{question}"))

    @property
    def contextual_fingerprint(self) -> str:
        """sha256 of everything that is fixed in the prompt with passages."""
        passage = Passage(id="", title="{title}", text="{text}")
        return fingerprint_of(self.fingerprint, self._contextual_text("{question}", [passage]))

    def example(self, *, passages: bool = False) -> str:
        """Return the prompt's text with names in place of question and passage, for manifests."""
        shown = [Passage(id="", title="{title}", text="{text}")] if passages else []
        if self.form == "chat":
            return "\n".join(
                f"{one['role']}: {one['content']}" for one in self._messages("{question}", shown)
            )
        if passages:
            return self._contextual_text("{question}", shown)
        return self._closed_text("{question}")

    @property
    def _before(self) -> str:
        """The preface, which can neither speak as another role nor close a block of its own."""
        lines = "\n".join(filter(None, map(as_data, self.preface.splitlines())))
        return f"{lines}\n\n" if lines else ""

    def _closed_head(self) -> str:
        shots = "".join(
            f"Question: {shot.question}\nAnswer: {shot.answer}\n\n" for shot in _SHOTS[: self.shots]
        )
        return f"{self._before}{_INSTRUCTION}\n\n{shots}"

    def _closed_text(self, question: str) -> str:
        return f"{self._closed_head()}Question: {question}\nAnswer:"

    def _contextual_head(self, *, abstain: bool = False) -> str:
        instruction, examples = _told(abstain)
        shots = "".join(
            f"{_line(1, shot.title, shot.passage)}\n"
            f"Question: {shot.question}\nAnswer: {shot.answer}\n\n"
            for shot in examples[: self.shots]
        )
        return f"{self._before}{instruction}\n\n{shots}"

    def _contextual_text(
        self, question: str, passages: Sequence[Passage], *, abstain: bool = False
    ) -> str:
        head = self._contextual_head(abstain=abstain)
        return f"{head}{self._lines(passages)}Question: {question}\nAnswer:"

    @staticmethod
    def _lines(passages: Sequence[Passage]) -> str:
        return "".join(f"{_line(n, p.title, p.text)}\n" for n, p in enumerate(passages, start=1))

    def _messages(
        self, question: str, passages: Sequence[Passage], *, abstain: bool = False
    ) -> list[dict[str, str]]:
        instruction, examples = _told(abstain) if passages else (_INSTRUCTION, _SHOTS)
        messages = [{"role": "system", "content": f"{self._before}{instruction}"}]
        for shot in examples[: self.shots]:
            shown = f"{_line(1, shot.title, shot.passage)}\n" if passages else ""
            messages.append({"role": "user", "content": f"{shown}Question: {shot.question}"})
            messages.append({"role": "assistant", "content": shot.answer})
        content = f"{self._lines(passages)}Question: {question}"
        return [*messages, {"role": "user", "content": content}]


def closed_book_prompt(model: CausalModel, style: PromptStyle, question: str) -> Prompt:
    """Put the question alone.

    Raises:
        QuestionError: the question is longer than the model can read.
    """
    return _prompt(model, style, question, ())


def closed_book_text(model: CausalModel, style: PromptStyle, question: str) -> str:
    """Return the closed-book prompt as text, for programs that tokenise it themselves."""
    if style.form == "chat":
        return model.render_chat(style._messages(as_data(question), ()))
    return style._closed_text(as_data(question))


def contextual_prompt(
    model: CausalModel,
    style: PromptStyle,
    question: str,
    passages: Sequence[Passage],
    *,
    abstain: bool = False,
) -> Prompt:
    """Put the question with passages, cut at sentence ends to the token budget.

    The best passage comes last, next to the question: models use best what stands at the end
    (Liu et al. 2023, "Lost in the middle", arXiv 2307.03172), small ones most of all.

    Args:
        model: Who will read it.
        style: How it is put.
        question: What is asked.
        passages: Best first; where the budget ends, or the model's context, the worst ones go.
        abstain: Whether the model is told to abstain where they do not hold the answer.

    Raises:
        QuestionError: the question is longer than the model can read.
    """
    shown, cut = _fit(model, passages, _room(model, style, question, abstain=abstain))
    read = [passage for passage in shown if passage is not None]
    prompt = _prompt(model, style, question, read[::-1], abstain=abstain)
    return replace(prompt, cut=cut, shown=shown)


Messages = tuple[Mapping[str, str], ...]
"""What is said to a model behind an endpoint, each with `role` and `content`."""


def question_messages(
    model: CausalModel, style: PromptStyle, question: str, passages: Sequence[Passage] = ()
) -> tuple[Messages, Prompt]:
    """Put a question, with passages or alone, to a model that lays messages out by itself.

    Args:
        model: Who estimates how long it gets.
        style: How it is put; its form is a chat.
        question: What is asked.
        passages: Best first, cut to the budget as those of `contextual_prompt` are.

    Returns:
        The messages; and a prompt whose `ids` are only as many as the messages have tokens,
        about, and which says what was shown and what was cut.

    Raises:
        QuestionError: the question is longer than the model can read.
    """
    question = as_data(question)
    shown: tuple[Passage | None, ...] = ()
    cut: tuple[str, ...] = ()
    if passages:
        shown, cut = _fit(model, passages, _room(model, style, question, abstain=False))
    read = [passage for passage in shown if passage is not None]
    messages = tuple(style._messages(question, read[::-1]))
    prompt = _read_whole(model, style, model.render_chat(messages), "")
    return messages, replace(prompt, cut=cut, shown=shown)


def _told(abstain: bool) -> tuple[str, tuple[Shot, ...]]:
    """Return instruction and worked examples of a prompt with passages."""
    if abstain:
        return _INSTRUCTION_ABSTAIN, _ABSTAINING_SHOTS
    return _INSTRUCTION_PASSAGES, _SHOTS


def _room(model: CausalModel, style: PromptStyle, question: str, *, abstain: bool) -> int:
    """Return how many tokens of passages fit: the budget, or what the context has left."""
    # One passage without a word: the prompt is otherwise as it will be, and no shorter.
    text, _ = _texts(model, style, question, [Passage(id="", title="", text="")], abstain=abstain)
    return min(style.passage_tokens, _limit(model, style) - len(model.encode(text)))


def _prompt(
    model: CausalModel,
    style: PromptStyle,
    question: str,
    passages: Sequence[Passage],
    *,
    abstain: bool = False,
) -> Prompt:
    text, head = _texts(model, style, question, passages, abstain=abstain)
    # Prefaces are many, and who may have told one is not to be found out by how fast it is read.
    return _read_whole(model, style, text, "" if style.preface else head)


def _texts(
    model: CausalModel,
    style: PromptStyle,
    question: str,
    passages: Sequence[Passage],
    *,
    abstain: bool,
) -> tuple[str, str]:
    """Return the whole prompt, and the fixed text that it begins with."""
    question = as_data(question)
    if style.form == "chat":
        messages = style._messages(question, passages, abstain=abstain)
        text = model.render_chat(messages)
        # A template may lay the message out otherwise; then nothing is known to be fixed.
        begin = max(text.rfind(messages[-1]["content"]), 0)
        shared = style._lines(passages) if begin and style.shared_passages else ""
        return text, text[: begin + len(shared)]
    if passages:
        text = style._contextual_text(question, passages, abstain=abstain)
        shared = style._lines(passages) if style.shared_passages else ""
        return text, style._contextual_head(abstain=abstain) + shared
    return style._closed_text(question), style._closed_head()


def _limit(model: CausalModel, style: PromptStyle) -> int:
    """Return how long a prompt may be, in tokens."""
    return min(model.context_tokens - 64, _MAX_QUESTION_TOKENS + style.passage_tokens + 1_000)


def _read_whole(model: CausalModel, style: PromptStyle, text: str, head: str) -> Prompt:
    """Tokenise a prompt, of which `head` is the fixed beginning.

    Raises:
        QuestionError: it is longer than the model can read.
    """
    ids = model.encode(text)
    limit = _limit(model, style)
    if len(ids) > limit:
        raise QuestionError(
            f"the question makes a prompt of {len(ids)} tokens; {model.name} takes {limit}.",
            hint="Shorten the question.",
        )
    return Prompt(tuple(ids), ("\n",), shared=_shared(model, head, ids))


def _shared(model: CausalModel, head: str, ids: Sequence[int]) -> int:
    """Return how many ids are those of the head by itself; 0 where a token runs across its end.

    The whole text is what is tokenised, always: what was learned and kept about a model is bound
    to those ids. A head ends in a line break, after which tokenisers begin anew, so that its
    ids come first; where one does not, there is nothing to share.
    """
    alone = model.encode(head) if head else []
    return len(alone) if list(ids[: len(alone)]) == alone else 0


def _line(number: int, title: str, text: str) -> str:
    title, text = as_data(title), as_data(text)
    return f"[{number}] {title}: {text}" if title else f"[{number}] {text}"


def _fit(
    model: CausalModel, passages: Sequence[Passage], room: int
) -> tuple[tuple[Passage | None, ...], tuple[str, ...]]:
    """Keep passages, best first, while there is room; cut the last one at a sentence end."""
    left = max(room, 0)
    shown: list[Passage | None] = []
    cut: list[str] = []
    for number, passage in enumerate(passages, start=1):
        size = len(model.encode(_line(number, passage.title, passage.text) + "\n", begin=False))
        if size <= left:
            shown.append(passage)
            left -= size
            continue
        shorter = _shorten(model, number, passage, left)
        shown.append(shorter)
        if shorter is None:
            cut.append(f"passage {passage.id} left out: {size} tokens, {left} left")
        else:
            cut.append(f"passage {passage.id} cut from {size} tokens to fit {left}")
            left = 0
    return tuple(shown), tuple(cut)


def _shorten(model: CausalModel, number: int, passage: Passage, budget: int) -> Passage | None:
    """Return the longest run of whole sentences from the start that fits; None if none does."""
    best: Passage | None = None
    for _, end in sentence_spans(passage.text):
        shorter = replace(passage, text=passage.text[:end])
        if (
            len(model.encode(_line(number, passage.title, shorter.text) + "\n", begin=False))
            > budget
        ):
            break
        best = shorter
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Something with two possible replies that a model is asked about a question or an answer.

    Attributes:
        name: What it is called; no part of the prompt.
        instruction: What to do.
        cue: What a reply follows.
        examples: Worked examples: the lines of a case, and the reply to it.
        yes: Replies that mean yes; any way to begin one counts.
        no: Replies that mean no.
    """

    name: str
    instruction: str
    cue: str
    examples: tuple[tuple[tuple[str, ...], str], ...]
    yes: tuple[str, ...] = ("Yes", "yes", "YES")
    no: tuple[str, ...] = ("No", "no", "NO")

    @property
    def fingerprint(self) -> str:
        """sha256 of everything that is fixed in the prompt, and of how a reply is read."""
        shown = (part for lines, reply in self.examples for part in ("\n".join(lines), reply))
        return fingerprint_of(
            self.instruction, self.cue, "yes", *self.yes, "no", *self.no, "shown", *shown
        )


def inquiry_prompt(
    model: CausalModel, style: PromptStyle, inquiry: Inquiry, case: Sequence[str]
) -> Prompt:
    """Put a case before a model; what comes next is its reply.

    Args:
        model: Who is asked.
        style: Few-shot text or chat, and how many worked examples are shown.
        inquiry: What is asked.
        case: Lines that describe the case; these and the examples' are made harmless, so that
            none adds another.

    Raises:
        QuestionError: the case is longer than the model can read.
    """
    if style.form == "chat":
        messages = inquiry_messages(style, inquiry, case)
        text = model.render_chat(messages)
        head = text[: max(text.rfind(messages[-1]["content"]), 0)]
    else:
        put = _put(style, inquiry, case)
        shown = "".join(f"{lines} {reply}\n\n" for lines, reply in put[:-1])
        head = f"{inquiry.instruction}\n\n{shown}"
        text = head + put[-1][0]
    return _read_whole(model, style, text, head)


def inquiry_messages(style: PromptStyle, inquiry: Inquiry, case: Sequence[str]) -> Messages:
    """Put a case before a model that is talked to.

    Args:
        style: How many worked examples are shown.
        inquiry: What is asked.
        case: Lines that describe the case, made harmless as those of `inquiry_prompt` are.
    """
    put = _put(style, inquiry, case)
    messages: list[Mapping[str, str]] = [{"role": "system", "content": inquiry.instruction}]
    for lines, reply in put[:-1]:
        messages.append({"role": "user", "content": lines})
        messages.append({"role": "assistant", "content": reply})
    return (*messages, {"role": "user", "content": put[-1][0]})


def _put(style: PromptStyle, inquiry: Inquiry, case: Sequence[str]) -> list[tuple[str, str]]:
    """Lay out the worked examples, each with its reply, and the case, which has none."""
    cases = [*inquiry.examples[: style.shots], (tuple(case), "")]
    return [("\n".join([*map(as_data, lines), inquiry.cue]), reply) for lines, reply in cases]
