import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TraceMapping } from "@/contracts/formats/traces/mapping";
import { DEFAULT_MAPPINGS } from "@/core/traces/mappings";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildPlaceKey } from "./rollout-records";

const SET = "two questions";
const DOCUMENT = (n: number) => `Doc ${n} (Title: "Card ${n}") Text of card ${n}.\n`;

/** A line of verl's rollout_data_dir as upstream's fork writes it, decoded without special tokens. */
const buildLine = (question: string, score: unknown, step = 3): string =>
  JSON.stringify({
    input: `user\nSearch.\n<question>\n${question}\n</question>\n<information>\n${DOCUMENT(1)}${DOCUMENT(2)}</information>\nassistant\n`,
    output: `<think>more</think><important_info>[2]</important_info><search_complete>False</search_complete><query>{"query": "capital of it"}</query>\n\n<information>${DOCUMENT(3).replace("Doc 3", "Doc 1")}</information>\n\n<important_info>[1]</important_info><search_complete>True</search_complete>`,
    score,
    step,
  });

describe("rollouts of an observed run", () => {
  let server: TestServer;
  let id: string;

  const send = async (query: Record<string, string>, lines: readonly string[]) => {
    const response = await fetch(
      `${server.url}/api/2.0/s3/rollouts?${new URLSearchParams({ run_id: id, questions: SET, ...query })}`,
      { method: "POST", body: lines.join("\n") },
    );
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const list = async () =>
    (
      await server.plane.episodeReader.list({
        runId: toId(id),
        filter: "all",
        sortDirection: "ascending",
        cursor: undefined,
        limit: 50,
      })
    ).rows;
  const toId = (hex: string): string =>
    hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

  beforeAll(async () => {
    server = await startTestServer();
    const record = (n: number) => ({
      id: `q${n}`,
      question: `What is question ${n}?`,
      answers: ["an answer"],
      goldIds: [],
      type: null,
      group: null,
      goldQueries: [],
    });
    await server.plane.questionSets.store(SET, [record(1), record(2)], "test");
    const response = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
      method: "POST",
      body: JSON.stringify({ experiment_id: "0", run_name: "observed" }),
    });
    id = ((await response.json()) as { run: { info: { run_id: string } } }).run.info.run_id;
  });
  afterAll(() => server.stop());

  it("become episodes with their searches, selections and reward, each line once", async () => {
    const lines = [buildLine("What is question 1?", 1), buildLine("What is question 1?", 0)];
    expect((await send({ file: "3.jsonl" }, lines)).body).toEqual({
      stored: 2,
      repeated: 0,
      refused: [],
    });
    const again = [...lines, buildLine("What is question 2?", 0.5)];
    expect((await send({ file: "3.jsonl" }, again)).body).toMatchObject({ stored: 1, repeated: 2 });
    const rows = await list();
    // The question's own retrieval is no search of the model.
    expect(rows.map(({ step, reward, searches }) => [step, reward, searches])).toEqual([
      [3, 1, 1],
      [3, 0, 1],
      [3, 0.5, 1],
    ]);
    const episode = await server.plane.episodeReader.get(rows[0]!.id);
    const { steps, context } = episode.record.episode;
    const kinds = steps.map(({ kind }) => kind);
    expect(kinds).toEqual([
      "retrieve",
      "generate",
      "select",
      "retrieve",
      "generate",
      "select",
      "stop",
    ]);
    expect(context.map(({ hash }) => episode.documents[hash]?.title)).toEqual(["Card 2", "Card 3"]);
  });

  it("whose windows hold no document that can be read are told of in the run's log", async () => {
    const line = buildLine("What is question 1?", 1, 9).replace(
      'Doc 1 (Title: \\"Card 3',
      'Hit: (\\"Card 3',
    );
    expect((await send({ file: "9.jsonl" }, [line])).body).toMatchObject({ stored: 1 });
    const { lines } = await server.plane.logs.listForRun(toId(id), { level: "warn", limit: 5 });
    expect(lines.map(({ message }) => message)).toEqual([
      "Rollouts of 9.jsonl, unread: 1 × a window holds no document that can be read (e.g. capital of it).",
    ]);
  });

  it("that cannot be used are answered and stand in the run's log", async () => {
    const { body } = await send({ file: "4.jsonl", line: "10" }, [
      "{",
      buildLine("Who asks what nobody asked?", 1, 4),
      // As Python writes it.
      buildLine("What is question 2?", null, 4).replace(`"score":null`, `"score":NaN`),
    ]);
    expect(body).toMatchObject({ stored: 1, refused: [{ line: 11 }, { line: 12 }] });
    const { lines } = await server.plane.logs.listForRun(toId(id), { level: "warn", limit: 1 });
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^Rollouts of 4\.jsonl, unread: 1 × no reward .*; 1 × it is not JSON \(e\.g\. line 11: .*\); 1 × its question is not in the set "two questions" \(e\.g\. line 12: /,
      ),
    ]);
    expect(await send({ file: "5.jsonl", questions: "no such set" }, ["{}"])).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE" },
    });
  });

  it("of an evaluation become held-out episodes of their own, beside the training's file of the same name", async () => {
    const line = buildLine("What is question 2?", 1, 40);
    expect((await send({ file: "40.jsonl" }, [line])).body).toMatchObject({ stored: 1 });
    const evaluation = { file: "40.jsonl", phase: "held-out" };
    expect((await send(evaluation, [line])).body).toMatchObject({ stored: 1, repeated: 0 });
    expect((await send(evaluation, [line])).body).toMatchObject({ stored: 0, repeated: 1 });
    const rows = await server.plane.database.db.$queryRaw`
      SELECT phase::text, sample_index AS sample FROM episodes WHERE run_id = ${toId(id)}::uuid AND step = 40 ORDER BY phase::text`;
    expect(rows).toEqual([
      { phase: "held-out", sample: 0 },
      { phase: "train", sample: 0 },
    ]);
    expect((await send({ file: "a", phase: "test" }, [])).status).toBe(400);
  });

  it("whose searches nothing tells of have no number of them, and one that is told of counts", async () => {
    const plain = (question: string, output: string, step: number): string =>
      JSON.stringify({ input: `user\n${question}\nassistant\n`, output, score: 0, step });
    await send({ file: "steps" }, [
      plain("What is question 1?", "<lookup>a</lookup> words", 50),
      plain("What is question 2?", "words", 50),
      plain("What is question 1?", "<answer>x</answer>", 51),
      plain("What is question 2?", "<answer>y</answer>", 51),
      // Two steps later they are summed up.
      plain("What is question 1?", "words", 52),
      plain("What is question 1?", "words", 53),
    ]);
    const points = await server.plane.trackedRuns.readHistory(toId(id), "search/searches");
    expect(
      points.flatMap(({ step, value }) => (step === 50 || step === 51 ? [[step, value]] : [])),
    ).toEqual([[51, 0]]);
    const issues = await server.plane.database.db.$queryRaw`
      SELECT reason, count FROM rollout_issues WHERE run_id = ${toId(id)}::uuid AND reason LIKE '%lookup%'`;
    expect(issues).toEqual([
      { reason: "the tag <lookup> is none that the mapping names", count: 1 },
    ]);
  });

  it("are read by a mapping of the project that was stored before tags could be named", async () => {
    const { searches: _, search: __, words: ___, quoted: ____, ...old } = DEFAULT_MAPPINGS.verl;
    const { traceMappings } = server.plane;
    const stored = { ...old, output: ["said"] } as unknown as TraceMapping;
    await traceMappings.save(stored, 0, "test");
    const said = `<search>card</search>\n\n<information>${DOCUMENT(1)}</information>\n\n<answer>x</answer>`;
    const line = JSON.stringify({ input: "What is question 1?", said, score: 1, step: 60 });
    expect((await send({ file: "60.jsonl" }, [line])).body).toMatchObject({ stored: 1 });
    expect((await list()).filter(({ step }) => step === 60)).toMatchObject([{ searches: 1 }]);
    await traceMappings.save(DEFAULT_MAPPINGS.verl, 1, "test");
  });

  it("are taken line by line: one that cannot be read or stored holds none up", async () => {
    const { body } = await send({ file: "train/70.jsonl" }, [
      "\u0000\u0000\u0000",
      buildLine("What is question 1?", 1, 2 ** 40),
      buildLine("What is question 1?", 1).replace(`,"step":3`, ""),
    ]);
    expect(body).toMatchObject({ stored: 1, refused: [{ line: 1 }, { line: 2 }] });
    const { value } = (
      await server.plane.database.db.$queryRaw<[{ value: number }]>`
      SELECT max(step) AS value FROM episodes WHERE run_id = ${toId(id)}::uuid`
    )[0];
    expect(value, "the step that its file is named after").toBe(70);
    expect((await send({ file: "a", questions: "no\u0000" }, [])).status).toBe(400);
  });

  it("of an evaluation whose step was summed up before are summed up with the next step, or at once after the end", async () => {
    const train = (step: number) =>
      send({ file: `${step}.jsonl` }, [buildLine("What is question 2?", 1, step)]);
    const evaluate = (step: number, score: number) =>
      send({ file: `${step} ${score}.jsonl`, phase: "held-out" }, [
        buildLine("What is question 2?", score, step),
      ]);
    const read = async (name: string) =>
      (await server.plane.trackedRuns.readHistory(toId(id), name)).flatMap(({ step, value }) =>
        step >= 60 && step < 70 ? [[step, value]] : [],
      );
    const readLast = async () =>
      (await server.plane.metrics.listMetrics(toId(id))).find(
        ({ name }) => name === "held-out/accuracy",
      );
    await evaluate(61, 0);
    for (const step of [60, 61, 62, 63]) await train(step);
    expect(await read("held-out/accuracy")).toEqual([[61, 0]]);
    await evaluate(60, 1);
    expect(await read("held-out/accuracy"), "more of it may come").toEqual([[61, 0]]);
    await evaluate(60, 0);
    await train(64);
    const once = [
      [60, 0.5],
      [61, 0],
      [61, 0],
    ];
    expect(await read("held-out/accuracy")).toEqual(once);
    expect(await readLast()).toMatchObject({ lastStep: 61, lastValue: 0 });
    await train(65);
    expect(await read("held-out/accuracy"), "nothing came meanwhile").toEqual(once);
    const rewards = await read("reward/mean");
    expect(rewards, "of the training nothing is reported again").toHaveLength(5);
    await fetch(`${server.url}/api/2.0/mlflow/runs/update`, {
      method: "POST",
      body: JSON.stringify({ run_id: id, status: "FINISHED" }),
    });
    await evaluate(61, 1);
    expect((await read("held-out/accuracy")).at(-1)).toEqual([61, 0.5]);
    // A training step may come in parts after the end, too: it is summed up once, with all of them.
    await send({ file: "71 a.jsonl" }, [buildLine("What is question 1?", 1, 71)]);
    await send({ file: "71 b.jsonl" }, [buildLine("What is question 2?", 0, 71)]);
    for (const step of [72, 73]) await train(step);
    const means = await server.plane.trackedRuns.readHistory(toId(id), "reward/mean");
    expect(means.filter(({ step }) => step === 71).map(({ value }) => value)).toEqual([0.5]);
  });

  it("that a trainer writes anew at the place of others are episodes, too", async () => {
    const old = buildLine("What is question 1?", 0, 80);
    const same = buildLine("What is question 2?", 0, 80);
    await send({ file: "80.jsonl" }, [old, same]);
    // As one that goes on from a checkpoint before the step does: of its lines one is the same.
    const after = [buildLine("What is question 1?", 1, 80), same];
    const both = await send({ file: "80.jsonl" }, after);
    expect(both.body).toEqual({ stored: 1, repeated: 1, refused: [] });
    const again = await send({ file: "80.jsonl" }, after);
    expect(again.body).toEqual({ stored: 0, repeated: 2, refused: [] });
    const rows = (await list()).filter(({ step }) => step === 80);
    expect(rows).toHaveLength(3);
    expect(rows.filter(({ reward }) => reward === 1)).toHaveLength(1);
  });

  it("that an older version stored by their place alone are not stored again", async () => {
    const lines = [buildLine("What is question 1?", 0, 81)];
    await send({ file: "81.jsonl" }, lines);
    const place = { runId: toId(id), file: "81.jsonl", line: 0, index: 0, isHeldOut: false };
    await server.plane.database.db.episode.updateMany({
      where: { runId: toId(id), step: 81 },
      data: { key: buildPlaceKey(place) },
    });
    const again = await send({ file: "81.jsonl" }, lines);
    expect(again.body).toEqual({ stored: 0, repeated: 1, refused: [] });
  });
});
