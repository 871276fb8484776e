"""Models that the engine's own layers do not compute, against transformers itself and PEFT."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.api.dialect import OPERATIONS
from engine.errors import EngineError
from engine.models.transformers_model import LibraryFullFinetuning, LibraryLora

from .conftest import Session, make_engine, reference_logprobs
from .library_models import KINDS, save_library_model

LOGPROBS, GRADIENTS = 1e-4, 1e-3
# Of different lengths, so that batches are padded.
DATA_IDS = [list(range(10, 50)), [*range(10, 30), 7, 9, 11], list(range(200, 212))]


@pytest.fixture(scope="session", params=list(KINDS))
def folder(request, tmp_path_factory) -> Path:
    return save_library_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="session")
def sliding(tmp_path_factory) -> Path:
    return save_library_model(tmp_path_factory.mktemp("sliding"), "mistral-sliding")


@cache
def load_reference(folder: Path) -> Any:
    """transformers' model with plain attention, which the engine asks for only where it must."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def reference_with_weights(session: Session) -> Any:
    """The reference with the session's trained weights: through PEFT, or written into it."""
    import copy

    from peft import LoraConfig, get_peft_model

    model = copy.deepcopy(load_reference(session.folder))
    tuning, trained = session.library_model.tuning, session.trainable
    own = trained.tensors(trained.values)
    if isinstance(tuning, LibraryLora):
        names = list(tuning.modules)
        config = LoraConfig(
            r=tuning.config.rank, lora_alpha=int(tuning.config.alpha), target_modules=names
        )
        model = get_peft_model(model, config)
    assert isinstance(tuning, LibraryLora | LibraryFullFinetuning)
    loaded = set()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            key = name.replace(".default", "")
            if key in own:
                parameter.copy_(own[key])
                parameter.requires_grad_(True)
                loaded.add(key)
            else:
                parameter.requires_grad_(False)
    assert loaded == set(own)
    return model.eval()


def make_data(**columns: Any) -> list[dict]:
    """Actions here and there: a gap in the middle, nothing in the prompt."""
    data = []
    for k, ids in enumerate(DATA_IDS):
        weights = [0.0] * len(ids)
        for i in range(5, len(ids)):
            weights[i] = 0.0 if i % 7 == 3 else 0.5 + 0.1 * ((i + k) % 4)
        row = {"ids": ids, "weights": weights}
        for name, value in columns.items():
            row[name] = [value(i) for i in range(len(ids))]
        data.append(row)
    return data


TUNINGS = {
    "lora": {"lora": {"rank": 4, "alpha": 8, "firstLayer": 1}},
    "full": {"lora": None, "full": {"firstLayer": 0}},
    "full-upper": {"lora": None, "full": {"firstLayer": 2}},
}


def make_session(folder: Path, tuning: str, **body: Any) -> Session:
    if tuning.startswith("lora") and "gpt2" in folder.name:
        pytest.skip("GPT-2's maps are no linear maps of torch: it is trained in full")
    session = Session(folder, **(TUNINGS[tuning] | body))
    assert session.library_model
    return session


def test_log_probabilities_of_the_base(folder):
    session = Session(folder, None)
    data = make_data()
    got = session.call("forward", adapter=False, data=data, entropy=True, temperature=0.7)
    model = load_reference(folder)
    for k, row in enumerate(data):
        with torch.no_grad():
            want = reference_logprobs(model, row["ids"], 0.7)
        for i, weight in enumerate(row["weights"]):
            picked = float(want[i, row["ids"][i]]) if weight else 0.0
            assert got["logprobs"][k][i] == pytest.approx(picked, abs=LOGPROBS)
            entropy = float(-(want[i].exp() * want[i]).sum()) if weight else 0.0
            assert got["entropies"][k][i] == pytest.approx(entropy, abs=LOGPROBS)


@pytest.mark.parametrize("tuning", list(TUNINGS))
def test_gradients(folder, tuning):
    session = make_session(folder, tuning)
    data = make_data()
    # A budget that makes more than one batch.
    result = session.call("forward_backward", loss="cross_entropy", data=data, tokenBudget=64)
    model = reference_with_weights(session)
    loss = torch.zeros(())
    for k, row in enumerate(data):
        want = reference_logprobs(model, row["ids"])
        for i, weight in enumerate(row["weights"]):
            if weight:
                loss = loss - weight * want[i, row["ids"][i]]
                assert result["logprobs"][k][i] == pytest.approx(
                    float(want[i, row["ids"][i]]), abs=LOGPROBS
                )
    loss.backward()
    assert result["loss"] == pytest.approx(float(loss), rel=1e-4)
    by_name = {n.replace(".default", ""): p.grad for n, p in model.named_parameters()}
    got = session.trainable.tensors(session.gradient)
    for name, gradient in got.items():
        want = by_name[name]
        want = torch.zeros_like(gradient) if want is None else want
        scale = max(1.0, float(want.abs().max()))
        assert float((gradient - want).abs().max()) <= GRADIENTS * scale, name
    assert float(session.gradient.abs().max()) > 0.01


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_checkpointing_gives_the_same_gradient(sliding, tuning):
    gradients = []
    for checkpointing in (False, True):
        session = make_session(sliding, tuning, checkpointing=checkpointing)
        session.call("forward_backward", loss="cross_entropy", data=make_data())
        gradients.append(session.gradient)
    assert torch.equal(*gradients)
    # And what was replaced for the gradient is as it was.
    base = session.library_model.base.model
    assert not any("forward" in vars(layer) for layer in base.layers)
    assert all(isinstance(p, torch.nn.Parameter) for p in map(base.get_parameter, base.places))


def test_ppo_loss_and_its_gradient(sliding):
    session = make_session(sliding, "lora")
    columns = {
        "advantages": lambda i: (-1.0) ** i,
        "logprobs": lambda i: -5.0 - 0.1 * (i % 3),
        "referenceLogprobs": lambda i: -5.2,
    }
    config = {"klCoef": 0.1, "entropyCoef": 0.02, "temperature": 0.9}
    result = session.call("forward_backward", loss="ppo", config=config, data=make_data(**columns))
    model, loss, clipped = reference_with_weights(session), torch.zeros(()), 0
    for row in make_data(**columns):
        want = reference_logprobs(model, row["ids"], 0.9)
        for i, weight in enumerate(row["weights"]):
            if not weight:
                continue
            lp, entropy = want[i, row["ids"][i]], -(want[i].exp() * want[i]).sum()
            ratio, advantage = (lp - row["logprobs"][i]).exp(), row["advantages"][i]
            whole, cut = -ratio * advantage, -ratio.clamp(0.8, 1.2) * advantage
            clipped += int(cut > whole)
            difference = row["referenceLogprobs"][i] - lp
            kl = difference.exp() - difference - 1
            loss = loss + weight * (torch.maximum(whole, cut) + 0.1 * kl - 0.02 * entropy)
    loss.backward()
    assert result["loss"] == pytest.approx(float(loss), rel=1e-4)
    assert result["clipped"] == clipped
    by_name = {n.replace(".default", ""): p.grad for n, p in model.named_parameters()}
    for name, gradient in session.trainable.tensors(session.gradient).items():
        want = by_name[name]
        assert want is not None
        scale = max(1.0, float(want.abs().max()))
        assert float((gradient - want).abs().max()) <= GRADIENTS * scale, name


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_sampling_with_the_cache_is_what_the_whole_sequence_gives(folder, tuning):
    """Greedy and guided rows, of different lengths and past the windows, in one batch."""
    if "gpt2" in folder.name:
        tuning = "full"
    session = make_session(folder, tuning)
    guide = {"lark": 'start: "<query>" /[a-z]{4,12}/ "</query> [1, 2]"'}
    sequences: list[dict[str, Any]] = [
        {"ids": list(range(10, 40)), "maxTokens": 12, "temperature": 0},
        {"ids": list(range(10, 15)), "maxTokens": 20, "seed": 5, "n": 2},
        {"ids": list(range(200, 209)), "maxTokens": 40, "seed": 5, "guide": guide},
    ]
    result = session.call("sample", adapter=True, sequences=sequences)
    model = reference_with_weights(session)
    for sequence, samples in zip(sequences, result["sequences"], strict=True):
        for one in samples:
            ids = sequence["ids"] + one["ids"]
            with torch.no_grad():
                want = reference_logprobs(model, ids)
            for k, token in enumerate(one["ids"]):
                row = want[len(sequence["ids"]) + k]
                if sequence.get("temperature") == 0:
                    assert float(row.max() - row[token]) <= LOGPROBS
                if "guide" not in sequence:
                    assert one["logprobs"][k] == pytest.approx(float(row[token]), abs=LOGPROBS)
    guided = result["sequences"][2][0]
    assert guided["text"].startswith("<query>")
    assert any(guided["forced"])
    # What guided sampling says of its tokens is what the gradient computes for them.
    start = len(sequences[2]["ids"])
    ids = sequences[2]["ids"] + guided["ids"]
    if guided["finishReason"] == "guide":
        weights = [0.0] * start + [0.0 if f else 1.0 for f in guided["forced"]]
        span = {"start": start, "end": len(ids), "lark": guide["lark"]}
        datum = {"ids": ids, "weights": weights, "guides": [span]}
        got = session.call("forward", adapter=True, data=[datum])["logprobs"][0][start:]
        assert got == pytest.approx(guided["logprobs"], abs=LOGPROBS)
    # Equal calls give equal bits.
    again = session.call("sample", adapter=True, sequences=sequences)
    assert again["sequences"] == result["sequences"]


def test_without_a_cache_sampling_computes_the_same(sliding):
    session = make_session(sliding, "lora")
    body = {"adapter": True, "sequences": [{"ids": DATA_IDS[0], "maxTokens": 9, "temperature": 0}]}
    with_cache = session.call("sample", **body)["sequences"][0][0]
    session.library_model.base.model.has_cache = False
    try:
        without = session.call("sample", **body)["sequences"][0][0]
    finally:
        session.library_model.base.model.has_cache = True
    assert without["ids"] == with_cache["ids"]
    assert without["logprobs"] == pytest.approx(with_cache["logprobs"], abs=LOGPROBS)


# --- What goes in and out -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def gemma(tmp_path_factory) -> Path:
    return save_library_model(tmp_path_factory.mktemp("gemma"), "gemma2")


@pytest.mark.parametrize("tuning", list(TUNINGS))
def test_a_saved_state_goes_on_to_the_same_weights(gemma, tmp_path, tuning):
    def step(session: Session) -> str:
        session.call("forward_backward", loss="cross_entropy", data=make_data())
        session.call("optim_step", learningRate=0.01)
        return session.call("weights_hash")["hash"]

    session = make_session(gemma, tuning)
    first = step(session)
    session.call("save_state", path=str(tmp_path / "state"))
    second = step(session)
    other = make_session(gemma, tuning, seed=9)
    assert other.call("load_state", path=str(tmp_path / "state"))["hash"] == first
    assert step(other) == second != first


def test_an_adapter_is_exported_for_peft_and_read_again(gemma, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    session = make_session(gemma, "lora")
    session.call("export", path=str(tmp_path / "adapter"))
    session.call("export", path=str(tmp_path / "merged"), merged=True)
    base = AutoModelForCausalLM.from_pretrained(gemma, dtype=torch.float32)
    base.set_attn_implementation("eager")
    peft = PeftModel.from_pretrained(base, str(tmp_path / "adapter")).eval()
    merged = AutoModelForCausalLM.from_pretrained(
        tmp_path / "merged", dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = DATA_IDS[0]
    data = [{"ids": ids, "weights": [0.0] + [1.0] * (len(ids) - 1)}]
    ours = torch.tensor(session.call("forward", adapter=True, data=data)["logprobs"][0])
    plain = torch.tensor(session.call("forward", adapter=False, data=data)["logprobs"][0])
    assert (ours - plain).abs().max() > 0.01
    for model in (peft, merged):
        with torch.no_grad():
            want = reference_logprobs(model, ids)[range(len(ids)), ids]
        assert (ours - want).abs().max() < LOGPROBS
    again = make_session(gemma, "lora", seed=9)
    again.call("import_weights", path=str(tmp_path / "adapter"))
    assert torch.equal(again.trainable.values, session.trainable.values)


def test_full_weights_are_exported_for_transformers_and_read_again(gemma, tmp_path):
    session = make_session(gemma, "full-upper")
    session.call("export", path=str(tmp_path / "full"))
    served = Session(tmp_path / "full", None)
    ids = DATA_IDS[0]
    data = [{"ids": ids, "weights": [0.0] + [1.0] * (len(ids) - 1)}]
    ours = session.call("forward", adapter=True, data=data)["logprobs"]
    assert served.call("forward", adapter=False, data=data)["logprobs"] == ours
    again = make_session(gemma, "full-upper", seed=9)
    again.call("import_weights", path=str(tmp_path / "full"))
    assert torch.equal(again.trainable.values, session.trainable.values)
    below = Session(gemma, None, full={"firstLayer": 3}, seed=9)
    with pytest.raises(EngineError, match="which is frozen here"):
        below.call("import_weights", path=str(tmp_path / "full"))


@pytest.mark.parametrize("kind", ["gptj", "gpt_neox", "gpt2"])
def test_a_merged_export_keeps_the_head_apart_or_tied_as_it_is(tmp_path, kind):
    """Whatever the names of head and embedding are."""
    base = save_library_model(tmp_path / "base", kind)
    tied = kind == "gpt2"
    session = Session(base, **({"lora": None, "full": {"firstLayer": 2}} if tied else {}))
    session.call("export", path=str(tmp_path / "merged"), merged=True)
    config = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert config["tie_word_embeddings"] is tied
    ids = DATA_IDS[0]
    data = [{"ids": ids, "weights": [0.0] + [1.0] * (len(ids) - 1)}]
    ours = session.call("forward", adapter=True, data=data)["logprobs"][0]
    with torch.no_grad():
        want = reference_logprobs(load_reference(tmp_path / "merged"), ids)
    assert (torch.tensor(ours) - want[range(len(ids)), ids]).abs().max() < LOGPROBS


MAPS = {
    "phi3": ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"],
    "gpt_neox": ["dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"],
    "gptj": ["fc_in", "fc_out", "k_proj", "out_proj", "q_proj", "v_proj"],
    "phi": ["dense", "fc1", "fc2", "k_proj", "q_proj", "v_proj"],
    "qwen3": ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
}


@pytest.mark.parametrize("kind", list(MAPS))
def test_the_default_targets_are_all_maps_unless_each_name_is_there(tmp_path, kind):
    base = save_library_model(tmp_path / "base", kind)
    tuning = Session(base).library_model.tuning
    assert isinstance(tuning, LibraryLora)
    assert sorted({name.rpartition(".")[2] for name in tuning.modules}) == MAPS[kind]
    assert {name.split(".")[2] for name in tuning.modules} == {"1", "2", "3"}
    engine = make_engine()
    body = {"base": str(base), "lora": {"rank": 2, "alpha": 2}, "seed": 0}
    parsed = OPERATIONS["create_model"].body.model_validate(body)
    assert engine.run("create_model", "m", parsed, lambda: None)["adaptedMaps"] == MAPS[kind]
    if target := next((name for name in ("down_proj", "q_proj") if name in MAPS[kind]), None):
        alone = {"rank": 2, "alpha": 2, "targets": [target]}
        named = Session(base, alone).library_model.tuning
        assert isinstance(named, LibraryLora)
        assert named.list_maps() == [target]


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_critic_gives_values_with_gradients_and_round_trips(gemma, tmp_path, tuning):
    """Against transformers' token classifier, as verl's critics are."""
    from transformers import AutoModelForTokenClassification

    session = make_session(gemma, tuning, head="value")
    data = make_data(returns=lambda i: 0.1 * i - 1, values=lambda i: 0.0)
    values = session.call("forward", adapter=True, data=data)["values"]
    result = session.call("forward_backward", loss="value", data=data)
    assert result["values"] == values
    session.call("export", path=str(tmp_path / "critic"), merged=True)
    classifier = AutoModelForTokenClassification.from_pretrained(
        tmp_path / "critic", dtype=torch.float32, attn_implementation="eager"
    ).eval()
    loss = torch.zeros(())
    for k, row in enumerate(data):
        out = classifier(torch.tensor([row["ids"]])).logits[0, :, 0]
        for i, weight in enumerate(row["weights"]):
            if weight:
                assert values[k][i] == pytest.approx(float(out[i - 1]), abs=LOGPROBS)
                loss = loss + weight / 2 * (out[i - 1] - row["returns"][i]) ** 2
    loss.backward()
    assert result["loss"] == pytest.approx(float(loss), rel=1e-4)
    own = session.trainable.tensors(session.gradient)
    for name in ("score.weight", "score.bias"):
        want = classifier.get_parameter(name).grad
        assert want is not None
        assert (own[name] - want).abs().max() <= GRADIENTS * max(1.0, float(want.abs().max()))
    if tuning == "full":
        again = make_session(gemma, tuning, head="value", seed=9)
        again.call("import_weights", path=str(tmp_path / "critic"))
        assert torch.equal(again.trainable.values, session.trainable.values)


def test_keys_of_these_models_hold_transformers_and_those_of_others_nothing_new(gemma, tiny):
    import transformers

    engine = Session(tiny, None).engine
    made = {}
    for name, path in (("a", gemma), ("b", tiny)):
        body = OPERATIONS["create_model"].body.model_validate(
            {"base": str(path), "lora": None, "seed": 0}
        )
        made[name] = engine.run("create_model", name, body, lambda: None)["library"]
    assert made["a"] == f"transformers {transformers.__version__} numerics 2"
    assert made["b"] is None


def test_what_the_layers_lack_is_said(gemma, tmp_path):
    with pytest.raises(EngineError, match="firstLayer is 4"):
        Session(gemma, {"rank": 2, "alpha": 2, "firstLayer": 4})
    gpt2 = save_library_model(tmp_path / "gpt2", "gpt2")
    with pytest.raises(EngineError, match="train it in full"):
        Session(gpt2)
    phi = save_library_model(tmp_path / "phi", "phi")
    with pytest.raises(EngineError, match="has no map gate_proj; its layers have dense, fc1"):
        Session(phi, {"rank": 2, "alpha": 2, "targets": ["gate_proj"]})
