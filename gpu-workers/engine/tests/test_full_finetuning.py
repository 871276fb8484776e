"""Full fine-tuning equals steps of transformers and torch; other libraries' folders."""

import json

import pytest
import torch

from engine.errors import EngineError
from engine.models.huggingface import collect_weights
from engine.training.full_finetuning import FullFinetuning

from .conftest import LORA, Session, reference_logprobs, reference_model
from .test_forward_backward import relative


def full(folder, first_layer: int = 0, **body) -> Session:
    return Session(folder, None, full={"firstLayer": first_layer}, **body)


def make_data() -> list[dict]:
    g = torch.Generator().manual_seed(5)
    data = []
    for group in range(2):
        for _ in range(3):
            ids = (
                list(range(100, 125))
                + [40 + group] * 3
                + torch.randint(1, 320, (10,), generator=g).tolist()
            )
            data.append({"ids": ids, "weights": [0.0] * 28 + [0.5] * 4 + [0.0] * 2 + [1.0] * 4})
    return data


def plain_loss(model, data: list[dict]) -> torch.Tensor:
    total = torch.zeros(())
    for datum in data:
        lp = reference_logprobs(model, datum["ids"])
        total = total - sum(w * lp[p, datum["ids"][p]] for p, w in enumerate(datum["weights"]) if w)
    return total


def trained_names(session: Session, first_layer: int, tied: bool) -> list[str]:
    llama = session.model.base.model
    names = list(collect_weights(llama, True))
    if first_layer == 0:
        return names
    return [
        n
        for n in names
        if n == "model.norm.weight"
        or (n.startswith("model.layers.") and int(n.split(".")[2]) >= first_layer)
    ]


@pytest.mark.parametrize(("first_layer", "decays"), [(0, "matrices"), (0, "all"), (2, "matrices")])
def test_steps_equal_those_of_transformers_and_torch(each_model, tmp_path, first_layer, decays):
    """Gradients, norms and three AdamW steps; what is frozen stays as it is."""
    from transformers import AutoModelForCausalLM

    session = full(each_model, first_layer)
    session.call("export", path=str(tmp_path / "start"))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "start").eval()
    named = dict(model.named_parameters())
    tied = "lm_head.weight" not in named
    names = trained_names(session, first_layer, tied)
    matrices = [named[n] for n in names if named[n].dim() > 1]
    rest = [named[n] for n in names if named[n].dim() == 1]
    for name, parameter in named.items():
        parameter.requires_grad_(name in names)
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": 0.1},
            {"params": rest, "weight_decay": 0.1 if decays == "all" else 0.0},
        ],
        lr=1e-3,
        betas=(0.9, 0.95),
    )
    trainable, tuning = session.trainable, session.model.tuning
    assert isinstance(tuning, FullFinetuning)
    assert trainable.values.numel() == sum(p.numel() for p in matrices + rest)
    for _ in range(3):
        loss = plain_loss(model, make_data())
        optimiser.zero_grad()
        loss.backward()
        result = session.call("forward_backward", loss="cross_entropy", data=make_data())
        assert result["loss"] == pytest.approx(float(loss.detach()), rel=1e-4)
        got = collect_weights(tuning.build_float32_model(trainable.tensors(session.gradient)), True)
        for name in names:
            want = named[name].grad
            assert want is not None
            # A key's bias hardly moves the softmax: what is left of its gradient is rounding.
            assert relative(got[name], want) < 1e-3, name
        norm = torch.nn.utils.clip_grad_norm_(matrices + rest, 1.0)
        optimiser.step()
        step = session.call("optim_step", learningRate=1e-3, weightDecay=0.1, decays=decays)
        assert step["gradNorm"] == pytest.approx(float(norm), rel=1e-4)
    now = collect_weights(tuning.build_float32_model(trainable.tensors(trainable.values)), True)
    assert set(now) == set(named)
    for name, parameter in named.items():
        # AdamW divides by the gradient's size: where that is rounding, so is the step.
        assert relative(now[name], parameter.detach()) < 1e-4, name
    sampled = session.call(
        "sample", adapter=True, sequences=[{"ids": [5, 6, 7], "maxTokens": 5, "temperature": 0}]
    )["sequences"][0][0]
    with torch.no_grad():
        lp = reference_logprobs(model, [5, 6, 7] + sampled["ids"])
    assert sampled["ids"] == [int(row.argmax()) for row in lp[3:]]


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_checkpointing_changes_no_bit(tiny, tuning):
    def gradient(**body) -> torch.Tensor:
        session = full(tiny, 1, **body) if tuning == "full" else Session(tiny, **body)
        session.call("forward_backward", loss="cross_entropy", data=make_data())
        return session.gradient

    assert torch.equal(gradient(checkpointing=True), gradient())


def test_masters_learn_what_bfloat16_would_lose(tiny):
    """Steps below the resolution of bfloat16 add up in the float32 weights, and have effect."""
    from engine.device import choose_device
    from engine.engine import Engine

    session = full(tiny, 0, engine=Engine(choose_device("cpu", "bfloat16")), randomize=False)
    before = session.trainable.values.clone()
    losses = []
    for _ in range(20):
        losses.append(
            session.call("forward_backward", loss="cross_entropy", data=make_data())["loss"]
        )
        session.call("optim_step", learningRate=1e-4)
    values = session.trainable.values
    assert values.dtype == torch.float32
    assert session.model.merged().norm.dtype == torch.bfloat16
    assert (values - values.bfloat16().float()).abs().max() > 0
    assert not torch.equal(values, before)
    assert losses[-1] < losses[0]


def test_a_micro_batch_or_its_company_does_not_matter(tiny):
    session = full(tiny)

    def gradient(data: list[dict], **body) -> torch.Tensor:
        session.trainable.gradient = None
        session.call("forward_backward", loss="cross_entropy", data=data, **body)
        return session.gradient

    data = make_data()
    whole = gradient(data)
    for budget in (1, 50, 90):
        assert relative(gradient(data, tokenBudget=budget), whole) < 1e-5
    assert relative(torch.stack([gradient([d]) for d in data]).sum(0), whole) < 1e-5


def test_full_weights_are_exported_and_imported_without_loss(each_model, tmp_path):
    for first_layer in (0, 2):
        session = full(each_model, first_layer)
        path = str(tmp_path / f"actor-{first_layer}")
        session.call("export", path=path)
        other = full(each_model, first_layer, seed=50)
        assert other.call("import_weights", path=path) == session.call("weights_hash")
    # The folder is a base like any other.
    assert Session(tmp_path / "actor-0").model.base.model.config == session.model.base.model.config


def test_frozen_weights_that_differ_are_refused(tiny, tmp_path):
    full(tiny).call("export", path=str(tmp_path / "all"))
    session = full(tiny, 2)
    before = session.call("weights_hash")
    with pytest.raises(EngineError, match=r"differs from the base in .*frozen here"):
        session.call("import_weights", path=str(tmp_path / "all"))
    with pytest.raises(EngineError, match=r"neither adapter_config\.json nor config\.json"):
        session.call("import_weights", path=str(tmp_path))
    with pytest.raises(EngineError, match="holds whole weights"):
        Session(tiny).call("import_weights", path=str(tmp_path / "all"))
    assert session.call("weights_hash") == before


def test_upstreams_folders_are_found(tiny, tmp_path):
    """verl_checkpoints/EXPERIMENT/actor/global_step_N: the last step of the experiment, of the
    actor, or that one.
    """
    for step, seed in ((5, 1), (20, 2)):
        full(tiny, seed=seed).call(
            "export", path=str(tmp_path / "experiment" / "actor" / f"global_step_{step}")
        )
    want = full(tiny, seed=2).call("weights_hash")
    for path in (
        tmp_path / "experiment",
        tmp_path / "experiment" / "actor",
        tmp_path / "experiment" / "actor" / "global_step_20",
    ):
        assert full(tiny, seed=9).call("import_weights", path=str(path)) == want
        assert Session(path).model.base.folder.name == "global_step_20"


@pytest.mark.parametrize(
    "lora", [LORA, {**LORA, "firstLayer": 0, "targets": ["q_proj", "v_proj", "down_proj"]}]
)
def test_a_merged_export_loads_in_transformers(each_model, tmp_path, lora):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    session = Session(each_model, lora)
    session.call("export", path=str(tmp_path / "merged"), merged=True)
    ids = list(range(10, 40))
    with torch.no_grad():
        want = reference_logprobs(
            AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval(), ids
        )
        adapted = reference_logprobs(reference_model(session), ids)
    assert (want - adapted).abs().max() < 2e-4
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").decode(
        [70, 71]
    ) == session.model.base.tokenizer.decode([70, 71])
    base = Session(tmp_path / "merged", None)
    got = base.call("forward", adapter=False, data=[{"ids": ids, "weights": [0.0] + [1.0] * 29}])[
        "logprobs"
    ][0]
    assert max(abs(got[i] - want[i, ids[i]].item()) for i in range(1, 30)) < 1e-4


def test_adapters_of_peft_are_imported(tiny, tmp_path):
    """Its own export to the bit; one that PEFT wrote, under another alpha and with rslora, by what
    it computes.
    """
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    session = Session(tiny)
    session.call("export", path=str(tmp_path / "own"))
    other = Session(tiny, seed=60)
    other.call("forward_backward", loss="cross_entropy", data=make_data())
    imported = other.call("import_weights", path=str(tmp_path / "own"))
    assert imported == session.call("weights_hash")
    assert other.trainable.gradient is None
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    config = LoraConfig(
        r=4,
        lora_alpha=6,
        use_rslora=True,
        init_lora_weights=False,
        target_modules=LORA_TARGETS,
        layers_to_transform=[1, 2, 3],
        task_type="CAUSAL_LM",
    )
    peft = get_peft_model(base, config).eval()
    peft.save_pretrained(tmp_path / "theirs")
    other.call("import_weights", path=str(tmp_path / "theirs"))
    ids = list(range(10, 40))
    with torch.no_grad():
        want = reference_logprobs(peft, ids)
    got = other.call("forward", adapter=True, data=[{"ids": ids, "weights": [0.0] + [1.0] * 29}])[
        "logprobs"
    ][0]
    assert max(abs(got[i] - want[i, ids[i]].item()) for i in range(1, 30)) < 2e-4
    with pytest.raises(EngineError, match=r"rank 4, .* does not fit this model \(rank 2"):
        Session(tiny, {**LORA, "rank": 2}).call("import_weights", path=str(tmp_path / "own"))
    raw = json.loads((tmp_path / "own" / "adapter_config.json").read_text())
    (tmp_path / "own" / "adapter_config.json").write_text(json.dumps({**raw, "use_dora": True}))
    with pytest.raises(EngineError, match="use_dora"):
        other.call("import_weights", path=str(tmp_path / "own"))


LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
