import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { resolveInRoot } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import type { TestServer } from "./test-server";

const SCRIPT = fileURLToPath(new URL("train_by_transformers.py", import.meta.url));

interface ExpectedRun {
  /** What is started, and its arguments. */
  script: readonly string[];
  /** Under which its run is reported. */
  name: string;
  /** A metric that it reports at two steps, and these. */
  metric: string;
  steps: readonly [number, number];
  /** Some of the parameters that it reports. */
  parameters: Readonly<Record<string, string>>;
}

/**
 * Trains two steps by transformers or a trainer of TRL's, and expects the run on the server while it goes on and when
 * it has ended.
 */
export const expectRunOfTransformers = (
  server: TestServer,
  python: string,
  trainer: "transformers" | "sft" | "grpo",
  reporter: "mlflow" | "callback",
): Promise<void> =>
  expectRunOfScript(server, python, {
    script: [SCRIPT, trainer, reporter],
    name: reporter === "mlflow" ? "by mlflow" : `${trainer} by callback`,
    metric: trainer === "grpo" ? "reward" : "loss",
    steps: [1, 2],
    parameters: { max_steps: "2", logging_steps: "1" },
  });

/**
 * Starts a training of two steps that after the first one prints "one step" and waits for a line, and expects its run on the
 * server while it goes on and when it has ended.
 */
export async function expectRunOfScript(
  server: TestServer,
  python: string,
  { script, name, metric, steps, parameters }: ExpectedRun,
): Promise<void> {
  const client = resolveInRoot("gpu-workers", "client");
  const child = spawn(python, script, {
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
  const readSteps = async (id: string) =>
    ((await server.plane.metrics.readSeries(id, [metric], 100))[metric] ?? []).map(
      ({ step }) => step,
    );
  const { id } = await waitUntil(`the run is there: ${said.slice(-2_000)}`, find);
  await waitUntil("its first step is there", async () => (await readSteps(id)).length === 1);
  expect((await find())?.state, "seen live").toBe("running");
  child.stdin.end("\n");
  expect(await ended, said).toEqual([0, null]);
  const { state, config } = await server.plane.runReader.get(id);
  expect(state).toBe("succeeded");
  expect(await readSteps(id)).toEqual(steps);
  if (config.kind !== "external") throw new Error("another kind");
  expect(config.parameters).toMatchObject(parameters);
}
