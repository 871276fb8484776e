"""The check of an accelerator, checked on the CPU: it runs to its end, it can fail, and it needs
only torch and transformers.
"""

import subprocess
import sys

import pytest
import torch

from engine import check_gpu

SMALL = ["--device", "cpu", "--group", "2", "--context", "80"]


def test_the_cpu_agrees_with_itself_and_with_transformers(capsys):
    assert check_gpu.main(SMALL) == 0
    said = capsys.readouterr().out
    for part in (
        "against transformers",
        "gradient, policy",
        "gradient, full",
        "gradient, critic",
        "weights after a step",
        "greedy",
        "sampler against trainer",
        "bfloat16",
        "prefill",
        "decode",
        "peak memory",
    ):
        assert part in said
    assert "Everything agrees." in said


def test_a_device_that_computes_otherwise_is_told(monkeypatch, capsys):
    right = check_gpu.run_training
    calls = []

    def wrong(running, data):
        found = right(running, data)
        calls.append(running)
        if len(calls) == 2:  # the device; the reference came first
            found["gradient, critic"] = found["gradient, critic"] * 1.01
        return found

    monkeypatch.setattr(check_gpu, "run_training", wrong)
    monkeypatch.setattr(check_gpu, "measure", lambda *_: [])  # speed is not what is checked here
    assert check_gpu.main(SMALL) == 1
    said = capsys.readouterr().out
    assert "NO cpu against CPU, gradient, critic" in said
    assert "1 of " in said


@pytest.mark.skipif(
    torch.cuda.is_available(), reason="this machine has a GPU: npm run check:gpu checks it"
)
def test_without_a_gpu_nothing_is_claimed(capsys):
    assert check_gpu.main(["--device", "cuda"]) == 2
    assert "nothing was checked" in capsys.readouterr().out


def test_it_stands_alone_as_a_file_without_the_engine_s_other_packages():
    # As on a machine that has neither: what is None in sys.modules cannot be imported.
    missing = (
        "import sys; sys.modules.update(pydantic=None, llguidance=None, fastapi=None, "
        "uvicorn=None, peft=None); "
    )
    run = (
        f"import runpy; sys.argv = ['check_gpu.py', *{SMALL!r}]; sys.path.insert(0, ''); "
        f"runpy.run_path({check_gpu.__file__!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", missing + run], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "without pydantic and llguidance: guided decoding is not checked" in done.stdout
    assert "Everything agrees." in done.stdout
