import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { executors } from "@/gpu-workers/jobs/executors";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { canTrainHere } from "@/gpu-workers/testing/small-training";
import { findFreePort } from "@/lib/free-port.mjs";
import { resolveInRoot, getModelDir, PYTHON, SKYRL_DIR } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { findSkyrlProblem, skyrlStep, tinkerStep } from "@/scripts/setup/tinker.mjs";
import { createDefaultStarters } from "./default-services";
import { AgentLog } from "./log";
import { HeldServices, ServiceRegistry } from "./services";

const problem = !canTrainHere
  ? "the default model or Atlas is not installed (run the setup)"
  : (findSkyrlProblem() ??
    (tinkerStep.done() === true && skyrlStep.done() === true
      ? null
      : "run npm run setup:skyrl first"));
if (problem !== null) console.warn(`skipped: ${problem}`);

const MINUTES = 60_000;
const RANK = 8;
/** Two libraries compute in float32. */
const TOLERANCE = 1e-3;
const signal = new AbortController().signal;
const LORA = { rank: RANK, alpha: 32, firstLayer: 0 };
const IDS = [1, 4093, 198, 7306, 253, 6463, 281, 4649, 30, 2, 198, 1, 520, 9531, 198];

/** A datum whose tokens from the fifth on are chosen ones. */
const buildDatum = (advantage: number, logprobs: readonly number[]) => ({
  ids: IDS,
  weights: IDS.map((_, i) => (i < 5 ? 0 : 0.1)),
  advantages: IDS.map(() => advantage),
  logprobs: [...logprobs],
});
const measureDistance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

/** SkyRL's own server on the CPU, as `npm run setup:skyrl` installs it, with a searcher of two small layers. */
describe.skipIf(problem !== null)("a real Tinker server", () => {
  let folder: string;
  let searcher: string;
  let url: string;
  let server: ChildProcess;
  const output: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tinker-long-"));
    searcher = join(folder, "tiny-searcher");
    const testing = resolveInRoot("gpu-workers", "agent", "testing");
    await promisify(execFile)(PYTHON, [
      join(testing, "save_tiny_searcher.py"),
      getModelDir("smollm2-135m-instruct"),
      searcher,
    ]);
    const port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
    const settings = { max_lora_adapters: 8, max_lora_rank: RANK, train_micro_batch_size: 4 };
    server = spawn(
      join(SKYRL_DIR, "bin", "python"),
      [
        join(testing, "start_skyrl.py"),
        ...["--base-model", searcher, "--backend", "jax", "--port", String(port)],
        ...["--backend-config", JSON.stringify(settings)],
        ...["--checkpoints-base", join(folder, "checkpoints")],
        ...["--database-url", `sqlite:///${join(folder, "tinker.db")}`],
      ],
      {
        env: {
          ...process.env,
          JAX_PLATFORMS: "cpu",
          JAX_COMPILATION_CACHE_DIR: join(SKYRL_DIR, "cache"),
          HF_HUB_OFFLINE: "1",
        },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    for (const stream of [server.stdout!, server.stderr!])
      stream.on("data", (chunk: Buffer) => void output.push(chunk.toString()));
    const isHealthy = async (): Promise<boolean> => {
      if (server.exitCode !== null) throw new Error(output.join("").slice(-4_000));
      return fetch(`${url}/api/v1/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    await waitUntil("the server answers", isHealthy, 10 * MINUTES);
  }, 15 * MINUTES);

  afterAll(async () => {
    if (server.exitCode === null) {
      const ended = once(server, "exit");
      server.kill("SIGTERM");
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  }, MINUTES);

  it(
    "scores, samples, learns, saves and exports as the engine does with the same weights",
    async () => {
      const [remote, own] = await Promise.all([
        EngineProcess.start({
          device: "cpu",
          dtype: "float32",
          tinker: { url, key: undefined, bases: {} },
        }),
        EngineProcess.start({ device: "cpu", dtype: "float32" }),
      ]);
      try {
        const { service, losses } = await remote.client.getCapabilities();
        expect(service).toEqual({ url, models: [searcher] });
        expect(losses).not.toContain("gspo");
        const create = (engine: EngineProcess, name: string): Promise<EngineModel> =>
          engine.client.createModel(name, { base: searcher, lora: LORA, seed: 0 });
        const policy = await create(remote, "policy");
        const score = async (model: EngineModel): Promise<number[]> => {
          const { logprobs } = await model.forward({ adapter: true, data: [buildDatum(0, IDS)] });
          return logprobs[0]!;
        };

        const plain = await create(own, "plain");
        const untrained = await score(plain);
        const before = await score(policy);
        expect(measureDistance(before, untrained)).toBeLessThan(TOLERANCE);

        const data = [buildDatum(1, before), buildDatum(-0.5, before)];
        const body = { loss: "ppo", config: { clipLow: 0.1, clipHigh: 0.3 }, data } as const;
        const reports = [];
        for (const model of [policy, plain]) {
          const { loss, tokens, clipped } = await model.forwardBackward(body);
          reports.push({ loss: loss.toFixed(3), tokens, clipped });
        }
        expect(reports[0]).toEqual(reports[1]);
        const step = { learningRate: 0.02, gradClip: null };
        expect(await policy.optimStep(step)).toMatchObject({ step: 1 });

        const after = await score(policy);
        expect(measureDistance(after, before)).toBeGreaterThan(0.01);

        const sampled = await policy.sample({
          adapter: true,
          sequences: [{ ids: IDS, maxTokens: 12, seed: 3, stop: ["</query>"] }],
        });
        const [sample] = sampled.sequences[0]!;
        expect(sample!.ids.length).toBeGreaterThan(0);
        const all = [...IDS, ...sample!.ids];
        const scored = await policy.forward({
          adapter: true,
          data: [{ ids: all, weights: all.map((_, i) => (i < IDS.length ? 0 : 1)) }],
        });
        expect(
          measureDistance(sample!.logprobs, scored.logprobs[0]!.slice(IDS.length)),
        ).toBeLessThan(TOLERANCE);

        const state = join(folder, "state");
        const saved = await policy.saveState(state);

        // What the service gives out means the same here.
        const exported = join(folder, "exported");
        await policy.export(exported);
        const imported = await create(own, "imported");
        await imported.importWeights(exported);
        const ours = await score(imported);
        expect(measureDistance(ours, after)).toBeLessThan(TOLERANCE);
        for (const model of [policy, imported]) await model.forwardBackward(body);
        const { gradNorm } = await policy.optimStep(step);
        const { gradNorm: expected } = await imported.optimStep(step);
        // SkyRL divides by the tokens that it has read.
        const read = data.length * (IDS.length - 1);
        expect((gradNorm! * read) / expected!).toBeCloseTo(1, 3);

        await policy.delete();
        const resumed = await create(remote, "resumed");
        expect(await resumed.loadState(state)).toMatchObject({ hash: saved.hash, step: 1 });
        const found = await score(resumed);
        expect(measureDistance(found, after)).toBeLessThan(TOLERANCE);
      } finally {
        await Promise.all([remote.stop(), own.stop()]);
      }
    },
    60 * MINUTES,
  );

  it(
    "trains the preset, with the frozen generator here, and goes on from its checkpoint",
    async () => {
      const preset = trainConfigSchema.parse(findPreset("atlas-smollm2-tinker")!.config);
      const config: TrainConfig = trainConfigSchema.parse({
        ...preset,
        search: { ...preset.search, turns: 1, turnTokens: 48 },
        searcher: { model: searcher, adapter: LORA },
        // Texts of random weights differ in length alone.
        reward: { ...preset.reward, weights: { gbr: 1, length: 10 } },
        coldStart: { demonstrations: 2, batchSize: 2, validationQuestions: 0 },
        rl: {
          ...preset.rl,
          steps: 2,
          questionsPerStep: 2,
          groupSize: 4,
          resample: 0,
          filterAnswered: false,
        },
        evaluation: { every: 0, questions: 2 },
        checkpointing: { every: 1 },
      });
      const registry = new ServiceRegistry(
        createDefaultStarters(new AgentLog("test", pino({ level: "silent" })), {
          device: "cpu",
          dtype: "float32",
          tinker: { url, key: undefined, bases: {} },
        }),
        10 * MINUTES,
      );
      const services = new HeldServices(registry);
      try {
        const run = new MemoryContext({ config, services, workDir: join(folder, "run"), signal });
        await executors.train(run);
        const engine = run.preflightItems.find(({ name }) => name === "engine");
        expect(engine).toMatchObject({ state: "ready" });
        expect(engine!.detail).toContain(`at ${url}`);
        expect(run.checkpoints.map(({ step }) => step)).toEqual([0, 1, 2]);
        const stored = await readFile(join(run.checkpoints[1]!.directory, "tinker.json"), "utf8");
        expect(JSON.parse(stored)).toMatchObject({
          url,
          path: expect.stringContaining("tinker:") as string,
        });
        const names = new Set(
          run.reports.flatMap((item) =>
            item.kind === "metrics" ? item.points.map(({ name }) => name) : [],
          ),
        );
        expect(names).toContain("actor/grad_norm");
        expect(names).not.toContain("actor/entropy_loss");

        const again = new MemoryContext({
          config,
          services,
          workDir: join(folder, "again"),
          signal,
          resume: run.checkpoints[1]!,
        });
        await executors.train(again);
        expect(again.checkpoints.map(({ step }) => step)).toEqual([2]);

        const refused = new MemoryContext({
          config: { ...config, rl: { ...config.rl, algorithm: "gspo" } },
          services,
          workDir: join(folder, "refused"),
          signal,
        });
        await expect(executors.train(refused)).rejects.toThrow(
          `The Tinker service at ${url} cannot follow rl.algorithm`,
        );
      } finally {
        services.releaseAll();
        await registry.stopAll();
      }
    },
    90 * MINUTES,
  );
});
