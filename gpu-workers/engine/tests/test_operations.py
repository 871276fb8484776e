"""Operations run once and in order, can be cancelled; saved states resume to the last bit."""

import threading

import pytest
import torch

from engine.api.operations import Operations
from engine.errors import CancelledError, EngineError

from .conftest import LORA, Session, make_engine

DATUM = {"ids": [5, 6, 7, 8, 9], "weights": [0, 0, 1, 1, 1]}


@pytest.fixture
def operations(tiny):
    operations = Operations(make_engine())
    done(
        operations.submit(
            {
                "id": "create",
                "model": "m",
                "kind": "create_model",
                "body": {"base": str(tiny), "lora": LORA, "seed": 1},
            }
        )
    )
    return operations


def done(operation):
    operation.finished.result(timeout=60)
    assert operation.state == "done", operation.error
    return operation.result


def request(id: str, kind: str, sequence: int | None = None, **body) -> dict:
    return {"id": id, "model": "m", "kind": kind, "sequence": sequence, "body": body}


def test_a_repeated_id_changes_nothing(operations):
    send = request("a", "forward_backward", 1, loss="cross_entropy", data=[DATUM])
    first = operations.submit(send)
    result = done(first)
    gradient = operations.engine.get_model("m").require_trainable().gradient.clone()
    assert operations.submit(send) is first
    assert done(first) == result
    assert torch.equal(operations.engine.get_model("m").require_trainable().gradient, gradient)
    done(operations.submit(request("b", "optim_step", 2, learningRate=1e-3)))
    assert operations.submit(request("b", "optim_step", 2, learningRate=1e-3)).result["step"] == 1


def test_gaps_and_repeats_of_the_sequence_are_refused(operations):
    for sequence, what in ((2, "leaves a gap"), (None, "needs a sequence number")):
        with pytest.raises(EngineError, match=what):
            operations.submit(request("x", "optim_step", sequence, learningRate=1e-3))
    done(operations.submit(request("a", "forward_backward", 1, loss="cross_entropy", data=[DATUM])))
    with pytest.raises(EngineError, match="already used") as error:
        operations.submit(request("b", "forward_backward", 1, loss="cross_entropy", data=[DATUM]))
    assert error.value.code == "out-of-order"
    with pytest.raises(EngineError, match="takes no sequence"):
        operations.submit(request("c", "weights_hash", 2))
    with pytest.raises(EngineError, match="no model"):
        operations.submit({**request("d", "optim_step", 1, learningRate=1e-3), "model": "other"})


def test_a_refused_body_uses_no_number_up(operations):
    with pytest.raises(EngineError, match=r"data.0: .*weights has 1 entries"):
        operations.submit(
            request(
                "a",
                "forward_backward",
                1,
                loss="cross_entropy",
                data=[{"ids": [1, 2], "weights": [0]}],
            )
        )
    with pytest.raises(EngineError, match="unknownKey"):
        operations.submit(
            request("a", "forward_backward", 1, loss="cross_entropy", data=[DATUM], unknownKey=1)
        )
    with pytest.raises(EngineError, match="ppo needs advantages"):
        operations.submit(request("a", "forward_backward", 1, loss="ppo", data=[DATUM]))
    done(operations.submit(request("a", "forward_backward", 1, loss="cross_entropy", data=[DATUM])))


def test_cancelling_a_running_and_a_waiting_operation(operations):
    long = operations.submit(
        request(
            "long",
            "sample",
            adapter=True,
            sequences=[
                {"ids": [5], "maxTokens": 500, "n": 64, "guide": {"lark": "start: /[a-z ]+/"}}
            ],
        )
    )
    waiting = operations.submit(
        request("waiting", "forward_backward", 1, loss="cross_entropy", data=[DATUM])
    )
    operations.cancel("waiting")
    threading.Event().wait(0.2)
    operations.cancel("long")
    for operation in (long, waiting):
        operation.finished.result(timeout=20)
        assert operation.state == "cancelled"
    assert operations.engine.get_model("m").require_trainable().gradient is None
    done(
        operations.submit(
            request("next", "forward_backward", 2, loss="cross_entropy", data=[DATUM])
        )
    )


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_cancelled_call_leaves_no_trace(tiny, after):
    """Stopped before the n-th layer of a gradient or a prefill: no gradient, and the caches hold
    nothing half computed.
    """

    def stop_after(calls: int):
        left = [calls]

        def check():
            left[0] -= 1
            if left[0] < 0:
                raise CancelledError()

        return check

    session = Session(tiny)
    with pytest.raises(CancelledError):
        session.call(
            "forward_backward", check=stop_after(after), loss="cross_entropy", data=[DATUM]
        )
    assert session.trainable.gradient is None
    with pytest.raises(CancelledError):
        session.call(
            "sample",
            check=stop_after(after),
            adapter=True,
            sequences=[{"ids": [5, 6, 7, 8], "maxTokens": 20, "temperature": 0}],
        )
    sequences = [
        {"ids": [5, 6, 7, 9], "maxTokens": 5, "temperature": 0},
        {"ids": [5, 6, 7, 8], "maxTokens": 5, "temperature": 0},
    ]
    got = session.call("sample", adapter=True, sequences=sequences)["sequences"]
    want = Session(tiny).call("sample", adapter=True, sequences=sequences)["sequences"]
    assert [x[0]["ids"] for x in got] == [x[0]["ids"] for x in want]


def train(session: Session, steps: range) -> list[str]:
    """Samples and trains; returns the hash after each step."""
    hashes = []
    for step in steps:
        sampled = session.call(
            "sample",
            adapter=True,
            sequences=[
                {"ids": [5, 6, 7, 30 + i], "maxTokens": 6, "seed": 10 * step + i, "n": 2}
                for i in range(3)
            ],
        )
        data = []
        for i, samples in enumerate(sampled["sequences"]):
            for one in samples:
                weights = [0.0] * 4 + [1.0] * len(one["ids"])
                data.append(
                    {
                        "ids": [5, 6, 7, 30 + i] + one["ids"],
                        "weights": weights,
                        "advantages": [float(len(set(one["ids"])) - 4)] * len(weights),
                        "logprobs": [0.0] * 4 + one["logprobs"],
                    }
                )
        session.call("forward_backward", loss="ppo", data=data)
        session.call("optim_step", learningRate=1e-2, weightDecay=0.01)
        hashes.append(session.call("weights_hash")["hash"])
    return hashes


def test_a_resumed_run_ends_with_the_same_bits(tiny, tmp_path):
    undisturbed = Session(tiny, randomize=False)
    before = train(undisturbed, range(2))
    undisturbed.call("snapshot", name="cold")
    saved = undisturbed.call("save_state", path=str(tmp_path / "state"))
    after = train(undisturbed, range(2, 5))
    assert len(set(before + after)) == 5
    assert saved["hash"] == before[-1]
    resumed = Session(tiny, seed=99)
    assert resumed.call("load_state", path=str(tmp_path / "state"))["step"] == 2
    assert train(resumed, range(2, 5)) == after
    assert torch.equal(resumed.trainable.snapshots["cold"], undisturbed.trainable.snapshots["cold"])


def test_a_gradient_in_progress_is_saved(tiny, tmp_path):
    session = Session(tiny)
    session.call("forward_backward", loss="cross_entropy", data=[DATUM])
    session.call("save_state", path=str(tmp_path / "state"))
    other = Session(tiny, seed=8)
    other.call("load_state", path=str(tmp_path / "state"))
    for s in (session, other):
        s.call("optim_step", learningRate=1e-2)
    assert session.call("weights_hash") == other.call("weights_hash")


def test_a_full_disk_keeps_the_last_good_state(tiny, tmp_path, monkeypatch):
    from engine.training import saved_state

    session = Session(tiny)
    session.call("save_state", path=str(tmp_path / "state"))
    good = session.call("weights_hash")
    session.call("forward_backward", loss="cross_entropy", data=[DATUM])
    session.call("optim_step", learningRate=1e-2)
    written = []
    real = saved_state.save_file

    def failing(tensors, path, **options):
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        real(tensors, path, **options)

    monkeypatch.setattr(saved_state, "save_file", failing)
    with pytest.raises(EngineError, match="no space left") as error:
        session.call("save_state", path=str(tmp_path / "state"))
    assert error.value.code == "storage-full"
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["state"]
    session.call("load_state", path=str(tmp_path / "state"))
    assert session.call("weights_hash") == good


def test_damaged_and_foreign_states_are_refused(tiny, tmp_path):
    session = Session(tiny)
    with pytest.raises(EngineError, match="no saved state"):
        session.call("load_state", path=str(tmp_path / "none"))
    session.call("save_state", path=str(tmp_path / "state"))
    hash_before = session.call("weights_hash")
    with pytest.raises(EngineError, match="another kind of model"):
        Session(tiny, {**LORA, "rank": 2}).call("load_state", path=str(tmp_path / "state"))
    file = tmp_path / "state" / "adapter.safetensors"
    damaged = bytearray(file.read_bytes())
    damaged[-3] ^= 255
    file.write_bytes(damaged)
    with pytest.raises(EngineError, match="do not match their hash"):
        session.call("load_state", path=str(tmp_path / "state"))
    assert session.call("weights_hash") == hash_before


def test_nan_is_refused_and_changes_nothing(session):
    before = session.call("weights_hash")
    huge = {**DATUM, "advantages": [1e38] * 5, "logprobs": [0, 0, -80, -80, -80]}
    with pytest.raises(EngineError) as error:
        session.call("forward_backward", loss="importance_sampling", data=[huge])
    assert error.value.code == "not-finite"
    assert session.trainable.gradient is None
    session.call("forward_backward", loss="cross_entropy", data=[DATUM])
    session.gradient[3] = float("nan")
    with pytest.raises(EngineError) as error:
        session.call("optim_step", learningRate=1e-3)
    assert error.value.code == "not-finite"
    assert session.trainable.step == 0
    session.trainable.gradient = None
    session.call("forward_backward", loss="cross_entropy", data=[DATUM])
    assert session.call("weights_hash") == before
    session.call("optim_step", learningRate=1e-3)


def test_adamw_equals_torch(session):
    adapter = session.trainable
    parameter = torch.nn.Parameter(adapter.values.clone())
    optimiser = torch.optim.AdamW(
        [parameter], lr=1e-2, betas=(0.8, 0.9), eps=1e-7, weight_decay=0.1
    )
    for k in range(4):
        session.call(
            "forward_backward", loss="cross_entropy", data=[{**DATUM, "ids": [5, 6 + k, 7, 8, 9]}]
        )
        parameter.grad = session.gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_([parameter], 0.5)
        optimiser.step()
        got = session.call(
            "optim_step",
            learningRate=1e-2,
            betas=(0.8, 0.9),
            eps=1e-7,
            weightDecay=0.1,
            gradClip=0.5,
        )
        assert got["gradNorm"] == pytest.approx(float(norm), rel=1e-5)
        torch.testing.assert_close(adapter.values, parameter.detach(), rtol=1e-5, atol=1e-6)


def test_the_export_loads_in_peft(session, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from .conftest import reference_logprobs

    session.call("export", path=str(tmp_path / "peft"))
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(session.folder, dtype=torch.float32),
        str(tmp_path / "peft"),
    ).eval()
    ids = list(range(10, 40))
    with torch.no_grad():
        want = reference_logprobs(model, ids)
    got = session.call("forward", adapter=True, data=[{"ids": ids, "weights": [0.0] + [1.0] * 29}])[
        "logprobs"
    ][0]
    assert max(abs(got[i] - want[i, ids[i]].item()) for i in range(1, 30)) < 1e-4


def test_unsupported_models_are_refused(tiny, tmp_path):
    import json
    import shutil

    shutil.copytree(tiny, tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    for change, what in (
        ({"model_type": "gpt2"}, "lacks the tensor"),
        ({"model_type": "bert"}, "'bert'"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised"),
    ):
        (tmp_path / "m" / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(EngineError, match=what):
            Session(tmp_path / "m")
    with pytest.raises(EngineError, match="not a model folder"):
        Session(tmp_path)
