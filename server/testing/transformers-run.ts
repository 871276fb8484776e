import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { inRoot } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import type { TestServer } from "./test-server";

const SCRIPT = fileURLToPath(new URL("train_by_transformers.py", import.meta.url));

/** Trains two steps by transformers, and expects the run on the server while it goes on and when it has ended. */
export async function expectRunOfTransformers(
  server: TestServer,
  python: string,
  { reporter, name }: { reporter: "mlflow" | "callback"; name: string },
): Promise<void> {
  const client = inRoot("gpu-workers", "client");
  const child = spawn(python, [SCRIPT, reporter], {
    cwd: server.artifactsDir,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      PYTHONPATH: `${client}:${client}/examples`,
      MLFLOW_TRACKING_URI: server.url,
      S3_TRACKING_URI: server.url,
      MLFLOW_EXPERIMENT_NAME: "transformers",
    },
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const paused = new Promise((resolve) =>
    lines.on("line", (line) => line === "one step" && resolve(true)),
  );
  await Promise.race([paused, ended]);
  const find = () => server.plane.database.db.run.findFirst({ where: { name } });
  const readLoss = async (id: string) =>
    (await server.plane.metrics.readSeries(id, ["loss"], 100)).loss ?? [];
  const { id } = await waitUntil(`the run is there: ${said.slice(-2_000)}`, find);
  await waitUntil("its first step is there", async () => (await readLoss(id)).length === 1);
  expect((await find())?.state, "seen live").toBe("running");
  child.stdin.end("\n");
  expect(await ended, said).toEqual([0, null]);
  const { state, config } = await server.plane.runReader.get(id);
  expect(state).toBe("succeeded");
  expect((await readLoss(id)).map(({ step }) => step)).toEqual([1, 2]);
  if (config.kind !== "external") throw new Error("another kind");
  expect(config.parameters).toMatchObject({ max_steps: "2", logging_steps: "1" });
}
