import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensurePeerPython } from "@/bench/peers/venv";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

const run = promisify(execFile);
const SENDER = fileURLToPath(new URL("support/send_traces.py", import.meta.url));
const INSTALL_MS = 10 * 60_000;
const QUESTION = "What is question 1?";

/**
 * Traces of OpenTelemetry's own exporter. It is installed once (bench/requirements-otlp.txt), or stands in the Python
 * that S3_OTLP_PYTHON names.
 */
let server: TestServer;
let python: string;

beforeAll(async () => {
  python = process.env.S3_OTLP_PYTHON ?? (await ensurePeerPython("otlp"));
  server = await startTestServer();
  const record = { id: "q1", question: QUESTION, answers: ["an answer"], goldIds: [] };
  await server.plane.questionSets.store(
    "one question",
    [{ ...record, type: null, group: null, goldQueries: [] }],
    "test",
  );
}, INSTALL_MS);
afterAll(() => server.stop());

it.each(["gzip", "none"])(
  "of the official exporter become an episode (packed: %s)",
  async (packed) => {
    const created = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
      method: "POST",
      body: JSON.stringify({ experiment_id: "0" }),
    });
    const { run: made } = (await created.json()) as { run: { info: { run_id: string } } };
    const id = made.info.run_id;
    await run(python, [SENDER, QUESTION, "1", "4"], {
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${server.url}/v1/traces`,
        OTEL_EXPORTER_OTLP_COMPRESSION: packed,
        OTEL_RESOURCE_ATTRIBUTES: `s3.run_id=${id},s3.questions=one%20question`,
      },
    });
    const { rows } = await server.plane.episodeReader.list({
      runId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
      filter: "all",
      sortDirection: "ascending",
      cursor: undefined,
      limit: 5,
    });
    expect(rows).toMatchObject([{ step: 4, reward: 1, searches: 1, answer: "an answer" }]);
    const { record } = await server.plane.episodeReader.get(rows[0]!.id);
    expect(record.episode.steps.map(({ kind }) => kind)).toEqual([
      "generate",
      "retrieve",
      "select",
    ]);
    expect(record.episode.context).toHaveLength(1);
  },
);
