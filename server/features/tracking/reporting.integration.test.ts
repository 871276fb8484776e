import { execFile, spawnSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PYTHON, ROOT } from "@/lib/paths.mjs";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { expectRunOfTransformers } from "@/server/testing/transformers-run";

const run = promisify(execFile);
/** Transformers takes seconds to import, on a busy machine minutes. */
const IMPORT_MS = 10 * 60_000;
/** TRL wants Python 3.11. */
const FIND_TRL = "import importlib.util, sys; sys.exit(importlib.util.find_spec('trl') is None)";
const hasTrl = spawnSync(PYTHON, ["-c", FIND_TRL]).status === 0;
if (!hasTrl) console.warn("skipped: TRL's trainers want Python 3.11; transformers' own is run");

/** Our own Python client against the real server, in real Python. */
describe("the Python client", () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
    const question = {
      id: "q",
      question: "Who?",
      answers: ["she"],
      goldIds: [],
      type: null,
      group: null,
      goldQueries: [],
    };
    await server.plane.questionSets.store("who", [question], "test");
  });
  afterAll(() => server.stop());

  const runPython = (code: string, address = server.url) =>
    run(PYTHON, ["-c", code], {
      cwd: server.artifactsDir,
      env: {
        ...process.env,
        PYTHONPATH: join(ROOT, "gpu-workers", "client"),
        S3_TRACKING_URI: address,
        USER: "ada",
      },
    });

  it("reports a run that crashes and goes on, as one curve without a point twice", async () => {
    const begin = `import os, s3_client
run = s3_client.init("mine", experiment="it's nq", config={"actor": {"lr": 1e-6}}, tags={"team": "a"}, folder="runs", resume=True)
`;
    await runPython(`${begin}
for step in (1, 2): run.log({"reward/mean": step / 4}, step=step)
assert run._sender.drain(20)
run.log({"reward/mean": 0.75}, step=3)
os._exit(9)`).catch((error: unknown) => expect(error).toMatchObject({ code: 9 }));
    await runPython(`${begin}
run.log({"reward/mean": 1})
assert run.finish()`);
    const { rows } = await server.plane.runReader.list({
      shelf: "listed",
      sort: "newest",
      limit: 10,
      columns: [],
      foldSweeps: false,
    });
    expect(rows).toMatchObject([{ name: "mine", state: "succeeded", tags: ["team: a"] }]);
    const { id } = rows[0]!;
    const series = await server.plane.metrics.readSeries(id, ["reward/mean"], 100);
    expect(series["reward/mean"]!.map(({ step, value }) => [step, value])).toEqual([
      [1, 0.25],
      [2, 0.5],
      [3, 0.75],
      [4, 1],
    ]);
    expect((await server.plane.runReader.get(id)).config).toMatchObject({
      experiment: "it's nq",
      parameters: { "actor/lr": "1e-06" },
    });
  });

  it("follows a folder of rollouts while it is written, each whole line once", async () => {
    const created = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
      method: "POST",
      body: JSON.stringify({ experiment_id: "0" }),
    });
    const { run: made } = (await created.json()) as { run: { info: { run_id: string } } };
    const id = made.info.run_id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    const folder = join(server.artifactsDir, "rollouts");
    await mkdir(folder);
    const line = (score: number) =>
      JSON.stringify({ input: "Question: Who?", output: "she", score });
    const follow = async () => {
      await runPython(`import sys
from s3_client.follow import main
sys.argv = ["follow", "rollouts", "--run", "${made.info.run_id}", "--questions", "who", "--address", "${server.url}", "--once"]
sys.exit(main())`);
      const list = { runId: id, filter: "all", sortDirection: "ascending", limit: 50 } as const;
      const { rows } = await server.plane.episodeReader.list({ ...list, cursor: undefined });
      return rows.map(({ step, reward }) => [step, reward]);
    };
    await writeFile(join(folder, "1.jsonl"), `${line(1)}\n${line(0).slice(0, 20)}`);
    expect(await follow()).toEqual([[1, 1]]);
    await writeFile(join(folder, "1.jsonl"), `${line(1)}\n${line(0)}\n`);
    await writeFile(join(folder, "2.jsonl"), `${line(0.5)}\n`);
    const all = [
      [1, 1],
      [1, 0],
      [2, 0.5],
    ];
    expect(await follow()).toEqual(all);
    await rm(join(folder, ".s3-sent.json"));
    expect(await follow()).toEqual(all);
  });

  // TRL's trainers are transformers'.
  it(
    "reports a training live by the example's callback, and its end",
    () => expectRunOfTransformers(server, PYTHON, hasTrl ? "sft" : "transformers", "callback"),
    IMPORT_MS,
  );
  it.skipIf(!hasTrl)(
    "reports a GRPO training live by the example's callback, and its end",
    { tags: "long", timeout: IMPORT_MS },
    () => expectRunOfTransformers(server, PYTHON, "grpo", "callback"),
  );

  it("reports episodes, and loses nothing to an item of the same batch that is refused", async () => {
    await runPython(`import s3_client
run = s3_client.init("with episodes", config={"lr": 1}, folder="episodes")
run.configure({"lr": 2}, {})
run.log({"loss": 1, "n" * 300: 1}, step=1)
for score in (1, 0):
    run.log_episode({"input": "Question: Who?", "output": "she", "score": score, "step": 1}, questions="who")
run.log_episode({"input": "Question: Which?", "output": "it", "score": 1}, questions="who")
run.log({"loss": 2}, step=2)
assert run.finish()`);
    const [found] = await server.plane.database.db.run.findMany({
      where: { name: "with episodes" },
    });
    const { id, state } = found!;
    expect(state).toBe("succeeded");
    const series = await server.plane.metrics.readSeries(id, ["loss"], 100);
    expect(series.loss!.map(({ step, value }) => [step, value])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    const list = { runId: id, filter: "all", sortDirection: "ascending", limit: 50 } as const;
    const { rows } = await server.plane.episodeReader.list({ ...list, cursor: undefined });
    expect(rows.map(({ step, reward }) => [step, reward])).toEqual([
      [1, 1],
      [1, 0],
    ]);
    const { lines } = await server.plane.logs.listForRun(id, { level: "warn", limit: 50 });
    const told = lines.map(({ message }) => message).join("\n");
    expect(told).toContain('Parameter "lr" was "1" and cannot become "2"');
    expect(told).toContain(
      'unread: 1 × its question is not in the set "who" (e.g. line 3: Question: Which?)',
    );
  });
});
