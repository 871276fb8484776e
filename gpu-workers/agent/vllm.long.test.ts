import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AppError } from "@/contracts/errors";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { executors } from "@/gpu-workers/jobs/executors";
import type { SamplerRequirements } from "@/gpu-workers/jobs/context/run-context";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { BASE_MODEL_NAME, type VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import { VllmSampler } from "@/gpu-workers/llm/vllm-server/sampler";
import { openPolicy, type Policy } from "@/gpu-workers/rl/policy";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { canTrainHere } from "@/gpu-workers/testing/small-training";
import { VLLM_DIR } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { findVllmProblem, vllmStep } from "@/scripts/setup/vllm.mjs";
import { createDefaultStarters } from "./default-services";
import { AgentLog } from "./log";
import { HeldServices, ServiceRegistry } from "./services";

const problem = !canTrainHere
  ? "the default model or Atlas is not installed (run the setup)"
  : (findVllmProblem() ?? (vllmStep.done() === true ? null : "run npm run setup:vllm first"));
if (problem !== null) console.warn(`skipped: ${problem}`);

const signal = new AbortController().signal;
/** Both programs compute in float32: what they may differ in one log-probability. */
const TOLERANCE = 1e-3;
const MINUTES = 60_000;

/** The default, as small as a step can be. vLLM's sampling wants free decoding and the trainer's own log-probabilities. */
const preset = trainConfigSchema.parse(findPreset("atlas-smollm2")!.config);
const small = (searcher: object, rl: object = {}): TrainConfig =>
  trainConfigSchema.parse({
    ...preset,
    search: { ...preset.search, decoding: "free", turns: 1, turnTokens: 24 },
    searcher: { ...preset.searcher, sampler: "vllm", ...searcher },
    // So that every step has something to learn.
    reward: { ...preset.reward, weights: { gbr: 1, length: 10 } },
    coldStart: { demonstrations: 2, batchSize: 2, validationQuestions: 0 },
    rl: {
      ...preset.rl,
      steps: 2,
      questionsPerStep: 2,
      groupSize: 2,
      miniBatch: 4,
      resample: 0,
      filterAnswered: false,
      oldLogprobs: "trainer",
      ...rl,
    },
    evaluation: { every: 0, questions: 2 },
    checkpointing: { every: 1 },
  });

/** vLLM's build for the CPU, as `npm run setup:vllm` installs it, in all that the product does with it. */
describe.skipIf(problem !== null)("a real vLLM", () => {
  const environment = {
    S3_VLLM: join(VLLM_DIR, "bin", "vllm"),
    // One GiB of keys and values, on cores that it shares with the engine.
    VLLM_CPU_KVCACHE_SPACE: "1",
    VLLM_CPU_OMP_THREADS_BIND: "nobind",
    OMP_NUM_THREADS: "1",
    HF_HUB_OFFLINE: "1",
    VLLM_CACHE_ROOT: join(VLLM_DIR, "cache"),
  };
  const before = { ...process.env };
  const log: string[] = [];
  let registry: ServiceRegistry;
  let services: HeldServices;
  let folder: string;
  const lost: AppError[] = [];

  beforeAll(async () => {
    Object.assign(process.env, environment);
    folder = await mkdtemp(join(tmpdir(), "vllm-long-"));
    const logger = pino({ level: "info" }, { write: (line) => void log.push(line) });
    registry = new ServiceRegistry(
      createDefaultStarters(new AgentLog("test", logger), { device: "cpu", dtype: "float32" }),
      10 * MINUTES,
    );
    services = new HeldServices(registry, (error) => lost.push(error));
  });
  afterAll(async () => {
    services.releaseAll();
    await registry.stopAll();
    await rm(folder, { recursive: true, force: true });
    process.env = before;
  });

  const adapters = small({});
  const { model, adapter, samplerMemory } = adapters.searcher;
  const demand: SamplerRequirements = {
    model,
    weights: { kind: "adapter", rank: adapter.rank },
    memoryShare: samplerMemory,
    dtype: "float32",
    placement: readSamplerPlacement({}),
  };

  describe("that is given adapters", () => {
    let policy: Policy;
    let clients: readonly VllmClient[];
    let sampler: VllmSampler;
    const open = (): VllmSampler =>
      new VllmSampler({
        clients,
        model: policy.model,
        tokenizer: policy.tokenizer,
        directory: join(folder, "adapters"),
        kind: "adapter",
        tensorParallelSize: 1,
        dtype: "float32",
      });
    /** Takes one step, so that the adapter is another. @returns the hash of the weights then */
    const learn = async (): Promise<string> => {
      const ids = policy.tokenizer.encode("The capital of Peru is Lima, and not Quito.");
      const weights = ids.map((_, i) => (i === 0 ? 0 : 1));
      await policy.model.forwardBackward({ loss: "cross_entropy", data: [{ ids, weights }] });
      await policy.model.optimStep({ learningRate: 1e-2 });
      return (await policy.model.getWeightsHash()).hash;
    };
    const ask = (ids: readonly number[], more = {}) => ({
      ids: [...ids],
      n: 3,
      maxTokens: 12,
      temperature: 0.7,
      seed: 5,
      ...more,
    });

    beforeAll(async () => {
      const engine = await services.acquireEngine(signal);
      policy = await openPolicy(engine.value, adapters.searcher, 0, signal);
      clients = (await services.acquireSampler(demand, signal)).value;
    }, 20 * MINUTES);

    it(
      "completes with token ids and log-probabilities, equal to the engine's at the sampling temperature",
      async () => {
        sampler = open();
        const ids = policy.tokenizer.encode("Rivers of France: Seine, Loire,");
        const loaded = await sampler.useWeights(await learn(), signal);
        for (const isAdapted of [true, false]) {
          const { sequences } = await loaded.sample({ adapter: isAdapted, sequences: [ask(ids)] });
          const sampled = sequences[0]!;
          expect(sampled).toHaveLength(3);
          const data = sampled.map((one) => ({
            ids: [...ids, ...one.ids],
            weights: [...ids.map(() => 0), ...one.ids.map(() => 1)],
          }));
          const { logprobs } = await policy.model.forward({
            adapter: isAdapted,
            data,
            temperature: 0.7,
          });
          sampled.forEach((one, i) => {
            expect(one.ids.length).toBeGreaterThan(0);
            const engine = logprobs[i]!.slice(ids.length);
            one.logprobs.forEach((value, t) => {
              expect(Math.abs(value - engine[t]!)).toBeLessThan(TOLERANCE);
            });
          });
          // Different samples of one prompt, and the same again by the same seed.
          expect(new Set(sampled.map(({ text }) => text)).size).toBeGreaterThan(1);
          const again = await loaded.sample({ adapter: isAdapted, sequences: [ask(ids)] });
          expect(again.sequences[0]!.map((one) => one.ids)).toEqual(sampled.map((one) => one.ids));
        }
      },
      5 * MINUTES,
    );

    it(
      "stops at strings, which stay in the text, and at token ids",
      async () => {
        const loaded = await sampler.useWeights((await policy.model.getWeightsHash()).hash, signal);
        const [comma] = policy.tokenizer.encode(",");
        const ids = policy.tokenizer.encode("one, two, three, four, five, six");
        const options = { n: 1, temperature: 0, maxTokens: 30 };
        const { sequences } = await loaded.sample({
          adapter: false,
          sequences: [
            ask(ids, { ...options, stop: ["seven"] }),
            ask(ids, { ...options, stopIds: [comma] }),
          ],
        });
        expect(sequences.map(([one]) => [one!.finishReason, one!.text])).toEqual([
          ["stop", expect.stringMatching(/seven$/)],
          ["stop", ""],
        ]);
      },
      5 * MINUTES,
    );

    it(
      "takes updates of the adapter while it runs, unloads the one before, and the last one at the end",
      async () => {
        const [client] = clients;
        const ids = policy.tokenizer.encode("The capital of Peru is");
        const score = (name: string) => client!.scoreText(name, ids, signal);
        const name = (version: number) => `${policy.model.id}-${version}`;
        const first = await score(name(1));
        await sampler.useWeights(await learn(), signal);
        const second = await score(name(2));
        expect(second.at(-1)).not.toBeCloseTo(first.at(-1)!, 2);
        await expect(score(name(1))).rejects.toMatchObject({ code: "sampler-unavailable" });
        await sampler.close();
        await expect(score(name(2))).rejects.toMatchObject({ code: "sampler-unavailable" });
        expect((await score(BASE_MODEL_NAME)).length).toBe(ids.length - 1);
      },
      5 * MINUTES,
    );

    it(
      "is not believed to sample with the engine's weights where it was given others",
      async () => {
        const { id, info } = policy.model;
        const old = join(folder, "old");
        await policy.model.export(old);
        const hash = await learn();
        const stale = new VllmSampler({
          clients,
          tokenizer: policy.tokenizer,
          directory: join(folder, "stale"),
          kind: "adapter",
          tensorParallelSize: 1,
          dtype: "float32",
          model: {
            id: `stale-${id}`,
            info,
            forward: (...args) => policy.model.forward(...args),
            export: async (path) => {
              await cp(old, path, { recursive: true });
              return { hash, files: [] };
            },
          },
        });
        await expect(stale.useWeights(hash, signal)).rejects.toMatchObject({
          code: "sampler-unavailable",
          message: expect.stringContaining("does not compute with the weights") as string,
        });
      },
      5 * MINUTES,
    );

    it(
      "tells of its death, under a request too, and is started again by the next who asks for it",
      async () => {
        const ids = policy.tokenizer.encode("Once upon a time");
        const old = open();
        const loaded = await old.useWeights((await policy.model.getWeightsHash()).hash, signal);
        const long = loaded.sample({ adapter: true, sequences: [ask(ids, { maxTokens: 2000 })] });
        const failed = expect(long).rejects.toMatchObject({ code: "sampler-unavailable" });
        await sleep(2_000);
        const [report] = (await registry.listReports()).filter(({ kind }) => kind === "sampler");
        expect(report).toMatchObject({ state: "ready", references: 1 });
        expect(report!.memoryMb).toBeGreaterThan(200);
        await killListener(Number(new URL(report!.address!).port));
        await failed;
        await waitUntil("the holder is told", () => lost.length > 0, 30_000);
        expect(lost[0]).toMatchObject({ code: "sampler-unavailable" });
        clients = (await services.acquireSampler(demand, signal)).value;
        sampler = open();
        const fresh = await sampler.useWeights((await policy.model.getWeightsHash()).hash, signal);
        const { sequences } = await fresh.sample({ adapter: true, sequences: [ask(ids)] });
        expect(sequences[0]).toHaveLength(3);
        await sampler.close();
      },
      20 * MINUTES,
    );

    it(
      "samples whole training steps of the default",
      async () => {
        const run = new MemoryContext({
          config: adapters,
          services,
          workDir: join(folder, "lora"),
        });
        await executors.train(run);
        await expectTrained(run);
      },
      20 * MINUTES,
    );
  });

  it(
    "samples full fine-tuning by two replicas, which are given all weights at each update and want the key for that",
    async () => {
      const config = small(
        { tuning: "full", adapter: { firstLayer: 27 }, samplerReplicas: 2 },
        { learningRate: 1e-5 },
      );
      const run = new MemoryContext({
        config,
        services,
        workDir: join(folder, "full"),
        onReport: (item) => {
          if (item.kind === "metrics" && item.points.some(({ name }) => name === "reward/mean"))
            asked.push(tryWithoutKey());
        },
      });
      const asked: Promise<number>[] = [];
      const tryWithoutKey = async (): Promise<number> => {
        const [report] = (await registry.listReports()).filter(({ key }) => key.includes(":full-"));
        const reply = await fetch(`${report!.address}/collective_rpc`, {
          method: "POST",
          body: '{"method": "reload_weights"}',
        });
        return reply.status;
      };
      await executors.train(run);
      await expectTrained(run);
      expect(await Promise.all(asked)).toEqual([401, 401]);
      const details = run.preflightItems.find(({ name }) => name === "sampler");
      expect(details?.detail).toBe("2 replicas of vLLM are healthy");
      // Cold start's weights and those after each step, on each replica.
      const reloads = log.filter((line) => line.includes("Reloading weights inplace")).length;
      expect(reloads).toBeGreaterThanOrEqual(2);
      // Nothing of it stays up: what the servers hold is of no use to another run.
      await waitUntil(
        "the servers are stopped",
        async () =>
          (await registry.listReports())
            .filter(({ key }) => key.includes(":full-"))
            .every(({ state }) => state === "stopped"),
        60_000,
      );
    },
    25 * MINUTES,
  );

  it(
    "serves a model in a run",
    async () => {
      const stop = new AbortController();
      const run = new MemoryContext({
        config: runConfigSchema.parse({
          kind: "serve",
          what: "model",
          name: "s",
          model,
          server: { kind: "vllm", maxModelLen: 1024, gpuMemoryUtilization: 0.3 },
        }),
        services,
        workDir: join(folder, "serve"),
        signal: stop.signal,
      });
      const serving = executors.serve(run);
      serving.catch(() => undefined);
      await waitUntil(
        "it is served",
        () => Promise.race([serving, Promise.resolve(run.progressed.length > 0)]) as never,
        15 * MINUTES,
      );
      const client = new EndpointClient(run.progressed.at(-1)!.detail, {});
      const { text } = await client.complete(
        { model, prompt: "The capital of France is", max_tokens: 2, temperature: 0 },
        signal,
      );
      expect(text).toBe(" Paris.");
      const reply = await client.complete(
        { model, messages: [{ role: "user", content: "Say hello." }], max_tokens: 8 },
        signal,
      );
      expect(reply.text.length).toBeGreaterThan(0);
      stop.abort();
      await expect(serving).rejects.toMatchObject({ code: "cancelled" });
    },
    20 * MINUTES,
  );

  /** Two steps, each of which changed the weights, sampled with what the trainer has. */
  async function expectTrained(run: MemoryContext): Promise<void> {
    expect(run.points("reward/mean").map(({ step }) => step)).toEqual([1, 2]);
    const hashes = await Promise.all(
      run.checkpoints.map(({ directory }) => readTrainerState(directory)),
    );
    expect(new Set(hashes.map(({ weightsHash }) => weightsHash)).size).toBe(3);
    // Of vLLM's tokens under the trainer's weights: stale ones would differ by more.
    for (const step of [1, 2]) {
      const [point] = run.points("mismatch/logprob_max").filter((each) => each.step === step);
      expect(point!.value).toBeLessThan(TOLERANCE);
    }
    expect(run.records().filter(({ phase }) => phase === "held-out")).toHaveLength(2);
  }
});

/** Kills the process that listens on a port, as a crash would. */
async function killListener(port: number): Promise<void> {
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,command="]);
  const pids = stdout
    .split("\n")
    .filter((line) => line.includes(` --port ${port}`) && !line.includes("guard.mjs"))
    .map((line) => Number.parseInt(line, 10));
  expect(pids.length).toBeGreaterThan(0);
  for (const pid of pids) process.kill(pid, "SIGKILL");
}
