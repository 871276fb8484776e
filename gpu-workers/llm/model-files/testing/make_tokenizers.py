"""Makes small tokenizers of the model families, with what Python says of texts and chats.

usage: make_tokenizers.py TARGET_FOLDER

Writes a folder for each family and chat template as a model has it, and probes.json: ids of odd
texts by Python's `tokenizers`, and ids of chats by transformers' `apply_chat_template`.
"""

import json
import random
import sys
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import AutoTokenizer

CORPUS = [
    "the quick brown fox jumps over the lazy dog. It's 12345 o'clock, we'll see. Ünïcödé naïve "
    "café Straße ΣΊΣΥΦΟΣ İstanbul 北京 東京 日本語 한국어 العربية हिन्दी ไทย "
    "\n\n  def f(x):\n\treturn x+1 🙂 <html> {}[] What is 2+2? Say it. You are brief."
] * 50
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
POOL = [
    *"abcxyz '’sStTreREll0123456789.,!?_-<>|{}[]()\n\r\t \u00a0\u0085\u2028\u2029\u3000\u1680",
    *"\u180e\u200b\u200c\u200d\u2060\ufeff\u00ad\u0301\u0308\u030a\u0323éÅßſİıΣςσ½²Ⅷ٣३ﬁ①ｶﾞガ가각ᄀ北京",
    *"\U00020000🙂👍🏽🇫🇷▁\x00\x01\x0b\x0c\x1c\x1f\x7f\ue000\u0378",
    *(
        "<|im_start|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<s>",
        "</s>",
        "<unk>",
        "<0x0A>",
        "it's",
        "[SEP]",
    ),
]


def list_texts() -> list[str]:
    """Texts of characters that tokenizers treat each in their own way."""
    drawn = random.Random(5)
    return ["".join(drawn.choices(POOL, k=drawn.randint(0, 14))) for _ in range(3000)]


def train(tokenizer: Tokenizer, trainer) -> Tokenizer:
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def make_byte_level(split, normalizer, special: list[str], ignore_merges: bool = False):
    """GPT-2's kind of tokenizer; `split` comes before the bytes."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    return train(
        tokenizer,
        trainers.BpeTrainer(
            vocab_size=700, special_tokens=special, initial_alphabet=ALPHABET, show_progress=False
        ),
    )


def split_by(pattern: str):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def make_sentencepiece(metaspace: bool):
    """Llama 2's, as it was first converted or (metaspace) as it is now."""
    fallback = [f"<0x{i:02X}>" for i in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    train(
        tokenizer,
        trainers.BpeTrainer(
            vocab_size=900, special_tokens=["<unk>", "<s>", "</s>", *fallback], show_progress=False
        ),
    )
    raw = json.loads(tokenizer.to_str())
    raw["added_tokens"] = [t for t in raw["added_tokens"] if not t["content"].startswith("<0x")]
    if metaspace:
        raw["normalizer"] = None
        raw["pre_tokenizer"] = {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": "first",
            "split": False,
        }
    return Tokenizer.from_str(json.dumps(raw))


def make_unigram():
    """XLM-R's, without its table of characters."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    return train(
        tokenizer,
        trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False
        ),
    )


def make_word_pieces(lowercase: bool):
    """BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return train(
        tokenizer,
        trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False),
    )


CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
FAMILIES = {
    "qwen": lambda: make_byte_level(
        split_by(CONTRACTIONS + r"\p{N}" + REST), normalizers.NFC(), CHATML
    ),
    "llama3": lambda: make_byte_level(
        split_by(CONTRACTIONS + r"\p{N}{1,3}" + REST), None, LLAMA3, True
    ),
    "smollm": lambda: make_byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        ),
        None,
        CHATML,
    ),
    "llama2": lambda: make_sentencepiece(False),
    "llama2-metaspace": lambda: make_sentencepiece(True),
    "xlm-r": make_unigram,
    "bert-cased": lambda: make_word_pieces(False),
    "bert-uncased": lambda: make_word_pieces(True),
}

# Templates as models of these families have them.
TEMPLATES = {
    "llama3": (
        "llama3",
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
        "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | "
        "trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
        "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    ),
    "llama3.2": (
        "llama3",
        "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- if strftime_now is "
        'defined %}\n        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- else %}\n'
        '        {%- set date_string = "26 Jul 2024" %}\n    {%- endif %}\n{%- endif %}\n'
        "{%- if not tools is defined %}\n    {%- set tools = none %}\n{%- endif %}\n"
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = "
        "messages[0]['content']|trim %}\n    {%- set messages = messages[1:] %}\n{%- else %}\n"
        '    {%- set system_message = "" %}\n{%- endif %}\n'
        '{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}\n{%- if tools is not none %}\n'
        '    {{- "Environment: ipython\\n" }}\n{%- endif %}\n'
        '{{- "Today Date: " + date_string + "\\n\\n" }}\n{{- system_message }}\n'
        '{{- "<|eot_id|>" }}\n{%- for message in messages %}\n'
        "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ "
        "message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n"
        "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n",
    ),
    "llama2": (
        "llama2",
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}"
        "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
        "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 "
        "== 0) %}{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + "
        "system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
        "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
        "{% endif %}{% endfor %}",
    ),
    "mistral": (
        "llama2-metaspace",
        "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% else %}{{ message['content'] + eos_token}}{% endif %}{% endfor %}",
    ),
    "zephyr": (
        "llama2",
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
        "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n"
        "{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + "
        "eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n"
        "{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    ),
    "deepseek-r1": (
        "llama3",
        "{% set ns = namespace(is_first=false, system_prompt='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}"
        "{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}"
        "{%- for message in messages %}{%- if message['role'] == 'user' %}{{'<｜User｜>' + "
        "message['content']}}{%- endif %}{%- if message['role'] == 'assistant' %}"
        "{% set content = message['content'] %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}"
        "{{'<｜Assistant｜>' + content + eos_token}}{%- endif %}{%- endfor -%}"
        "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}",
    ),
    "qwen2.5": (
        "qwen",
        "{%- if tools %}\n    {{- 'tools' }}\n{%- else %}\n"
        "    {%- if messages[0]['role'] == 'system' %}\n        {{- '<|im_start|>system\\n' + "
        "messages[0]['content'] + '<|im_end|>\\n' }}\n    {%- else %}\n"
        "        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}\n"
        "    {%- endif %}\n{%- endif %}\n{%- for message in messages %}\n"
        '    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or '
        '(message.role == "assistant" and not message.tool_calls) %}\n'
        "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + "
        "'\\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n"
        "    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    ),
    "chatml": (
        "smollm",
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
        "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|im_start|>assistant\n' }}{% endif %}",
    ),
    "chatml-trimmed": (
        "qwen",
        "{%- for message in messages %}{{- '<|im_start|>' ~ message.role ~ '\n' ~ "
        "(message.content|trim) ~ '<|im_end|>\n' }}{%- endfor %}{%- if add_generation_prompt %}"
        "{{- '<|im_start|>assistant\n' }}{%- endif %}",
    ),
    "none": ("qwen", None),
    "none-without-marks": ("llama3", None),
}
NAMED_TOKENS = {
    "qwen": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "smollm": {"eos_token": "<|im_end|>"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "llama2": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "llama2-metaspace": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
}
USER = {"role": "user", "content": "What is 2+2?\n\nSay it. "}
ASSISTANT = {"role": "assistant", "content": "<think>4, I think.</think>\nIt is 4."}
CHATS = [
    [{"role": "system", "content": " You are brief."}, USER],
    [USER],
    [USER, ASSISTANT, {"role": "user", "content": "Why?"}],
]


def write_model(folder: Path, tokenizer: Tokenizer, named: dict, template: str | None) -> None:
    folder.mkdir(parents=True)
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in named.values()])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **named}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)


def render(folder: Path, chat: list[dict]) -> list[int] | None:
    """Ids by transformers; None where the template refuses the chat, or there is none."""
    try:
        ids = AutoTokenizer.from_pretrained(folder).apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return [int(token) for token in ids]
    except Exception:
        return None


if __name__ == "__main__":
    target, texts = Path(sys.argv[1]), list_texts()
    made = {name: make() for name, make in FAMILIES.items()}
    probes: dict = {"texts": texts, "families": {}, "chats": CHATS, "templates": {}}
    for name, tokenizer in made.items():
        write_model(target / "families" / name, tokenizer, {}, None)
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        probes["families"][name] = [e.ids for e in encoded]
    for name, (family, template) in TEMPLATES.items():
        folder = target / "templates" / name
        write_model(folder, made[family], NAMED_TOKENS[family], template)
        probes["templates"][name] = [render(folder, chat) for chat in CHATS]
    (target / "probes.json").write_text(json.dumps(probes))
