"""What attackers tell a model in other languages: to drop its instructions, and what to answer.

For each language the verbs of dropping, what is dropped, and orders to answer; a verb and its
object within a few words of each other are an attack. Words are compared folded: without accents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rag_router.filters.hostile.folding import fold
from rag_router.filters.hostile.rules import Rule, between, words
from rag_router.filters.hostile.suspicion import Suspicion

__all__ = ["LANGUAGES", "find_unspaced"]


@dataclass(frozen=True, slots=True)
class _Language:
    """Words with spaces between them; `~` within a word stands for any ending."""

    name: str
    drop: str
    orders: str
    say: str
    only: str


_SPACED: Final = (
    _Language(
        "German",
        "ignoriere ignorieren ignoriert vergiss vergesst vergessen missachte missachten übergehe "
        "übergehen verwirf verwerfen",
        "anweisung~ instruktion~ vorgaben regeln befehle systemprompt prompt kontext vorherige~ "
        "bisherige~ obige~ "
        "frage passagen aufforderung~ richtlinien oben obenstehende~ davor zuvor alles",
        "antworte antworten sage sag schreibe schreib gib wiederhole",
        "nur ausschließlich stets immer jede~ lediglich statt~ systemprompt",
    ),
    _Language(
        "Spanish",
        "ignora ignore ignorad ignorar olvida olvide olvidad descarta descarte omite omita "
        "desestima desobedece",
        "instrucciones indicaciones ordenes reglas directrices contexto prompt pregunta anterior~ "
        "mensajes arriba todo",
        "responde responda contesta conteste escribe escriba di diga repite",
        "solamente unicamente solo siempre exclusivamente cada cualquier",
    ),
    _Language(
        "French",
        "ecoutez ecoute suivez tenez ignorez ignorer ignore oublie oubliez oublier neglige "
        "negligez fais faites passe passez",
        "instructions consignes directives regles ordres abstraction precedent~ contexte prompt "
        "indications question dessus avant",
        "reponds repondez repondre ecris ecrivez dis dites affiche affichez repete repetez",
        "uniquement seulement chaque toujours exclusivement simplement toute~",
    ),
    _Language(
        "Italian",
        "ignora ignorate ignorare dimentica dimenticate dimenticare trascura tralascia scarta",
        "istruzioni indicazioni direttive regole ordini contesto prompt precedent~ comandi "
        "domanda sopra prima",
        "rispondi rispondete rispondere scrivi scrivete di' ripeti stampa",
        "solo soltanto sempre qualsiasi ogni esclusivamente unicamente",
    ),
    _Language(
        "Portuguese",
        "ignore ignora ignorem ignorar esqueça esquece esqueçam esquecer desconsidere "
        "desconsidera desconsiderar descarte",
        "instruções instruçoes orientações regras ordens diretrizes contexto prompt anterior~ "
        "comandos pergunta acima antes",
        "responda responde respondam escreva escreve diga repita",
        "apenas somente sempre qualquer cada exclusivamente",
    ),
    _Language(
        "Dutch",
        "negeer negeren vergeet vergeten",
        "instructies aanwijzingen opdrachten regels voorgaande vorige bovenstaande eerdere prompt "
        "context vraag boven hierboven",
        "antwoord antwoordt zeg schrijf beantwoord herhaal",
        "alleen uitsluitend altijd elke slechts enkel",
    ),
    _Language(
        "Polish",
        "zignoruj ignoruj zignorujcie ignorujcie zapomnij zapomnijcie pomiń pomin odrzuć",
        "instrukcje instrukcji polecenia poleceń poprzednie poprzednich wcześniejsze "
        "wcześniejszych zasady kontekst prompt wskazówki poleceniach pytanie powyżej poleceń",
        "odpowiedz odpowiadaj napisz powiedz powtórz",
        "tylko wyłącznie zawsze każde~ jedynie",
    ),
    _Language(
        "Russian",
        "игнорируй игнорируйте игнорировать проигнорируй проигнорируйте забудь забудьте отмени "
        "отбрось отбросьте",
        "инструкци~ указания указаний правила команды предыдущ~ прежн~ контекст запрос промпт "
        "выше вопрос правил~ команд~",
        "отвечай отвечайте ответь ответьте напиши напишите скажи скажите выведи повтори",
        "только лишь всегда исключительно любой каждый",
    ),
    _Language(
        "Ukrainian",
        "ігноруй ігноруйте проігноруй проігноруйте забудь забудьте",
        "інструкції інструкцій вказівки правила попередні попередніх команди контекст",
        "відповідай відповідайте напиши скажи",
        "тільки лише завжди виключно",
    ),
    _Language(
        "Turkish",
        "yoksay yoksayın unut unutun görmezden dikkate",
        "talimatları talimatlarını talimat~ yönerge~ yönergeleri önceki kuralları kural~ "
        "komutları komut~ gel gelin alma almayın",
        "yanıtla yanıtlayın cevapla yaz söyle",
        "sadece yalnızca her daima",
    ),
    _Language(
        "Swedish",
        "ignorera ignorer glöm glem bortse se",
        "instruktioner instruktioner~ tidigare föregående anvisningar regler bort",
        "svara svar skriv säg",
        "bara endast alltid varje kun",
    ),
    _Language(
        "Czech",
        "ignoruj ignorujte zapomeň zapomeňte",
        "pokyny instrukce předchozí příkazy pravidla",
        "odpověz odpovídej napiš řekni",
        "pouze jen vždy",
    ),
    _Language(
        "Indonesian",
        "abaikan lupakan",
        "instruksi perintah petunjuk arahan aturan sebelumnya semua",
        "jawab jawablah tulis katakan balas",
        "hanya selalu setiap saja",
    ),
    _Language(
        "Vietnamese",
        "bỏ phớt quên",
        "hướng chỉ lệnh quy trước",
        "trả hãy viết nói",
        "chỉ luôn mọi",
    ),
    _Language(
        "Romanian",
        "ignoră ignoraţi ignorați uită uitați uitaţi",
        "instrucțiunile instrucţiunile instructiunile regulile anterioare contextul comenzile",
        "răspunde răspundeți scrie spune",
        "doar numai mereu întotdeauna",
    ),
    _Language(
        "Arabic",
        "تجاهل تجاهلوا انس تجاوز",
        "التعليمات الأوامر السابقة القواعد جميع كل التوجيهات",
        "أجب اكتب قل رد",
        "فقط دائما",
    ),
    _Language(
        "Persian",
        "نادیده فراموش",
        "دستورالعمل~ دستورات قبلی بگیر بگیرید کن",
        "پاسخ بنویس بگو",
        "فقط همیشه",
    ),
    _Language(
        "Hebrew",
        "התעלם התעלמו שכח",
        "מההוראות ההוראות הקודמות מכל הכללים",
        "ענה כתוב אמור השב",
        "רק תמיד",
    ),
    _Language(
        "Greek",
        "αγνόησε αγνοήστε ξέχασε ξεχάστε",
        "οδηγίες προηγούμενες εντολές κανόνες",
        "απάντησε απαντήστε γράψε πες",
        "μόνο πάντα",
    ),
)  # fmt: skip

_UNSPACED: Final = (
    (
        "Chinese",
        "忽略 无视 忘记 忘掉 不要理会 不理会 無視 忽視 抛弃 不要遵循 跳过 请忽略",
        "指示 指令 说明 提示 规则 要求 内容 上文 以上 之前 前面 問題 问题 命令 上述 指南",
        "回答 回复 输出 说 答复 告诉 写",
    ),
    (
        "Japanese",
        "無視 忘れ 従わない 破棄 無効",
        "指示 命令 ルール プロンプト 上記 これまで 以前 前の 質問 規則 文脈 指令",
        "答え 回答 出力 返答 言って 書いて",
    ),
    (
        "Korean",
        "무시 잊어 잊고 따르지",
        "지시 명령 프롬프트 규칙 이전 위의 질문 안내 지침",
        "대답 답변 답하 출력 말하 말해 응답",
    ),
    (
        "Hindi",
        "अनदेखा नज़रअंदाज़ नजरअंदाज भूल उपेक्षा",
        "निर्देश आदेश पिछले नियम सभी पहले",
        "उत्तर जवाब लिखें कहें",
    ),
    (
        "Thai",
        "ละเว้น เพิกเฉย ลืม ไม่ต้องสนใจ",
        "คำสั่ง คำแนะนำ ก่อนหน้า กฎ ข้างต้น",
        "ตอบ พิมพ์ พูด",
    ),
    ("Bengali", "উপেক্ষা ভুলে", "নির্দেশ আগের নিয়ম পূর্ববর্তী", "উত্তর লিখুন"),
)


def _choice(listed: str) -> str:
    return "|".join(
        re.escape(fold(w).text).replace("\\~", "~").replace("~", r"\w*") for w in listed.split()
    )


def _folded(listed: str) -> frozenset[str]:
    return frozenset(fold(word).text for word in listed.split())


_ENGLISH: Final = words("prompt context question instructions contexto")


def _rules(language: _Language) -> tuple[Rule, ...]:
    drop, say = (_choice(language.drop), _choice(language.say))
    # What is dropped may stand before the verb; a word of English, too, says too little there.
    nouns = sorted(w for w in _folded(language.orders) - _ENGLISH if "~" not in w)
    return (
        Rule(
            kind="override",
            what=f"tells to ignore instructions, in {language.name}",
            weight=0.8,
            anchors=_folded(language.drop),
            pattern=re.compile(rf"(?:{drop})\b{between(4)}(?:{_choice(language.orders)})\b"),
        ),
        Rule(
            kind="override",
            what=f"tells to ignore instructions, in {language.name}",
            weight=0.6,
            anchors=frozenset(nouns),
            pattern=re.compile(rf"(?:{'|'.join(map(re.escape, nouns))})\b{between(3)}(?:{drop})\b"),
        ),
        Rule(
            kind="answer",
            what=f"dictates the answer, in {language.name}",
            weight=0.45,
            anchors=_folded(language.say),
            pattern=re.compile(rf"(?:{say})\b{between(2)}(?:{_choice(language.only)})\b"),
        ),
        Rule(
            kind="answer",
            what=f"has something said word for word, in {language.name}",
            weight=0.45,
            anchors=_folded(language.say),
            pattern=re.compile(
                rf"(?:{say})\b(?:[^\w.!?\"„«“]{{1,5}}+\w{{1,30}}+){{0,6}}?[^\w.!?]{{0,4}}[\"„«“]\s?\w"
            ),
        ),
    )


LANGUAGES: Final = tuple(rule for language in _SPACED for rule in _rules(language))
"""Rules for languages that put spaces between words."""

_ANY_UNSPACED: Final = re.compile("|".join(_choice(drop) for _, drop, _, _ in _UNSPACED))
_NEAR_UNSPACED: Final = tuple(
    (
        name,
        re.compile(
            rf"(?:{_choice(drop)})[^。！？.!?\n]{{0,16}}?(?:{_choice(orders)})"
            rf"|(?:{_choice(orders)})[^。！？.!?\n]{{0,16}}?(?:{_choice(drop)})"
        ),
        re.compile(rf"(?:{_choice(say)})"),
    )
    for name, drop, orders, say in _UNSPACED
)


def find_unspaced(text: str) -> list[Suspicion]:
    """Find orders in languages that put no spaces between words, in a folded text."""
    if text.isascii() or not _ANY_UNSPACED.search(text):
        return []
    found: list[Suspicion] = []
    for name, near, say in _NEAR_UNSPACED:
        for hit in near.finditer(text):
            what = f"tells to ignore instructions, in {name}"
            # In Chinese and Japanese the words are common ones; an order to answer comes with it.
            told = say.search(text, hit.end(), hit.end() + 60) is not None
            found.append(
                Suspicion(
                    start=hit.start(),
                    end=hit.end(),
                    kind="override",
                    weight=0.85 if told else 0.6,
                    what=what,
                )
            )
    return found
