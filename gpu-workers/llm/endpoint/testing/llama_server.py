"""llama.cpp's own server over one GGUF file: MODEL PORT KEY. For tests and benches."""

import sys
import time

import xllamacpp  # pyright: ignore[reportMissingImports]  # in an environment of its own

model, port, key = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = model
params.model_alias = ["smollm2"]
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.api_keys = [key]
params.n_ctx = 4096
params.n_parallel = 2
params.cpuparams.n_threads = 2
params.warmup = False
server = xllamacpp.Server(params)
print(f"listening at {server.listening_address}", flush=True)
while True:
    time.sleep(3600)
