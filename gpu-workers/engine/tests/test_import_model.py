"""Models are opened before they are believed: cases 78, 84 to 87, 89 and 90 of ../shared/cases."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.api.openai_api import parse_completion, tokenize_prompts
from engine.errors import EngineError
from engine.import_model import import_model
from engine.models.tiny_model import save_qwen2
from engine.sampling.guided_decoding import Tokenizer

from .conftest import Session, reference_logprobs
from .library_models import save_library_model

IDS = list(range(10, 40))


@pytest.fixture(scope="session")
def qwen(tmp_path_factory) -> Path:
    """A tied Qwen2 with a chat template, never changed."""
    return save_qwen2(tmp_path_factory.mktemp("models") / "qwen", "tiny")


@pytest.fixture
def model(qwen, tmp_path) -> Path:
    """A copy of it to break."""
    return Path(shutil.copytree(qwen, tmp_path / "model"))


def edit(folder: Path, name: str = "config.json", **changes: Any) -> Path:
    path = folder / name
    raw = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(raw | changes))
    return folder


def edit_weights(folder: Path, change, name: str = "model.safetensors") -> Path:
    tensors = load_file(str(folder / name))
    tensors = change(tensors) or tensors
    save_file(tensors, str(folder / name), metadata={"format": "pt"})
    return folder


def shard(folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """The weights in three files with an index, as transformers saves large models."""
    tensors = load_file(str(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {n: f"model-{i % 3 + 1:05}-of-00003.safetensors" for i, n in enumerate(names)}
    for file in set(where.values()):
        part = {n: tensors[n].to(dtype) for n in names if where[n] == file}
        save_file(part, str(folder / file), metadata={"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def logprobs(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    with torch.no_grad():
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        return reference_logprobs(loaded, IDS)


def engine_logprobs(folder: Path) -> torch.Tensor:
    data = [{"ids": IDS, "weights": [0.0] + [1.0] * (len(IDS) - 1)}]
    return torch.tensor(
        Session(folder, None).call("forward", adapter=False, data=data)["logprobs"][0]
    )


def assert_same_text(folder: Path, wanted: torch.Tensor) -> None:
    """The engine gives the tokens the probabilities that a reference does."""
    picked = wanted[range(len(IDS)), IDS]
    assert (engine_logprobs(folder)[1:] - picked[1:]).abs().max() < 2e-4


def refused(source: Path, tmp_path: Path, base: Path | None = None) -> str:
    with pytest.raises(EngineError) as caught:
        import_model(source, tmp_path / "imported", base)
    assert not (tmp_path / "imported").exists()
    return caught.value.message


# --- Whole models -------------------------------------------------------------------------------


def test_an_import_is_compared_with_transformers(qwen, tmp_path):
    result = import_model(qwen, tmp_path / "imported", None)
    assert result["path"] == str(qwen)
    assert result["notes"][0].startswith("as transformers, it writes: 'The capital of France is")
    assert_same_text(tmp_path / "imported", logprobs(qwen))


def test_links_of_the_hub_cache_are_followed(qwen, tmp_path):
    """Case 84: a snapshot folder, whose files are links into blobs."""
    blobs, snapshot = tmp_path / "hub" / "blobs", tmp_path / "hub" / "snapshots" / "abc"
    shutil.copytree(qwen, blobs)
    snapshot.mkdir(parents=True)
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(Path("../../blobs") / path.name)
    wanted = logprobs(qwen)
    import_model(snapshot, tmp_path / "imported", None)
    (tmp_path / "hub" / "refs").mkdir()
    (tmp_path / "hub" / "refs" / "main").write_text("abc")
    assert import_model(tmp_path / "hub", tmp_path / "again", None)["path"] == str(snapshot)
    shutil.rmtree(tmp_path / "hub")
    assert not any(p.is_symlink() for p in (tmp_path / "imported").iterdir())
    assert_same_text(tmp_path / "imported", wanted)


def test_a_link_to_nothing_is_refused(model, tmp_path):
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to("../blobs/gone")
    assert "lacks model.safetensors" in refused(model, tmp_path)


@pytest.mark.parametrize("name", ["qwen-optimizer-ablation", "optimizer", "a.bin", "run.pt"])
def test_a_folder_may_have_any_name(qwen, tmp_path, name):
    """Case 85: a folder called ...optimizer..., with what a trainer leaves beside the weights."""
    folder = Path(shutil.copytree(qwen, tmp_path / name))
    for rest in ("optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state.pth"):
        (folder / rest).write_bytes(b"not for the model")
    import_model(folder, tmp_path / "imported", None)
    assert {p.name for p in (tmp_path / "imported").iterdir()} == {p.name for p in qwen.iterdir()}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.safetensors", "git lfs pull"),
        ("tokenizer.json", "git lfs pull"),
        ("config.json", "git lfs pull"),
        ("generation_config.json", "git lfs pull"),
    ],
)
def test_lfs_pointers_are_refused(model, tmp_path, name, said):
    """Case 86."""
    (model / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 26889632\n"
    )
    message = refused(model, tmp_path)
    assert said in message
    assert name in message


@pytest.mark.parametrize("with_index", [True, False])
def test_missing_shards_are_refused(model, tmp_path, with_index):
    """Case 86: by the index, or by the numbers in the files' names."""
    (shard(model) / "model-00002-of-00003.safetensors").unlink()
    if not with_index:
        (model / "model.safetensors.index.json").unlink()
    message = refused(model, tmp_path)
    assert "lacks 1 of its 3 weight files: model-00002-of-00003.safetensors" in message


@pytest.mark.parametrize(
    "where",
    [
        None,
        ["a"],
        {"a": 1},
        {"a": "../qwen/model.safetensors"},
        {"a": "/b.safetensors"},
        {"a": ".."},
    ],
)
def test_an_index_names_files_of_its_folder(model, tmp_path, where):
    (model / "model.safetensors").unlink()
    edit(model, "model.safetensors.index.json", weight_map=where)
    assert "has no weight_map that gives each tensor" in refused(model, tmp_path)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("config.json", {"num_attention_heads": "8"}),
        ("config.json", {"num_attention_heads": None}),
        ("config.json", {"num_attention_heads": 0}),
        ("generation_config.json", {"eos_token_id": [[1]]}),
    ],
)
def test_odd_values_are_refused_with_their_reason(model, tmp_path, name, changes):
    said = refused(edit(model, name, **changes), tmp_path)
    assert "holds a value in one of its JSON files that no model of its kind has" in said


def test_a_file_that_is_no_tokenizer_is_refused(model, tmp_path):
    (model / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is no tokenizer (Model missing" in refused(model, tmp_path)


@pytest.mark.parametrize("template", ["{% for", "{{ raise_exception('no') }}"])
def test_a_template_that_renders_nothing_is_told(model, tmp_path, template):
    edit(model, "tokenizer_config.json", chat_template=template)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    notes = import_model(model, tmp_path / "imported", None)["notes"]
    assert any("renders no chat" in note for note in notes)


def test_a_cut_file_is_refused(model, tmp_path):
    data = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "damaged or incomplete" in refused(model, tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        # Read as what they claim to be, which they are not: no weight is left out or made up.
        (
            {"model_type": "qwen3", "head_dim": 8},
            "lacks the tensor model.layers.0.self_attn.k_norm",
        ),
        ({"model_type": "gemma2"}, "but its config.json says"),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "is an encoder"),
        ({"model_type": "t5"}, "is no causal language model"),
        ({"model_type": "tomorrow"}, "neither computed here nor by transformers"),
        ({"model_type": "tomorrow", "auto_map": {"AutoModel": "x.Y"}}, "code of its own"),
        ({"model_type": "qwen3", "architectures": ["Qwen3ForSequenceClassification"]}, "no text"),
    ],
)
def test_what_is_no_causal_language_model_is_refused(model, tmp_path, changes, said):
    """Case 86: at the import, not when a run waits for a worker."""
    assert said in refused(edit(model, **changes), tmp_path)


def test_tensors_that_transformers_would_leave_out_are_refused(tmp_path):
    source = save_library_model(tmp_path / "source", "gemma2")
    edit_weights(source, lambda t: t | {"model.layers.0.self_attn.q_norm.weight": torch.ones(8)})
    said = refused(source, tmp_path)
    assert "q_norm.weight, the first of 1 tensors that transformers does not read" in said


@pytest.mark.parametrize("kind", ["qwen3", "gemma2", "gemma3", "smollm3", "gpt2"])
def test_other_architectures_are_computed_by_transformers(tmp_path, kind):
    source = save_library_model(tmp_path / "source", kind)
    result = import_model(source, tmp_path / "imported", None)
    assert "layers are computed by transformers" in result["notes"][0]
    assert "slower" in result["notes"][0]
    assert result["notes"][1].startswith("as transformers, it writes: 'The capital of France is")
    assert_same_text(tmp_path / "imported", logprobs(source))


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0}},
        {
            "use_sliding_window": True,
            "sliding_window": 8,
            "layer_types": ["full_attention", "sliding_attention"] * 2,
        },
        {"hidden_act": "gelu"},
    ],
)
def test_settings_that_the_engines_layers_do_not_compute_go_to_transformers(
    model, tmp_path, changes
):
    plain = logprobs(model)
    result = import_model(edit(model, **changes), tmp_path / "imported", None)
    assert "the engine has none of its own for it (it uses" in result["notes"][0]
    wanted = logprobs(model)
    assert not torch.allclose(wanted, plain, atol=1e-3)
    assert_same_text(tmp_path / "imported", wanted)


@pytest.mark.parametrize("kind", ["gptj", "gpt_neox"])
def test_a_head_of_any_name_is_imported_and_merged_into(tmp_path, kind):
    source = save_library_model(tmp_path / "source", kind)
    config = json.loads((source / "config.json").read_text())
    assert config["tie_word_embeddings"] is False
    wanted = logprobs(source)
    result = import_model(source, tmp_path / "imported", None)
    assert not any("output head" in n for n in result["notes"])
    first = {"gptj": "fc_in, fc_out", "gpt_neox": "dense, dense_4h_to_h"}[kind]
    assert f"LoRA adds factors to its maps {first}" in result["notes"][0]
    assert_same_text(tmp_path / "imported", wanted)
    maps = ["q_proj"] if kind == "gptj" else ["query_key_value"]
    peft = save_adapter(source, tmp_path / "adapter", target_modules=maps)
    peft.merge_and_unload().save_pretrained(tmp_path / "by-peft")
    import_model(tmp_path / "adapter", tmp_path / "merged", source)
    merged = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert merged["tie_word_embeddings"] is False
    assert_same_text(tmp_path / "merged", logprobs(tmp_path / "by-peft"))


def test_a_stored_head_counts_under_the_tie_flag_of_transformers_too(tmp_path):
    """Case 90, for models that transformers computes."""
    source = save_library_model(tmp_path / "source", "gemma2")
    assert json.loads((source / "config.json").read_text()).get("tie_word_embeddings", True)
    head = torch.randn(320, 48, generator=torch.Generator().manual_seed(3)) * 0.3
    edit_weights(source, lambda t: t | {"lm_head.weight": head})
    before = engine_logprobs(source)
    result = import_model(source, tmp_path / "imported", None)
    assert any("its own output head is used" in n for n in result["notes"])
    edit(source, tie_word_embeddings=False)
    wanted = logprobs(source)
    assert_same_text(tmp_path / "imported", wanted)
    assert (before[1:] - wanted[range(len(IDS)), IDS][1:]).abs().max() < 2e-4


@pytest.mark.parametrize("method", ["fp8", "gptq", "awq", "bitsandbytes", "compressed-tensors"])
def test_quantised_models_are_refused(model, tmp_path, method):
    """Case 78, by config.json."""
    message = refused(edit(model, quantization_config={"quant_method": method}), tmp_path)
    assert f"is quantised ({method} in its config.json)" in message


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8, torch.uint8])
def test_quantised_weights_are_refused_without_a_config(model, tmp_path, dtype):
    """Case 78, by the weights: their raw numbers are never taken for weights."""

    def quantise(tensors):
        for name in [n for n in tensors if n.endswith("down_proj.weight")]:
            scale = tensors[name].abs().max() / 100
            tensors[name] = (tensors[name] / scale).to(dtype)
            tensors[name + "_scale"] = scale.reshape(1)

    assert "quantised weights are not computed" in refused(edit_weights(model, quantise), tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: {n: v for n, v in t.items() if "layers.2.mlp.up" not in n}, "lacks the tensor"),
        (lambda t: t | {"model.layers.0.self_attn.q_norm.weight": torch.ones(8)}, "q_norm"),
        (lambda t: t | {"model.layers.4.mlp.up_proj.weight": torch.ones(96, 48)}, "layers.4"),
        (lambda t: t | {"model.norm.weight": torch.ones(24)}, "config.json says"),
        (lambda t: t | {"model.norm.weight": torch.full((48,), float("nan"))}, "NaN"),
        (
            lambda t: (
                {
                    "base_model.model." + n.replace("q_proj.weight", "q_proj.base_layer.weight"): v
                    for n, v in t.items()
                }
                | {
                    f"base_model.model.model.layers.0.self_attn.q_proj.lora_{s}.default.weight": v
                    for s, v in (("A", torch.ones(4, 48)), ("B", torch.ones(48, 4)))
                }
            ),
            "adapter in it",
        ),
    ],
)
def test_tensors_are_exactly_those_of_the_architecture(model, tmp_path, change, said):
    """Case 86: among them the names of LoRA that verl saves."""
    assert said in refused(edit_weights(model, change), tmp_path)


def test_weights_in_two_files_of_one_name_are_refused(model, tmp_path):
    tensors = load_file(str(model / "model.safetensors"))
    (model / "model.safetensors").rename(model / "a.safetensors")
    save_file({n: t + 1 for n, t in tensors.items()}, str(model / "b.safetensors"))
    assert "twice" in refused(model, tmp_path)


def test_an_untied_model_without_head_is_refused(model, tmp_path):
    assert "lm_head.weight" in refused(edit(model, tie_word_embeddings=False), tmp_path)


def test_a_tokenizer_of_another_model_is_refused(model, tmp_path):
    raw = json.loads((model / "tokenizer.json").read_text())
    raw["model"]["vocab"]["zzzz"] = 900
    (model / "tokenizer.json").write_text(json.dumps(raw))
    assert "ids up to 900, but the embedding has 320 rows" in refused(model, tmp_path)


def test_shards_in_bfloat16_are_read_as_transformers_reads_them(model, tmp_path):
    """Case 90."""
    wanted = logprobs(shard(model, torch.bfloat16))
    import_model(model, tmp_path / "imported", None)
    assert_same_text(tmp_path / "imported", wanted)
    (model / "model.safetensors.index.json").unlink()
    import_model(model, tmp_path / "without-index", None)
    assert torch.equal(logprobs(tmp_path / "without-index"), wanted)


def test_files_of_another_save_are_left_out(model, tmp_path):
    """As transformers: model.safetensors goes before shards of another save beside it."""
    wanted = logprobs(model)
    stale = {n: t + 1 for n, t in load_file(str(model / "model.safetensors")).items()}
    save_file(stale, str(model / "model-00001-of-00001.safetensors"))
    import_model(model, tmp_path / "imported", None)
    assert_same_text(tmp_path / "imported", wanted)


def test_a_stored_head_counts_under_the_tie_flag(model, tmp_path):
    """Case 90: the head was trained apart; every reader of the installed model uses it."""
    head = torch.randn(320, 48, generator=torch.Generator().manual_seed(3)) * 0.3
    edit_weights(model, lambda t: t | {"lm_head.weight": head})
    result = import_model(model, tmp_path / "imported", None)
    assert "its own output head is used" in result["notes"][0]
    edit(model, tie_word_embeddings=False)
    assert_same_text(tmp_path / "imported", logprobs(model))
    assert torch.equal(logprobs(tmp_path / "imported"), logprobs(model))


def test_a_stored_head_that_is_the_embedding_stays_tied(model, tmp_path):
    edit_weights(model, lambda t: t | {"lm_head.weight": t["model.embed_tokens.weight"].clone()})
    assert len(import_model(model, tmp_path / "imported", None)["notes"]) == 1
    llama = Session(tmp_path / "imported", None).model.base.model
    assert llama.head is llama.embedding


# --- Chat templates ------------------------------------------------------------------------------


def test_the_served_chat_has_the_ids_of_transformers(model, tmp_path):
    """Case 65: what /v1/chat/completions asks, and what the importer has others compared with."""
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}[{{ m.role }}] {{ m.content | trim }}<eos>{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )
    result = import_model(model, tmp_path / "imported", None)
    # It takes Qwen's own way of splitting text for that of tokenizer.json.
    assert "its tokenizer.json is used" in result["notes"][1]
    probes = result["probes"]["chats"]
    session = Session(tmp_path / "imported", None)

    def ask(messages: list[dict]) -> list[int]:
        request = parse_completion({"model": "m", "messages": messages}, chat=True)
        return tokenize_prompts(request, session.model)[0]

    assert [p["ids"] is None for p in probes] == [True, False, False]
    for probe in probes[1:]:
        assert ask(probe["messages"]) == probe["ids"]
        assert 0 in probe["ids"]  # the mark is the token that it is
    with pytest.raises(EngineError, match="no system"):
        ask(probes[0]["messages"])


def test_a_template_with_a_switch_is_probed_with_thinking_on_and_off(model, tmp_path):
    """As Qwen3's: off, the model's turn begins with an empty thought."""
    (model / "chat_template.jinja").write_text(
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}<eos>{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% if enable_thinking is defined and not "
        "enable_thinking %}<query></query>{% endif %}{% endif %}"
    )
    result = import_model(model, tmp_path / "imported", None)
    probes = result["probes"]["chats"]
    switches = ["template"] * 3 + ["on"] * 3 + ["off"] * 3
    assert [p["thinking"] for p in probes] == switches
    plain, on, off = ([p["ids"] for p in probes[k : k + 3]] for k in (0, 3, 6))
    assert plain == on
    tokenizer = Tokenizer(tmp_path / "imported", 320, ())
    for without, shut in zip(plain, off, strict=True):
        assert tokenizer.decode(shut) == tokenizer.decode(without) + "<query></query>"


# --- verl's folders -----------------------------------------------------------------------------


def test_verl_layouts(qwen, tmp_path):
    """Case 87: of the new layout only a merged checkpoint holds weights."""
    new = tmp_path / "verl-new"
    for step in (10, 20):
        actor = new / f"global_step_{step}" / "actor"
        (actor / "huggingface").mkdir(parents=True)
        for name in ("config.json", "generation_config.json", "tokenizer.json"):
            shutil.copy(qwen / name, actor / "huggingface" / name)
        (actor / "model_world_size_1_rank_0.pt").write_bytes(b"a pickle")
    last = new / "global_step_20"
    for folder in (new, last, last / "actor", last / "actor" / "huggingface"):
        message = refused(folder, tmp_path)
        assert "sharded checkpoint" in message
        assert f"verl.model_merger merge --backend fsdp --local_dir {last / 'actor'}" in message
    shutil.copy(qwen / "model.safetensors", last / "actor" / "huggingface")
    assert import_model(new, tmp_path / "imported", None)["path"] == str(
        last / "actor" / "huggingface"
    )


@pytest.mark.parametrize("given", ["s3-8-3-3", "s3-8-3-3/actor", "s3-8-3-3/actor/global_step_20"])
def test_upstreams_last_step_is_found(qwen, tmp_path, given):
    for step in (5, 20, 10):
        shutil.copytree(qwen, tmp_path / "s3-8-3-3" / "actor" / f"global_step_{step}")
    found = import_model(tmp_path / given, tmp_path / "imported", None)["path"]
    assert found == str(tmp_path / "s3-8-3-3" / "actor" / "global_step_20")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["config.json", "tokenizer.json"], "no *.safetensors"),
        (["config.json", "model.safetensors"], "no tokenizer.json"),
        (["tokenizer.json"], "is no model"),
    ],
)
def test_what_a_folder_lacks_is_said(qwen, tmp_path, files, said):
    folder = tmp_path / "part"
    folder.mkdir()
    for name in files:
        shutil.copy(qwen / name, folder / name)
    assert said in refused(folder, tmp_path)


# --- Adapters -----------------------------------------------------------------------------------

TARGETS = ["q_proj", "v_proj", "down_proj"]


def save_adapter(base: Path, folder: Path, **settings: Any) -> Any:
    """Has PEFT make and save an adapter that changes something; returns PEFT's model."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(5)
    config: dict[str, Any] = {"r": 4, "lora_alpha": 6, "target_modules": TARGETS} | settings
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype="auto"),
        LoraConfig(task_type="CAUSAL_LM", **config),
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    model.save_pretrained(str(folder))
    return model


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"layers.1.self_attn.q_proj": 2}, "alpha_pattern": {"down_proj": 12}},
        {"layers_to_transform": [0, 3]},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "orthogonal"},
        {"target_modules": "all-linear"},
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapters_are_merged_as_peft_merges_them(qwen, tmp_path, settings, dtype):
    """Cases 89 and 90: in the base's own number format, whatever the engine computes in."""
    base = Path(shutil.copytree(qwen, tmp_path / "base"))
    edit_weights(base, lambda t: {n: v.to(dtype) for n, v in t.items()})
    edit(base, dtype=str(dtype).removeprefix("torch."))
    peft = save_adapter(base, tmp_path / "adapter", **settings)
    import_model(tmp_path / "adapter", tmp_path / "imported", base)
    merged = load_file(str(tmp_path / "imported" / "model.safetensors"))
    wanted = peft.merge_and_unload().state_dict()
    changed = 0
    for name, tensor in merged.items():
        assert tensor.dtype == dtype
        bound = 1e-5 if dtype == torch.float32 else 2**-7 * wanted[name].abs().clamp(min=1e-3)
        assert ((tensor - wanted[name]).abs() <= bound).all()
        changed += not torch.equal(tensor, load_file(str(base / "model.safetensors"))[name])
    assert changed >= 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["embed_tokens"]}, "modules_to_save"),
        ({"bias": "all"}, "bias all"),
        ({"lora_bias": True}, "lora_bias"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights pissa"),
        ({"init_lora_weights": "olora"}, "init_lora_weights olora"),
        ({"target_modules": ["embed_tokens"]}, "no factor of a linear map"),
    ],
)
def test_adapters_that_mean_something_else_are_refused(qwen, tmp_path, settings, said):
    """Case 90: with the reason, as PEFT itself writes them."""
    save_adapter(qwen, tmp_path / "adapter", **settings)
    assert said in refused(tmp_path / "adapter", tmp_path, qwen)


@pytest.mark.parametrize(
    "changes",
    [
        {"init_lora_weights": "corda"},
        {"init_lora_weights": "loftq"},
        {"init_lora_weights": "pissa_niter_16"},
        {"init_lora_weights": "lora_ga"},
        {"fan_in_fan_out": True},
        {"layer_replication": [[0, 2], [1, 3]]},
        {"peft_type": "IA3"},
        {"a_setting_of_tomorrow": 3},
    ],
)
def test_adapter_settings_that_are_not_known_are_refused(qwen, tmp_path, changes):
    save_adapter(qwen, tmp_path / "adapter")
    edit(tmp_path / "adapter", "adapter_config.json", **changes)
    message = refused(tmp_path / "adapter", tmp_path, qwen)
    assert str(next(iter(changes.values()))) in message or next(iter(changes)) in message


def test_an_adapter_needs_the_base_that_it_was_trained_on(qwen, tiny, tmp_path):
    save_adapter(qwen, tmp_path / "adapter")
    assert "--base" in refused(tmp_path / "adapter", tmp_path)
    edit_weights(
        tmp_path / "adapter",
        lambda t: {n.replace("layers.3", "layers.9"): v for n, v in t.items()},
        "adapter_model.safetensors",
    )
    message = refused(tmp_path / "adapter", tmp_path, qwen)
    assert "has none: give the base that it was trained on" in message
    assert "needs no --base" in refused(qwen, tmp_path, tiny)
