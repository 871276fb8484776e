import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { loadEngineModel } from "@/gpu-workers/llm/model-files/installed-model";
import { canTrainHere } from "@/gpu-workers/testing/small-training";
import { resolveInRoot, getModelDir, PYTHON, VLLM_DIR } from "@/lib/paths.mjs";
import { findVllmProblem, vllmStep } from "@/scripts/setup/vllm.mjs";
import { VllmClient } from "./client";
import { buildSamplerLaunch } from "./launch-options";
import { VllmProcess } from "./process";
import { VllmSampler } from "./sampler";

const problem = !canTrainHere
  ? "the default model is not installed (run the setup)"
  : (findVllmProblem() ?? (vllmStep.done() === true ? null : "run npm run setup:vllm first"));
if (problem !== null) console.warn(`skipped: ${problem}`);

const MINUTES = 60_000;
const TOLERANCE = 1e-3;
const PROCESSES = 2;
const RANK = 8;
const signal = new AbortController().signal;

/**
 * One server over two processes, each with half of every layer, as `searcher.samplerTensorParallel` starts it on GPUs:
 * vLLM's build for the CPU has none to choose, so the worker refuses the setting there, and the server is started by
 * itself. The default model's nine heads are not split by two: its place takes a searcher of two small layers.
 */
describe.skipIf(problem !== null)("a real vLLM that is spread over two processes", () => {
  let folder: string;
  let base: string;
  let engine: EngineProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vllm-parallel-"));
    base = join(folder, "searcher");
    const script = resolveInRoot("gpu-workers", "agent", "testing", "save_tiny_searcher.py");
    // Heads of 64 numbers, of which vLLM's attention on the CPU takes not every size.
    const sizes = ["--hidden", "256"];
    const installed = getModelDir("smollm2-135m-instruct");
    await promisify(execFile)(PYTHON, [script, installed, base, ...sizes]);
    engine = await EngineProcess.start({ device: "cpu", dtype: "float32" });
  }, 10 * MINUTES);
  afterAll(async () => {
    await engine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(["adapter", "full"] as const)(
    "samples with the engine's %s weights, and after an update with the new ones",
    async (kind) => {
      const adapter = { rank: RANK, alpha: 2 * RANK, firstLayer: 0 };
      const trained = kind === "full" ? { lora: null, full: { firstLayer: 0 } } : { lora: adapter };
      const { model, tokenizer } = await loadEngineModel(
        engine.client,
        `trained-${kind}`,
        { base, ...trained, seed: 0 },
        undefined,
        signal,
      );
      const { args, env, ...launch } = buildSamplerLaunch({
        model: base,
        weights: kind === "full" ? { kind } : { kind, rank: RANK },
        dtype: "float32",
        memoryShare: 0.2,
        tensorParallelSize: PROCESSES,
        devices: null,
        isCpuBuild: true,
      });
      const server = await VllmProcess.start(
        {
          ...launch,
          args: [...args, "--max-model-len", "512"],
          env: {
            ...env,
            VLLM_CPU_KVCACHE_SPACE: "1",
            VLLM_CPU_OMP_THREADS_BIND: "nobind",
            OMP_NUM_THREADS: "1",
            HF_HUB_OFFLINE: "1",
            VLLM_CACHE_ROOT: join(VLLM_DIR, "cache"),
          },
        },
        { signal, command: [join(VLLM_DIR, "bin", "vllm")], startMs: 15 * MINUTES },
      );
      try {
        const sampler = new VllmSampler({
          clients: [new VllmClient(server)],
          model,
          tokenizer,
          directory: join(folder, kind),
          kind,
          tensorParallelSize: PROCESSES,
          dtype: "float32",
        });
        const ids = tokenizer.encode("Rivers of France: Seine, Loire,");
        const found: number[][] = [];
        for (const _ of ["first", "second"]) {
          const weights = ids.map((_, i) => (i === 0 ? 0 : 1));
          await model.forwardBackward({ loss: "cross_entropy", data: [{ ids, weights }] });
          await model.optimStep({ learningRate: 1e-2 });
          // Both processes must have loaded them, and what they compute together is compared with the engine.
          const loaded = await sampler.useWeights((await model.getWeightsHash()).hash, signal);
          const sequence = { ids, n: 2, maxTokens: 12, temperature: 0.7, seed: 5 };
          const { sequences } = await loaded.sample({ adapter: true, sequences: [sequence] });
          const sampled = sequences[0]!;
          const { logprobs } = await model.forward({
            adapter: true,
            temperature: 0.7,
            data: sampled.map((one) => ({
              ids: [...ids, ...one.ids],
              weights: [...ids.map(() => 0), ...one.ids.map(() => 1)],
            })),
          });
          expect(sampled).toHaveLength(2);
          sampled.forEach((one, i) => {
            expect(one.ids.length).toBeGreaterThan(0);
            one.logprobs.forEach((value, t) => {
              expect(Math.abs(value - logprobs[i]![ids.length + t]!)).toBeLessThan(TOLERANCE);
            });
          });
          found.push(sampled.flatMap((one) => one.logprobs));
        }
        expect(found[0]).not.toEqual(found[1]);
      } finally {
        await server.stop();
      }
    },
    25 * MINUTES,
  );
});
