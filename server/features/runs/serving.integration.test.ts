import { afterEach, beforeEach, expect, it } from "vitest";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ timings: { offlineMs: 60_000 } });
});
afterEach(() => server.stop());

it("a run that names its worker is taken by no other, by name or by id, and says what it waits for", async () => {
  const [chosen, other] = [
    await server.worker({ name: "big-box" }),
    await server.worker({ name: "small-box" }),
  ];
  const launch = (worker: string | null) =>
    server.plane.launcher.launch(
      { kind: "serve", name: "a service", corpus: "atlas", worker },
      { actor: "test", preset: null },
    );
  const byName = await launch("big-box");
  const byId = await launch(chosen.id);
  expect((await other.lease()).run).toBeNull();
  expect([(await chosen.lease()).run?.runId, (await chosen.lease()).run?.runId]).toEqual([
    byName.id,
    byId.id,
  ]);

  const absent = await launch("moon-box");
  for (const worker of [chosen, other]) expect((await worker.lease()).run).toBeNull();
  expect((await server.plane.runReader.get(absent.id)).waitingFor).toBe(
    "the chosen worker moon-box is not attached; start it, or choose another",
  );
  const anywhere = await launch(null);
  expect((await other.lease()).run?.runId).toBe(anywhere.id);
});

it("a model for vLLM goes to a worker that has vLLM and as many GPUs as it is spread over", async () => {
  const [none, one, two] = [
    await server.worker({ name: "laptop" }),
    await server.worker({ name: "box", vllmGpus: 1 }),
    await server.worker({ name: "node", vllmGpus: 2 }),
  ];
  const launch = (tensorParallelSize: number) =>
    server.plane.launcher.launch(
      {
        kind: "serve",
        what: "model",
        name: "a model",
        model: "Qwen/Qwen2.5-14B-Instruct",
        server: { kind: "vllm", tensorParallelSize },
      },
      { actor: "test", preset: null },
    );
  const wide = await launch(2);
  for (const worker of [none, one]) expect((await worker.lease()).run).toBeNull();
  expect((await two.lease()).run?.runId).toBe(wide.id);
  const narrow = await launch(1);
  expect((await none.lease()).run).toBeNull();
  expect((await one.lease()).run?.runId).toBe(narrow.id);
  const wider = await launch(4);
  for (const worker of [none, one, two]) expect((await worker.lease()).run).toBeNull();
  expect((await server.plane.runReader.get(wider.id)).waitingFor).toMatch(/4 GPUs/);
});

it("vLLM beside the engine is refused by the check where engines train on all GPUs, with how to start the worker", async () => {
  const check = async () => {
    const { requirements } = await server.plane.launcher.check({
      kind: "train",
      name: "apart",
      search: { decoding: "free" },
      rl: { oldLogprobs: "trainer" },
      searcher: { sampler: "vllm", samplerPlacement: "apart", samplerReplicas: 3 },
    });
    return requirements.find(({ name }) => name === "vLLM");
  };
  await server.worker({ name: "greedy", vllmGpus: 8, ranks: 8 });
  expect(await check()).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/needs 3 GPUs .* greedy \(8\/8\) --engine-devices 5/) as string,
  });
  await server.worker({ name: "halved", vllmGpus: 8, ranks: 4 });
  expect(await check()).toMatchObject({ ok: true });
});

it("a service may lose its worker any number of times, as long as it was up for a while in between", async () => {
  const worker = await server.worker({ name: "restarting" });
  const { id } = await server.plane.launcher.launch(
    { kind: "serve", name: "for months", corpus: "atlas", worker: "restarting" },
    { actor: "test", preset: null },
  );
  const loseAfter = async (minutes: number): Promise<string> => {
    const { runId, attempt } = await worker.leaseAndStart();
    await server.plane.database.db
      .$executeRaw`UPDATE attempts SET started_at = started_at - ${minutes} * interval '1 minute' WHERE run_id = ${runId}::uuid AND number = ${attempt}`;
    await worker.request("transition", {
      runId,
      attempt,
      to: "queued",
      reason: "the worker restarts",
    });
    return (await server.plane.runReader.get(id)).state;
  };
  for (let i = 0; i < 7; i++) expect(await loseAfter(11)).toBe("queued");
  for (let i = 0; i < 3; i++) expect(await loseAfter(0)).toBe("queued");
  expect(await loseAfter(0)).toBe("failed");
});
