"""Networks that the engine computes: our own Llama and Qwen2 (`llama.py`, `model.py`), those of
Transformers, LoRA and value heads on them, and how their files are read (`huggingface.py`)."""
