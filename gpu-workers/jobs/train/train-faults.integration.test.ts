import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { listenLocally } from "@/lib/testing/listen-locally";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { executors } from "@/gpu-workers/jobs/executors";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import { canTrainHere, smallTrainingConfig } from "@/gpu-workers/testing/small-training";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";

/** PPO with a critic on the real engine, and what may go wrong under it. */
const ppo = (over: { rl?: object; reward?: object; generator?: object }): TrainConfig =>
  trainConfigSchema.parse({
    ...smallTrainingConfig,
    coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
    evaluation: { every: 0, questions: 0 },
    reward: { ...smallTrainingConfig.reward, ...over.reward },
    rl: {
      ...smallTrainingConfig.rl,
      algorithm: "ppo",
      groupSize: 1,
      resample: 0,
      oldLogprobs: "trainer",
      critic: { learningRate: 1e-3 },
      ...over.rl,
    },
    generator: { ...smallTrainingConfig.generator, ...over.generator },
  });

describe.skipIf(!canTrainHere)("faults of a training run", () => {
  const services = new LocalServices();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "train-faults-"));
  });
  afterAll(async () => {
    await services.close();
    await rm(folder, { recursive: true, force: true });
  });
  const createContext = (name: string, config: TrainConfig) =>
    new MemoryContext({ config, services, workDir: join(folder, name) });
  const readStates = (run: MemoryContext) =>
    Promise.all(run.checkpoints.map(({ directory }) => readTrainerState(directory)));

  it(
    "a loss that is not finite changes no weights, and three such steps in a row end the run with the reason",
    { tags: "long", timeout: 600_000 },
    async () => {
      // The engine is the real one; what it is asked to learn from step 2 on is beyond float32.
      let updates = 0;
      const spoiled = (model: EngineModel): EngineModel => {
        const forwardBackward = model.forwardBackward.bind(model);
        model.forwardBackward = (body, options) => {
          if (body.loss === "cross_entropy" || ++updates <= 2)
            return forwardBackward(body, options);
          const beyond = (list: readonly number[] | null | undefined) =>
            list?.map((x) => (x + 1) * 1e39);
          const data = body.data.map((datum) => ({
            ...datum,
            ...(body.loss === "value"
              ? { returns: beyond(datum.returns) }
              : { advantages: beyond(datum.advantages) }),
          }));
          return forwardBackward({ ...body, data }, options);
        };
        return model;
      };
      const engine = async () => {
        const handle = await services.acquireEngine();
        const { value } = handle;
        const createModel = value.createModel.bind(value);
        value.createModel = async (...args) => spoiled(await createModel(...args));
        return handle;
      };
      const config = ppo({
        reward: { weights: { gbr: 1, length: 10 } },
        rl: { steps: 8, questionsPerStep: 2 },
      });
      const run = new MemoryContext({
        config,
        services: Object.assign(Object.create(services) as LocalServices, {
          acquireEngine: engine,
        }),
        workDir: join(folder, "infinite"),
      });
      await expect(executors.train(run)).rejects.toThrow(
        /No finite loss and gradient in 3 steps in a row/,
      );
      expect(run.points("actor/skipped_updates").map(({ value }) => value)).toEqual(
        [0, 2, 2, 2].slice(0, run.points("actor/skipped_updates").length),
      );
      const states = await readStates(run);
      const weights = states.map(({ weightsHash, criticHash }) => `${weightsHash} ${criticHash}`);
      expect(weights[1], "the first step learned").not.toBe(weights[0]);
      expect(new Set(weights.slice(1)).size, "nothing after it did").toBe(1);
      expect(weights.length).toBeGreaterThan(2);
    },
  );

  it(
    "a run does not end before its last checkpoint is stored, where room comes",
    { tags: "long", timeout: 600_000 },
    async () => {
      const run = new MemoryContext({
        config: ppo({ reward: { weights: { gbr: 1, length: 10 } }, rl: { steps: 1 } }),
        services,
        workDir: join(folder, "no-room"),
        refusedCheckpoints: 2,
      });
      await executors.train(run);
      expect(run.skippedCheckpoints.map(({ step }) => step)).toEqual([1, 1]);
      const [first, last] = await readStates(run);
      expect(last?.step).toBe(1);
      expect(last?.weightsHash).not.toBe(first?.weightsHash);
    },
  );

  it("an update that fails ends the rollouts that overlap it before the run ends", async () => {
    let underWay = 0;
    let asked = 0;
    const failing = (model: EngineModel): EngineModel => {
      const sample = model.sample.bind(model);
      model.sample = (body, options) => {
        underWay += 1;
        asked += 1;
        return sample(body, options).finally(() => (underWay -= 1));
      };
      model.forwardBackward = () => Promise.reject(new Error("the device is lost"));
      return model;
    };
    const run = new MemoryContext({
      config: {
        ...ppo({
          reward: { weights: { gbr: 1, length: 10 } },
          rl: { steps: 3, questionsPerStep: 2, overlap: true, oldLogprobs: "sampler" },
        }),
        checkpointing: { every: 100, keep: 1 },
      },
      services: Object.assign(Object.create(services) as LocalServices, {
        acquireEngine: async () => {
          const handle = await services.acquireEngine();
          const createModel = handle.value.createModel.bind(handle.value);
          handle.value.createModel = async (...args) => failing(await createModel(...args));
          return handle;
        },
      }),
      workDir: join(folder, "overlapped"),
    });
    await expect(executors.train(run)).rejects.toThrow("the device is lost");
    expect(underWay).toBe(0);
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked).toBe(before);
  }, 600_000);

  it("a generator that is slow and answers garbage is waited for: every reward is of an answer that it gave in the end", async () => {
    const faults: ScriptedReply[] = [
      "hang",
      { raw: "<html>502</html>" },
      "cut",
      { raw: '{"choices": []}' },
      { status: 503, body: "busy" },
      { raw: "" },
    ];
    const endpoint = await ScriptedEndpoint.start(
      (_, call) => (call > 1 && faults.shift()) || " Asia",
    );
    const run = createContext(
      "garbage",
      ppo({
        generator: { endpoint: endpoint.url, connection: { timeoutSeconds: 2, retrySeconds: 60 } },
      }),
    );
    await executors.train(run);
    await endpoint.close();
    expect(faults).toEqual([]);
    expect(
      run.points("generator/retries").reduce((sum, { value }) => sum + value, 0),
    ).toBeGreaterThan(0);
    expect(run.points("reward/mean").map(({ step }) => step)).toEqual([1, 2]);
    const records = run.records().filter(({ phase }) => phase === "train");
    expect(records).toHaveLength(8);
    for (const { answer, baseline, score, reward } of records) {
      expect([answer!.text, baseline!.answer.text]).toEqual(["Asia", "Asia"]);
      expect(reward!.value).toBe(score!.value - baseline!.score.value);
    }
  }, 600_000);

  it("a generator that stays broken ends the run with the reason: no reward, no step and no gradient of what it did not answer", async () => {
    const endpoint = await ScriptedEndpoint.start((_, call) =>
      call > 12 ? { raw: "<html>sign in</html>" } : " Asia",
    );
    const run = createContext(
      "broken",
      ppo({
        rl: { steps: 20 },
        generator: { endpoint: endpoint.url, connection: { timeoutSeconds: 2, retrySeconds: 2 } },
      }),
    );
    await expect(executors.train(run)).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("sign in") as unknown,
    });
    await endpoint.close();
    const steps = run.points("reward/mean").map(({ step }) => step);
    const records = run.records().filter(({ phase }) => phase === "train");
    expect(new Set(records.map(({ step }) => step))).toEqual(new Set(steps));
    for (const { answer } of records) expect(answer!.text).toBe("Asia");
    expect(run.checkpoints.map(({ step }) => step)).toEqual([0, ...steps]);
  }, 600_000);

  it("waits for a generator that stumbles, and fails with the reason where it refuses", async () => {
    let calls = 0;
    const server: Server = createServer((message, response) => {
      message.resume().on("end", () => {
        calls += 1;
        if (calls > 20) response.writeHead(400).end('{"error":"out of credit"}');
        else if (calls % 5 === 2) response.writeHead(503).end("busy");
        else response.writeHead(200).end(JSON.stringify({ choices: [{ text: " Asia" }] }));
      });
    });
    const endpoint = `${await listenLocally(server)}/v1`;
    const context = createContext("stumbling", {
      ...smallTrainingConfig,
      coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
      evaluation: { every: 0, questions: 0 },
      rl: { ...smallTrainingConfig.rl, steps: 50, groupSize: 2 },
      generator: { ...smallTrainingConfig.generator, endpoint },
    });
    await expect(executors.train(context)).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("out of credit") as unknown,
    });
    server.close();
    expect(calls).toBeGreaterThan(20);
    for (const { answer } of context.records()) expect(answer!.text).toBe("Asia");
  }, 600_000);
});
