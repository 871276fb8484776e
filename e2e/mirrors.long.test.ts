import { execFile, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensurePeerPython } from "@/bench/peers/venv";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";

const run = promisify(execFile);
const READER = fileURLToPath(new URL("support/read_trackers.py", import.meta.url));
const INSTALL_MS = 20 * 60_000;

type Series = Record<string, Record<string, [step: number, value: number][]>>;

/**
 * Mirrored runs read by the trackers themselves. They are installed once (bench/requirements-trackers.txt), or stand in
 * the Python that S3_TRACKERS_PYTHON names.
 */
describe("runs mirrored to real trackers", () => {
  let python: string;
  let tracker: ChildProcess;
  let url: string;
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  let sequence = 0;

  const startTracker = async (port: number): Promise<void> => {
    tracker = spawn(
      python,
      ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", String(port)].concat([
        "--workers",
        "1",
        "--backend-store-uri",
        `sqlite:///${join(server.artifactsDir, "mlflow.db")}`,
      ]),
      { cwd: server.artifactsDir, stdio: "ignore", detached: true },
    );
    await waitUntil(
      "MLflow answers",
      () =>
        fetch(`${url}/health`).then(
          ({ ok }) => ok,
          () => false,
        ),
      300_000,
    );
  };
  const stopTracker = () => void process.kill(-tracker.pid!, "SIGKILL");
  const report = (steps: readonly number[], shift = 0) =>
    worker.request("report", {
      ...ref,
      sequence: ++sequence,
      items: [
        {
          kind: "metrics",
          points: steps.flatMap((step) =>
            ["reward/mean", "cold-start/loss"].map((name) => ({
              name,
              step,
              value: step / 8 + shift,
              at: 1_700_000_000_000 + 1_000 * step + shift,
            })),
          ),
        },
      ],
    });
  const take = async () => {
    const { runId, attempt } = await worker.leaseAndStart();
    ref = { runId, attempt };
    sequence = 0;
    worker.keepAlive([ref]);
  };
  const end = (to: "succeeded" | "failed") =>
    worker.request("transition", { ...ref, to, reason: to === "failed" ? "no luck" : null });
  const settle = () =>
    waitUntil(
      "all mirrors are complete",
      async () =>
        (await server.plane.mirrors.list()).every((row) => row.open === 0 && row.complete === 1),
      300_000,
    );
  const read = async (kind: "tensorboard" | "wandb") => {
    const { stdout } = await run(python, [READER, kind, join(server.artifactsDir, kind)]);
    const found = JSON.parse(stdout.trim().split("\n").at(-1)!) as Series;
    return Object.values(found);
  };
  const ask = async (path: string, body: unknown) => {
    const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as {
      runs?: { info: { run_id: string; status: string; run_name: string } }[];
    };
  };
  const readHistory = async (runId: string, key: string) => {
    const query = new URLSearchParams({ run_id: runId, metric_key: key });
    const response = await fetch(`${url}/api/2.0/mlflow/metrics/get-history?${query}`);
    const { metrics } = (await response.json()) as { metrics: { step: number; value: number }[] };
    return metrics.map(({ step, value }) => [step, value]).sort(([a], [b]) => a! - b!);
  };

  beforeAll(async () => {
    python = process.env.S3_TRACKERS_PYTHON ?? (await ensurePeerPython("trackers"));
    process.env.S3_WANDB_PYTHON = python;
    server = await startTestServer({
      maxAttempts: 50,
      timings: { leaseMs: 600_000, offlineMs: 600_000 },
      mirrorWait: () => 500,
    });
    const port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
    await startTracker(port);
    await storeSamples(server.plane);
    worker = await server.worker();
  }, INSTALL_MS);
  afterAll(async () => {
    stopTracker();
    await server.stop();
  });

  it("are there with each point once, through an outage and a second attempt", async () => {
    const addresses: MirrorAddress[] = [
      { kind: "mlflow", url, experiment: "search agents", user: "", secret: "" },
      { kind: "tensorboard" },
      { kind: "wandb", project: "s3" },
    ];
    for (const address of addresses) {
      const { id } = await server.plane.mirrors.create(
        { name: address.kind, earlier: false, address },
        "test",
      );
      await server.plane.mirrors.test(id);
    }
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await take();
    await report([1, 2]);
    stopTracker();
    await report([3]);
    await waitUntil("MLflow fails", async () =>
      (await server.plane.mirrors.list()).some((row) => row.kind === "mlflow" && row.failing > 0),
    );
    await end("failed");
    await startTracker(Number(new URL(url).port));
    await settle();
    expect(await read("tensorboard")).toEqual([
      {
        "reward/mean": [1, 2, 3].map((step) => [step, step / 8]),
        "cold-start/loss": [1, 2, 3].map((step) => [step, step / 8]),
      },
    ]);
    expect((await read("wandb"))[0]).toMatchObject({
      "reward/mean": [1, 2, 3].map((step) => [step, step / 8]),
      exit: [[0, 1]],
    });

    await server.plane.runs.resume(ref.runId, { actor: "test", reason: null });
    await take();
    await report([1, 2], 1);
    await end("succeeded");
    await settle();
    const replaced = [1, 2].map((step) => [step, step / 8 + 1]);
    const series = { "reward/mean": replaced, "cold-start/loss": replaced };
    expect(await read("tensorboard")).toEqual([series]);
    expect(await read("wandb")).toEqual([{ ...series, exit: [[0, 0]] }]);
    const { runs = [] } = await ask("runs/search", {
      experiment_ids: ["1"],
      filter: `tags.\`s3.run_id\` = '${ref.runId}'`,
    });
    expect(runs).toHaveLength(1);
    expect(runs[0]!.info.status).toBe("FINISHED");
    expect(await readHistory(runs[0]!.info.run_id, "reward/mean")).toEqual(replaced);
    expect(await readHistory(runs[0]!.info.run_id, "cold-start/loss")).toEqual(replaced);
  });

  it("leave one row in MLflow of a point that is sent twice", async () => {
    const { run: made } = (await ask("runs/create", { experiment_id: "0" })) as unknown as {
      run: { info: { run_id: string } };
    };
    const batch = {
      run_id: made.info.run_id,
      metrics: [{ key: "a", value: 0.5, step: 1, timestamp: 5 }],
    };
    await ask("runs/log-batch", batch);
    await ask("runs/log-batch", batch);
    expect(await readHistory(made.info.run_id, "a")).toEqual([[1, 0.5]]);
  });
});
