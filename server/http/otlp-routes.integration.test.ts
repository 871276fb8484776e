import { randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_MAPPINGS } from "@/core/traces/mappings";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { decodeTraceRequest } from "./otlp-protobuf";

/** What the official exporter of Python sent of one rollout, with a place for the run's id in it. */
const RECORDED = JSON.parse(
  readFileSync(new URL("./testing/otlp-recorded.json", import.meta.url), "utf8"),
) as { headers: Record<string, string>; body: string; json: object };
const PLACE = "RUN_ID_RUN_ID_RUN_ID_RUN_ID_RUN_";
const SET = "two questions";

type Attributes = Record<string, unknown>;
const toAttributes = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { doubleValue: value } : { stringValue: value },
  }));
const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
/** A request of one trace: its first span, and one below it. */
const buildRequest = (trace: number, root: Attributes | null, child: Attributes | null) => ({
  resourceSpans: [
    {
      scopeSpans: [
        {
          spans: [
            root && { parent: "", id: 1, given: root },
            child && { parent: hex(1, 16), id: 2, given: child },
          ]
            .filter((span) => span !== null)
            .map(({ parent, id, given }) => ({
              traceId: hex(trace, 32),
              spanId: hex(id, 16),
              parentSpanId: parent,
              name: `span ${id}`,
              startTimeUnixNano: `${1_700_000_000_000_000_000n + BigInt(id)}`,
              endTimeUnixNano: "1700000001000000000",
              attributes: toAttributes(given),
            })),
        },
      ],
    },
  ],
});

describe("traces by OTLP", () => {
  let server: TestServer;

  const createRun = async (): Promise<string> => {
    const response = await fetch(`${server.url}/api/2.0/mlflow/runs/create`, {
      method: "POST",
      body: JSON.stringify({ experiment_id: "0", run_name: "traced" }),
    });
    return ((await response.json()) as { run: { info: { run_id: string } } }).run.info.run_id;
  };
  const post = async (body: string | Uint8Array, headers: Record<string, string>, query = "") => {
    const response = await fetch(`${server.url}/v1/traces${query}`, {
      method: "POST",
      body: body as BodyInit,
      headers,
    });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  };
  const postJson = async (request: object, run: string, questions = SET) => {
    const query = `?${new URLSearchParams({ run_id: run, questions })}`;
    const { status, body } = await post(
      JSON.stringify(request),
      { "content-type": "application/json" },
      query,
    );
    return { status, body: JSON.parse(body.toString()) as Record<string, unknown> };
  };
  const toId = (id: string): string =>
    id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  const list = async (run: string) =>
    (
      await server.plane.episodeReader.list({
        runId: toId(run),
        filter: "all",
        sortDirection: "ascending",
        cursor: undefined,
        limit: 50,
      })
    ).rows;
  const describeRollouts = (run: string) => server.plane.trackedRuns.describeRollouts(toId(run));

  beforeAll(async () => {
    server = await startTestServer();
    await server.plane.questionSets.store(
      SET,
      [1, 2].map((n) => ({
        id: `q${n}`,
        question: `What is question ${n}?`,
        answers: ["an answer"],
        goldIds: [],
        type: null,
        group: null,
        goldQueries: [],
      })),
      "test",
    );
  });
  afterAll(() => server.stop());

  it("of the official exporter, packed protobuf, become an episode once however often they are sent", async () => {
    const run = await createRun();
    const raw = gunzipSync(Buffer.from(RECORDED.body, "base64"));
    const own = Buffer.from(raw.toString("latin1").replace(PLACE, run), "latin1");
    for (const body of [gzipSync(own), gzipSync(own)])
      expect(await post(body, RECORDED.headers)).toMatchObject({
        status: 200,
        body: Buffer.alloc(0),
      });
    expect(await post(own, { "content-type": "application/x-protobuf" })).toMatchObject({
      status: 200,
    });
    const rows = await list(run);
    expect(rows).toMatchObject([
      { step: 3, reward: 1, searches: 1, score: 1, answer: "an answer" },
    ]);
    const { record, documents } = await server.plane.episodeReader.get(rows[0]!.id);
    expect(record.episode.steps.map(({ kind }) => kind)).toEqual([
      "generate",
      "retrieve",
      "select",
      "generate",
    ]);
    expect(record.episode.context.map(({ hash }) => documents[hash]?.title)).toEqual(["Card 2"]);
    expect(await describeRollouts(run)).toMatchObject({
      episodes: 1,
      waitingTraces: 0,
      issues: [
        {
          format: "openinference",
          reason: 'tool "calculator" is none of those that search',
          count: 1,
        },
      ],
    });
  });

  it("are the same as protobuf and as JSON", () => {
    const raw = gunzipSync(Buffer.from(RECORDED.body, "base64"));
    const decoded = decodeTraceRequest(raw, 10_000) as {
      resourceSpans: { scopeSpans: { spans: object[] }[] }[];
    };
    const given = RECORDED.json as typeof decoded;
    const spans = given.resourceSpans[0]!.scopeSpans[0]!.spans;
    expect(decoded.resourceSpans[0]!.scopeSpans[0]!.spans).toMatchObject(
      spans.map((span) =>
        Object.fromEntries(
          Object.entries(span).filter(([name]) => !["kind", "flags", "status"].includes(name)),
        ),
      ),
    );
  });

  it("wait for the first span and for parents; a span that is late or a trace that ends never is told", async () => {
    const run = await createRun();
    const root = {
      "openinference.span.kind": "AGENT",
      "input.value": "What is question 1?",
      "s3.reward": 1,
    };
    const search = {
      "openinference.span.kind": "RETRIEVER",
      "input.value": "cards",
      "retrieval.documents.0.document.content": "Text.",
    };
    expect((await postJson(buildRequest(1, null, search), run)).status).toBe(200);
    expect([await list(run), (await describeRollouts(run)).waitingTraces]).toEqual([[], 1]);
    await postJson(buildRequest(1, root, null), run);
    expect(await list(run)).toMatchObject([{ searches: 1, reward: 1 }]);
    await postJson(buildRequest(2, root, null), run);
    await postJson(buildRequest(2, null, search), run);
    await postJson(buildRequest(2, null, search), run);
    const { episodes, issues, waitingTraces } = await describeRollouts(run);
    expect([episodes, waitingTraces]).toEqual([2, 0]);
    expect(issues).toMatchObject([
      { reason: "a span came after its trace had become an episode", count: 1, example: "span 2" },
    ]);
  });

  it("that cannot be taken are answered with the reason, in the request's own form", async () => {
    const run = await createRun();
    const root = { "openinference.span.kind": "AGENT", "input.value": "Nobody asked this" };
    expect(await postJson(buildRequest(1, root, null), run)).toEqual({ status: 200, body: {} });
    expect((await describeRollouts(run)).issues).toMatchObject([
      { reason: `its question is not in the set "${SET}"`, example: "Nobody asked this" },
    ]);
    const { status, body } = await postJson(buildRequest(1, root, null), run, "no such set");
    expect([status, body.code]).toEqual([400, 3]);
    const none = await post(JSON.stringify(buildRequest(1, root, null)), {
      "content-type": "application/json",
    });
    expect(none.body.toString()).toMatch(/OTEL_RESOURCE_ATTRIBUTES/);
    const bad = await post(Buffer.from("no protobuf"), {
      "content-type": "application/x-protobuf",
    });
    expect(bad.status).toBe(400);
    const message = protobuf.Reader.create(bad.body);
    expect([message.uint32(), message.int32(), message.uint32() >>> 3]).toEqual([8, 3, 2]);
    expect(message.string()).toMatch(/no ExportTraceServiceRequest/);
    for (const [content, headers, expected] of [
      ["{", { "content-type": "application/json" }, 400],
      ["{}", { "content-type": "text/plain" }, 415],
      ["{}", { "content-type": "application/json", "content-encoding": "br" }, 415],
      ["no gzip", { "content-type": "application/json", "content-encoding": "gzip" }, 400],
      ["{}", { "content-type": "application/json", authorization: "Bearer wrong" }, 401],
      [`{"resourceSpans":${"[".repeat(50_000)}`, { "content-type": "application/json" }, 400],
    ] as const)
      expect((await post(content, headers)).status, content.slice(0, 20)).toBe(expected);
  });

  it("are refused where they are many tiny fields, before these are built", async () => {
    // Empty spans, empty attributes, empty values of a list: two bytes each.
    const wrap = (tag: number, inner: Buffer): Buffer => {
      const writer = protobuf.Writer.create().uint32(tag).bytes(inner);
      return Buffer.from(writer.finish());
    };
    const repeat = (pair: string): Buffer => Buffer.alloc(4 * 2 ** 20, pair, "hex");
    const asSpans = (spans: Buffer): Buffer => wrap(10, wrap(18, spans));
    const json = (text: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${text}`;
    const protobufs = [repeat("1200"), asSpans(repeat("1200")), asSpans(wrap(18, repeat("4a00")))];
    const jsons = [
      json("{},".repeat(2 ** 20)),
      json('"\\\"",'.repeat(2 ** 20)),
      json("[".repeat(2 ** 20)),
    ];
    for (const [type, bodies] of [
      ["application/x-protobuf", protobufs],
      ["application/json", jsons.map((text) => Buffer.from(text))],
    ] as const)
      for (const body of bodies) {
        const packed = gzipSync(body, { level: 1 });
        const answer = await post(packed, { "content-type": type, "content-encoding": "gzip" });
        expect(answer.status).toBe(413);
        expect(answer.body.toString()).toContain("more than 1000000 fields");
      }
    // What stands within a text is no field of the request.
    const text = JSON.stringify({ resourceSpans: [], note: '{"[,\\'.repeat(2 ** 19) });
    expect((await post(text, { "content-type": "application/json" })).status).toBe(200);
  });

  it("take a part where another part is refused, and say how much", async () => {
    const run = await createRun();
    const root = { "openinference.span.kind": "AGENT", "input.value": "What is question 2?" };
    const request = buildRequest(7, root, { "openinference.span.kind": "LLM" });
    request.resourceSpans[0]!.scopeSpans[0]!.spans[1]!.spanId = "not hex";
    expect((await postJson(request, run)).body).toEqual({
      partialSuccess: {
        rejectedSpans: "1",
        errorMessage: expect.stringMatching(/no id of a span/) as unknown,
      },
    });
    expect(await list(run)).toHaveLength(1);
  });

  it("are read by the project's own mapping, which is stored as versions", async () => {
    const { traceMappings } = server.plane;
    const run = await createRun();
    const mapping = { ...DEFAULT_MAPPINGS.openinference, reward: ["gain"], rightFrom: 0.4 };
    expect(await traceMappings.save(mapping, 0, "anna")).toEqual({ version: 1 });
    await expect(traceMappings.save(mapping, 0, "bert")).rejects.toMatchObject({
      code: "conflict",
    });
    const root = {
      "openinference.span.kind": "AGENT",
      "input.value": "What is question 2?",
      gain: 0.5,
      "output.value": "x",
    };
    await postJson(buildRequest(1, root, null), run);
    expect(await list(run)).toMatchObject([{ reward: 0.5, score: 1 }]);
    expect(await traceMappings.list()).toMatchObject([
      { version: 0 },
      { version: 0 },
      { version: 1, createdBy: "anna", mapping: { reward: ["gain"] } },
    ]);
    await traceMappings.save(DEFAULT_MAPPINGS.openinference, 1, "anna");
  });

  it("with names of any length are listed by their beginnings, and a set that cannot be named is refused", async () => {
    const run = await createRun();
    // Random, as an index takes a long text that packs well.
    const long = randomBytes(10_000).toString("hex");
    const root = { "openinference.span.kind": "AGENT", "input.value": "What is question 1?" };
    const child = {
      "openinference.span.kind": "TOOL",
      "tool.name": `t${long}`,
    };
    expect((await postJson(buildRequest(1, root, child), run)).status).toBe(200);
    const { issues } = await describeRollouts(run);
    expect(issues.some(({ reason }) => reason.startsWith(`tool "t${long.slice(0, 100)}`))).toBe(
      true,
    );
    const model = { ...root, "output.value": "an answer", "llm.model_name": long };
    expect((await postJson(buildRequest(2, model, null), run)).status).toBe(200);
    const refused = await postJson(buildRequest(3, root, null), run, "nul\u0000");
    expect(refused.status).toBe(400);
  });

  it("of a file that a collector wrote are the same, line by line", async () => {
    const run = await createRun();
    const root = { "openinference.span.kind": "AGENT", "input.value": "What is question 1?" };
    const lines = [JSON.stringify(buildRequest(5, root, null)), '{"resourceSpans": 7}', "{"];
    const send = async () =>
      (await (
        await fetch(
          `${server.url}/api/2.0/s3/rollouts?${new URLSearchParams({ run_id: run, questions: SET, file: "traces.jsonl", format: "otlp" })}`,
          { method: "POST", body: lines.join("\n") },
        )
      ).json()) as unknown;
    expect(await send()).toMatchObject({
      stored: 1,
      repeated: 0,
      refused: [{ line: 2 }, { line: 3 }],
    });
    expect(await send()).toMatchObject({ stored: 0, repeated: 1 });
    expect(await list(run)).toHaveLength(1);
  });
});
