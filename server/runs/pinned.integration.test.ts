import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "@/server/testing/control-plane";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it("a run that names its worker is taken by no other, by name or by id, and says what it waits for", async () => {
  const [chosen, other] = [await server.worker({ name: "big-box" }), await server.worker({ name: "small-box" })];
  const launch = (worker: string | null) => server.plane.launcher.launch({ kind: "serve", name: "a service", corpus: "atlas", worker }, { actor: "test", preset: null });
  const byName = await launch("big-box");
  const byId = await launch(chosen.id);
  expect((await other.lease()).run).toBeNull();
  expect([(await chosen.lease()).run?.runId, (await chosen.lease()).run?.runId]).toEqual([byName.id, byId.id]);

  const absent = await launch("moon-box");
  for (const worker of [chosen, other]) expect((await worker.lease()).run).toBeNull();
  expect((await server.plane.runReader.get(absent.id)).waitingFor).toBe("the chosen worker moon-box is not attached; start it, or choose another");
  const anywhere = await launch(null);
  expect((await other.lease()).run?.runId).toBe(anywhere.id);
});
