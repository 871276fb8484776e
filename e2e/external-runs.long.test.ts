import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensurePeerPython } from "@/bench/peers/venv";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { expectRunOfScript, expectRunOfTransformers } from "@/server/testing/transformers-run";

const run = promisify(execFile);
const REPORTER = fileURLToPath(new URL("support/report_by_mlflow.py", import.meta.url));
const LIGHTNING = fileURLToPath(new URL("support/train_by_lightning.py", import.meta.url));
const INSTALL_MS = 20 * 60_000;

interface Report {
  version: string;
  upstream: string;
  client: {
    run: {
      info: { run_id: string; status: string };
      data: { metrics: Record<string, number>; params: Record<string, string>; tags: object };
    };
    history: number;
    found: string[];
    files: string[];
    text: string;
    experiments: string[];
  };
}

/** Of each client its packages (bench/requirements-NAME.txt), or a Python that has them. */
const CLIENTS = [
  {
    name: "the current one",
    packages: "mlflow",
    given: process.env.S3_MLFLOW_PYTHON,
    version: "3.",
  },
  {
    name: "the one of upstream's fork",
    packages: "mlflow-fork",
    given: process.env.S3_MLFLOW_FORK_PYTHON,
    version: "2.22.5",
  },
] as const;

/** Runs that MLflow's own client reports, which is installed once; beside Lightning in another folder (S3_LIGHTNING_PYTHON). */
describe.each(CLIENTS)("MLflow's own client, $name", ({ packages, given, version }) => {
  let server: TestServer;
  let report: Report;
  let python: string;

  beforeAll(async () => {
    python = given ?? (await ensurePeerPython(packages));
    server = await startTestServer();
    const { stdout } = await run(python, [REPORTER, server.url, server.artifactsDir], {
      env: { ...process.env, MLFLOW_HTTP_REQUEST_MAX_RETRIES: "1" },
    });
    report = JSON.parse(stdout.trim().split("\n").at(-1)!) as Report;
  }, INSTALL_MS);
  afterAll(() => server.stop());

  const toId = (id: string): string =>
    id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

  it("reports a run as upstream's code does", async () => {
    const id = toId(report.upstream);
    const shown = await server.plane.runReader.get(id);
    expect(shown).toMatchObject({ name: "ppo", state: "succeeded", config: { experiment: "s3" } });
    if (shown.config.kind !== "external") throw new Error("another kind");
    expect(Object.keys(shown.config.parameters)).toHaveLength(151);
    expect(shown.config.parameters["actor/optim/lr"]).toBe("1e-06");
    const series = await server.plane.metrics.readSeries(id, ["critic/score/mean"], 100);
    expect(series["critic/score/mean"]!.map(({ step, value }) => [step, value])).toEqual(
      [1, 2, 3, 4, 5].map((step) => [step, step / 8]),
    );
  });

  // The fork has neither trainer.
  const withoutTrainers = packages === "mlflow-fork";
  it.skipIf(withoutTrainers)(
    "reports a training of transformers, by transformers' own callback, live and its end",
    () => expectRunOfTransformers(server, python, "transformers", "mlflow"),
  );

  it.skipIf(withoutTrainers)(
    "reports a training of Lightning, by its MLFlowLogger, live and its end",
    async () => {
      const lightning = process.env.S3_LIGHTNING_PYTHON ?? (await ensurePeerPython("lightning"));
      await expectRunOfScript(server, lightning, {
        script: [LIGHTNING],
        name: "by lightning",
        metric: "loss",
        // Lightning counts from 0.
        steps: [0, 1],
        parameters: { lr: "0.01" },
      });
    },
    INSTALL_MS,
  );

  it("reads back what it reported", () => {
    const { client } = report;
    expect(report.version.startsWith(version), report.version).toBe(true);
    expect(client.run).toMatchObject({
      info: { status: "FAILED" },
      data: { metrics: { loss: 0.001 }, params: { lr: "0.1" } },
    });
    expect(client.run.data.tags).not.toHaveProperty("phase");
    expect(client).toMatchObject({
      history: 1_000,
      found: [client.run.info.run_id],
      files: ["notes/first.txt"],
      text: "hello",
      experiments: ["Default", "another experiment", "s3"],
    });
  });
});
