import { afterEach, beforeEach, expect, it } from "vitest";
import { findPreset } from "@/core/presets/run-presets";
import { createTranslate } from "@/core/texts/format-text";
import { CHINESE_TRANSLATION } from "@/core/texts/chinese";
import { storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ timings: { offlineMs: 60_000 } });
  await storeSamples(server.plane);
});
afterEach(() => server.stop());

const launch = (preset: string) =>
  server.plane.launcher.launch(findPreset(preset)!.config, { actor: "test", preset: null });

it("a run that a Tinker service cannot do waits for a worker whose own engine trains, and says why", async () => {
  const rented = await server.worker({ name: "rented", tinker: "https://tinker.example" });
  const guided = await launch("atlas-smollm2");
  expect((await rented.lease()).run).toBeNull();
  const { waitingFor } = await server.plane.runReader.get(guided.id);
  expect(waitingFor).toContain("rented trains at a Tinker service, which cannot follow");
  expect(waitingFor).toContain("rl.algorithm: a service has no critic, choose grpo");
  expect(waitingFor).toContain("or attach a worker without --tinker-url");
  const { message } = createTranslate("zh", {}, CHINESE_TRANSLATION.readMessage);
  expect(message(waitingFor!)).toMatch(
    /^rented 在 Tinker 服务上训练.*；rl\.algorithm：服务没有 critic，请选择 grpo.*--tinker-url 的工作节点$/,
  );

  const fitting = await launch("atlas-smollm2-tinker");
  expect((await rented.lease()).run?.runId).toBe(fitting.id);
  const own = await server.worker({ name: "own" });
  expect((await own.lease()).run?.runId).toBe(guided.id);
});
