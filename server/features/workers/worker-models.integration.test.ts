import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await storeSamples(server.plane);
});
afterAll(() => server.stop());

it("a model that an attached worker reports later is matched with the runs that wait for it", async () => {
  const worker = await server.worker({ models: [] });
  const id = await server.plane.runs.create(getPresetConfig(), { actor: "tester", preset: null });
  expect((await worker.lease()).run).toBeNull();
  const shape = {
    hidden: 576,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    intermediate: 1536,
    vocabulary: 49_152,
    tied: true,
    maxLength: 8192,
  };
  const models = ["smollm2-135m-instruct"];
  const modelRoles = { minilm: "encoder" } as const;
  await worker.request("models", { models, modelRoles, shapes: { [models[0]!]: shape } });
  expect((await worker.lease()).run?.runId).toBe(id);
  const { capabilities } = await server.plane.database.db.worker.findUniqueOrThrow({
    where: { id: worker.id },
  });
  expect(capabilities).toMatchObject({
    models,
    modelRoles,
    shapes: { [models[0]!]: shape },
    corpora: ["atlas"],
    device: "cpu",
  });
});
