-- GPUs that vLLM is to have on the worker that takes a run; null: the run needs no vLLM.
ALTER TABLE runs ADD COLUMN needs_vllm_gpus integer CHECK (needs_vllm_gpus > 0);
