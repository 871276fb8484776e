import { afterEach, describe, expect, it } from "vitest";
import { QdrantRetriever, computePointId, type QdrantConfig, type QueryEncoder } from "./qdrant";
import type { RequestRetryPolicy } from "@/gpu-workers/retrieval/request-retry";
import {
  ScriptedServer,
  type ScriptedAnswer,
  type SeenRequest,
} from "@/gpu-workers/retrieval/testing/scripted-server";

/** The answers of Qdrant's documented REST API; no real server is asked. */
const result = (value: unknown): ScriptedAnswer => ({
  body: { result: value, status: "ok", time: 0.001 },
});
const refused = (status: number, error: string): ScriptedAnswer => ({
  status,
  body: { status: { error }, time: 0 },
});
const info = (vectors: unknown, points = 2, status = "green") =>
  result({
    status,
    optimizer_status: "ok",
    points_count: points,
    indexed_vectors_count: points,
    segments_count: 1,
    config: { params: { vectors, shard_number: 1 } },
    payload_schema: {},
  });
const COSINE = { size: 2, distance: "Cosine" };
const POINTS = [
  {
    id: computePointId("a"),
    version: 1,
    score: 0.9,
    payload: { id: "a", title: "A", text: "alpha" },
  },
  { id: 7, version: 1, score: 0.4, payload: { title: "B", text: "beta" } },
];

function answer({ method, path, body }: SeenRequest): ScriptedAnswer {
  if (method === "GET" && path === "/collections/wiki") return info(COSINE);
  if (path === "/collections/wiki/points/query/batch")
    return result(
      (JSON.parse(body) as { searches: unknown[] }).searches.map(() => ({ points: POINTS })),
    );
  if (path === "/collections/wiki/points")
    return result(
      POINTS.filter(({ id }) => (JSON.parse(body) as { ids: unknown[] }).ids.includes(id)),
    );
  return refused(404, "Not found: Collection `other` doesn't exist!");
}

/** Vectors from the length of a text: what is sent can be told. */
const encoder = (dim = 2): QueryEncoder & { closed: boolean } => ({
  dim,
  name: "tiny",
  variant: "fp32",
  fingerprint: "f",
  closed: false,
  encode: (texts) =>
    Promise.resolve(Float32Array.from(texts.flatMap((text) => [text.length, 0.5]))),
  close() {
    this.closed = true;
    return Promise.resolve();
  },
});

const times: RequestRetryPolicy = { requestMs: 300, backoffMs: 5, attempts: 3 };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(
  other: (
    request: SeenRequest,
    queries: number,
  ) => ScriptedAnswer | null | undefined | Promise<ScriptedAnswer | null> = () => undefined,
): Promise<ScriptedServer> {
  let queries = 0;
  const server = await ScriptedServer.start(async (request) => {
    const given = await other(request, request.path.includes("query") ? ++queries : queries);
    return given === undefined ? answer(request) : given;
  });
  closing.push(() => server.close());
  return server;
}

function open(
  url: string,
  rest: Partial<QdrantConfig> = {},
  environment: Record<string, string> = {},
  own = encoder(),
): Promise<QdrantRetriever> {
  return QdrantRetriever.open(
    { url, collection: "wiki", encoder: "tiny", variant: "fp32", credential: null, ...rest },
    {
      times,
      environment: environment as unknown as NodeJS.ProcessEnv,
      loadEncoder: () => Promise.resolve(own),
    },
  );
}

describe("the Qdrant retriever", () => {
  it("sends its key nowhere but to the origin it is bound to, and not where that redirects", async () => {
    const sink = await start();
    const key = { VECTOR_KEY: "k3y", S3_CREDENTIALS: "VECTOR_KEY=https://vectors.example.com" };
    await expect(open(sink.url, { credential: "VECTOR_KEY" }, key)).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("--credential VECTOR_KEY=") as string,
    });
    const bound = await start(() => ({
      status: 307,
      headers: { location: `${sink.url}/collections/wiki` },
      body: "{}",
    }));
    const environment = { ...key, S3_CREDENTIALS: `VECTOR_KEY=${bound.url}` };
    await expect(open(bound.url, { credential: "VECTOR_KEY" }, environment)).rejects.toThrow(
      /status 307/,
    );
    expect(sink.requests).toEqual([]);
  });

  it("encodes the queries here and asks for them together; ids, titles, texts and scores are mapped", async () => {
    const server = await start();
    const retriever = await open(
      server.url,
      { credential: "VECTOR_KEY" },
      {
        VECTOR_KEY: "k3y",
        S3_CREDENTIALS: `VECTOR_KEY=${server.url}`,
      },
    );
    expect(
      server.requests.map(({ method, path, headers }) => [method, path, headers["api-key"]]),
    ).toEqual([["GET", "/collections/wiki", "k3y"]]);
    const rankings = await retriever.search(["ab", "abc"], 5);
    expect(
      rankings.map((ranked) =>
        ranked.map(({ id, title, text, score }) => [id, title, text, score]),
      ),
    ).toEqual(
      Array(2).fill([
        ["a", "A", "alpha", 0.9],
        ["7", "B", "beta", 0.4],
      ]),
    );
    const sent = server.requests.at(-1);
    expect([sent?.method, sent?.path]).toEqual(["POST", "/collections/wiki/points/query/batch"]);
    expect(JSON.parse(sent?.body ?? "")).toEqual({
      searches: [2, 3].map((length) => ({ query: [length, 0.5], limit: 5, with_payload: true })),
    });
    expect(retriever.describe()).toMatchObject({ kind: "qdrant", documents: 2 });
    expect(JSON.stringify(retriever.describe())).not.toContain("k3y");
  });

  it("uses a collection's one named vector, a path before the API, and turns distances round", async () => {
    const server = await start(({ path }) => {
      if (path === "/behind/proxy/collections/wiki")
        return info({ text: { size: 2, distance: "Euclid" } });
      return result([
        {
          points: [
            { ...POINTS[0], score: 0.1 },
            { ...POINTS[1], score: 0.7 },
          ],
        },
      ]);
    });
    const [ranked] = await (await open(`${server.url}/behind/proxy/`)).search(["q"], 2);
    expect(ranked?.map(({ score }) => score)).toEqual([-0.1, -0.7]);
    expect(server.requests.at(-1)?.path).toBe("/behind/proxy/collections/wiki/points/query/batch");
    expect(JSON.parse(server.requests.at(-1)?.body ?? "")).toMatchObject({
      searches: [{ using: "text" }],
    });
  });

  it("gives documents by id, pushed from a corpus or not", async () => {
    const retriever = await open((await start()).url);
    expect((await retriever.getDocuments(["7", "a"])).map(({ id, text }) => [id, text])).toEqual([
      ["7", "beta"],
      ["a", "alpha"],
    ]);
    await expect(retriever.getDocuments(["zz"])).rejects.toMatchObject({ code: "not-found" });
  });

  it.each([
    [
      "no such collection",
      { collection: "other" },
      (): undefined => undefined,
      "not-found",
      "corpus push",
    ],
    [
      "vectors of another encoder",
      {},
      () => info({ size: 768, distance: "Cosine" }),
      "invalid-input",
      "have 768 numbers, those of the encoder tiny 2",
    ],
    ["several vectors", {}, () => info({ one: COSINE, two: COSINE }), "unsupported", "one, two"],
    ["an empty collection", {}, () => info(COSINE, 0), "invalid-input", "holds no points"],
    ["a broken collection", {}, () => info(COSINE, 2, "red"), "retriever-unavailable", "red"],
    [
      "missing credentials",
      {},
      () => refused(401, "Must provide an API key"),
      "unauthorized",
      "Key variable",
    ],
    [
      "an unset key variable",
      { credential: "VECTOR_KEY" },
      (): undefined => undefined,
      "unauthorized",
      "VECTOR_KEY",
    ],
    ["a server that is down", {}, () => null, "retriever-unavailable", "failed 3 times"],
  ])(
    "says at opening what to do about %s, and leaves no encoder behind",
    async (_, rest, other, code, message) => {
      const server = await start(other);
      const own = encoder();
      let loaded = false;
      const opened = QdrantRetriever.open(
        {
          url: server.url,
          collection: "wiki",
          encoder: "tiny",
          variant: "fp32",
          credential: null,
          ...rest,
        },
        {
          times,
          environment: {} as NodeJS.ProcessEnv,
          loadEncoder: () => {
            loaded = true;
            return Promise.resolve(own);
          },
        },
      );
      await expect(opened).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
      expect(own.closed).toBe(loaded);
    },
  );

  it("tries again what may pass", async () => {
    for (const first of [
      refused(503, "busy"),
      { ...refused(429, "slow down"), headers: { "retry-after": "0" } },
      refused(429, "slow down"),
      null,
    ]) {
      const server = await start(({ path }, queries) =>
        path.includes("query") && queries === 1 ? first : undefined,
      );
      expect((await (await open(server.url)).search(["q"], 1))[0]?.map(({ id }) => id)).toEqual([
        "a",
      ]);
    }
  });

  it("makes no document of an error", async () => {
    for (const [given, code, message] of [
      [
        refused(500, "Service internal error"),
        "retriever-unavailable",
        "failed 3 times: status 500: Service internal error",
      ],
      [
        refused(400, "Wrong input: Vector dimension error"),
        "invalid-input",
        "Vector dimension error",
      ],
      [result([]), "invalid-input", "answered 0 rankings to 1 queries"],
      [
        result([{ points: [{ id: 1, score: 1, payload: {} }] }]),
        "invalid-input",
        "{id, title, text}",
      ],
    ] as const) {
      const server = await start(({ path }) => (path.includes("query") ? given : undefined));
      await expect((await open(server.url)).search(["q"], 1)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
    }
  });

  it("gives up on a server that does not answer, and at once when cancelled", async () => {
    const server = await start(({ path }) =>
      path.includes("query") ? new Promise<null>(() => undefined) : undefined,
    );
    const retriever = await open(server.url);
    await expect(retriever.search(["q"], 1)).rejects.toThrow("no answer within 0.3 s");
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await expect(retriever.search(["q"], 1, stop.signal)).rejects.toMatchObject({
      code: "cancelled",
    });
  });
});
