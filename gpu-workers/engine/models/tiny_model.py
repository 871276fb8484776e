"""Random models in Hugging Face folders: tiny ones for tests, larger ones to measure a machine."""

from pathlib import Path

# Qwen2.5's shapes (config.json on the hub): hidden, intermediate, layers, heads, key-value heads,
# vocabulary, tied.
SHAPES = {
    "0.5b": (896, 4864, 24, 14, 2, 151_936, True),
    "1.5b": (1536, 8960, 28, 12, 2, 151_936, True),
    "3b": (2048, 11_008, 36, 16, 2, 151_936, True),
    "7b": (3584, 18_944, 28, 28, 4, 152_064, False),
    "tiny": (48, 96, 4, 6, 2, 320, True),
}


def save_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer with merges of frequent pairs: texts have several tokenisations."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        ["the query and the answer of the capital city ", "<query> </query> [1, 2] "] * 20, trainer
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def save_qwen2(folder: Path, shape: str) -> Path:
    """Saves a Qwen2 model with random weights and returns its folder.

    The tiny one's weights are large, so that its log-probabilities differ by token.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    hidden, intermediate, layers, heads, kv_heads, vocabulary, tied = SHAPES[shape]
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=32_768 if shape != "tiny" else 4096,
        tie_word_embeddings=tied,
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=None,
        initializer_range=0.3 if shape == "tiny" else 0.02,
    )
    torch.manual_seed(7)
    model = Qwen2ForCausalLM(config)
    if shape != "tiny":
        torch.nn.Module.to(model, torch.bfloat16)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder
