import { afterEach, describe, expect, it } from "vitest";
import { OpenSearchRetriever, type OpenSearchConfig } from "./opensearch";
import type { RequestRetryPolicy } from "@/gpu-workers/retrieval/request-retry";
import {
  ScriptedServer,
  type ScriptedAnswer,
  type SeenRequest,
} from "@/gpu-workers/retrieval/testing/scripted-server";

/** The documented answers of OpenSearch 2 and Elasticsearch 8 to the requests that are sent; no real server is asked. */
const DOCUMENTS: Record<string, { title?: string; text: string }> = {
  a: { title: "A", text: "alpha" },
  b: { title: "B", text: "beta" },
  c: { text: "gamma" },
};
const shards = { total: 1, successful: 1, skipped: 0, failed: 0 };
const field = (type: string) => ({
  [type]: { type, metadata_field: false, searchable: true, aggregatable: false },
});
const hits = (ids: string[]) => ({
  took: 1,
  timed_out: false,
  _shards: shards,
  hits: {
    total: { value: 3, relation: "eq" },
    max_score: 2,
    hits: ids.map((id, i) => ({ _index: "wiki", _id: id, _score: 2 - i, _source: DOCUMENTS[id] })),
  },
  status: 200,
});
const refused = (status: number, type: string, reason: string): ScriptedAnswer => ({
  status,
  body: { error: { root_cause: [{ type, reason }], type, reason }, status },
});

function answer({ path, body }: SeenRequest): ScriptedAnswer {
  const name = path.split("?")[0];
  if (name === "/wiki/_count") return { body: { count: 3, _shards: shards } };
  if (name === "/wiki/_field_caps")
    return {
      body: {
        indices: ["wiki"],
        fields: {
          _id: field("_id"),
          title: field("text"),
          text: field("text"),
          "meta.body": field("text"),
        },
      },
    };
  if (name === "/wiki/_settings")
    return { body: { wiki: { settings: { index: { uuid: "u1", number_of_shards: "1" } } } } };
  if (name === "/wiki/_mget")
    return {
      body: {
        docs: (JSON.parse(body) as { ids: string[] }).ids.map((id) =>
          DOCUMENTS[id]
            ? { _index: "wiki", _id: id, found: true, _source: DOCUMENTS[id] }
            : { _index: "wiki", _id: id, found: false },
        ),
      },
    };
  if (name === "/wiki/_msearch")
    return {
      body: {
        took: 1,
        responses: Array.from({ length: body.trim().split("\n").length / 2 }, () =>
          hits(["a", "b", "c"]),
        ),
      },
    };
  return refused(404, "index_not_found_exception", `no such index [${name}]`);
}

const times: RequestRetryPolicy = { requestMs: 300, backoffMs: 5, attempts: 3 };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(
  other: (
    request: SeenRequest,
    searches: number,
  ) => ScriptedAnswer | null | undefined | Promise<ScriptedAnswer | null> = () => undefined,
): Promise<ScriptedServer> {
  let searches = 0;
  const server = await ScriptedServer.start(async (request) => {
    const given = await other(request, request.path.includes("_msearch") ? ++searches : searches);
    return given === undefined ? answer(request) : given;
  });
  closing.push(() => server.close());
  return server;
}

const config = (url: string, rest: Partial<OpenSearchConfig> = {}): OpenSearchConfig => ({
  url,
  index: "wiki",
  titleField: "title",
  textField: "text",
  credential: null,
  ...rest,
});
async function open(
  url: string,
  rest: Partial<OpenSearchConfig> = {},
  environment: NodeJS.ProcessEnv = {} as NodeJS.ProcessEnv,
): Promise<OpenSearchRetriever> {
  const retriever = await OpenSearchRetriever.open(config(url, rest), { times, environment });
  closing.push(() => retriever.close());
  return retriever;
}

describe("the OpenSearch retriever", () => {
  it("sends one _msearch for the queries, and maps ids, titles, texts and scores", async () => {
    const server = await start();
    const retriever = await open(server.url);
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /wiki/_count",
      "GET /wiki/_field_caps?fields=*",
      "GET /wiki/_settings",
    ]);
    const rankings = await retriever.search(["who?", 'a "quoted" (query'], 2);
    expect(rankings).toHaveLength(2);
    expect(rankings[0]?.map(({ id, title, text, score }) => [id, title, text, score])).toEqual([
      ["a", "A", "alpha", 2],
      ["b", "B", "beta", 1],
    ]);
    const sent = server.requests.at(-1);
    expect([sent?.method, sent?.path, sent?.headers["content-type"]]).toEqual([
      "POST",
      "/wiki/_msearch",
      expect.stringContaining("ndjson"),
    ]);
    const query = (text: string) => ({
      size: 2,
      _source: ["title", "text"],
      query: { multi_match: { query: text, fields: ["title", "text"], type: "most_fields" } },
    });
    expect(
      sent?.body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([{}, query("who?"), {}, query('a "quoted" (query')]);
    expect(retriever.describe()).toMatchObject({ kind: "opensearch", documents: 3 });
    // A document without a title, and k larger than the index.
    expect((await retriever.search(["x"], 50))[0]?.map(({ title }) => title)).toEqual([
      "A",
      "B",
      "",
    ]);
  });

  it("gives documents by id, and says which is not there", async () => {
    const retriever = await open((await start()).url);
    expect((await retriever.getDocuments(["c", "a"])).map(({ id, text }) => [id, text])).toEqual([
      ["c", "gamma"],
      ["a", "alpha"],
    ]);
    await expect(retriever.getDocuments(["a", "zz"])).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining('"zz"') as string,
    });
  });

  it.each([
    ["no such index", { index: "other" }, () => undefined, "not-found", "corpus push"],
    [
      "a wrong text field",
      { textField: "body" },
      () => undefined,
      "invalid-input",
      "set Text field to one of: title, text, meta.body",
    ],
    [
      "a wrong title field",
      { titleField: "headline" },
      () => undefined,
      "invalid-input",
      "set Title field to one of",
    ],
    [
      "an empty index",
      {},
      ({ path }: SeenRequest) =>
        path.includes("_count") ? { body: { count: 0, _shards: shards } } : undefined,
      "invalid-input",
      "holds no documents",
    ],
    [
      "missing credentials",
      {},
      () => refused(401, "security_exception", "missing authentication credentials"),
      "unauthorized",
      "Key variable",
    ],
    [
      "insufficient privileges",
      {},
      () => refused(403, "security_exception", "action is unauthorized"),
      "unauthorized",
      "view_index_metadata",
    ],
    [
      "an unset key variable",
      { credential: "SEARCH_KEY" },
      () => undefined,
      "unauthorized",
      "SEARCH_KEY",
    ],
    ["a server that is down", {}, () => null, "retriever-unavailable", "failed 3 times"],
    [
      "another server",
      {},
      () => ({ headers: { "content-type": "text/html" }, body: "<html>" }),
      "invalid-input",
      "is not valid",
    ],
  ])("says at opening what to do about %s", async (_, rest, other, code, message) => {
    const server = await start(other);
    await expect(open(server.url, rest)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  it.each([
    ["a key", "abc", "ApiKey abc"],
    ["name and password", "me:secret", `Basic ${Buffer.from("me:secret").toString("base64")}`],
    ["a whole header", "Bearer t.o.k", "Bearer t.o.k"],
  ])("sends %s from the environment", async (_, value, header) => {
    const server = await start();
    await open(server.url, { credential: "SEARCH_KEY" }, {
      SEARCH_KEY: value,
      S3_CREDENTIALS: `SEARCH_KEY=${server.url}`,
    } as unknown as NodeJS.ProcessEnv);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      header,
      header,
      header,
    ]);
  });

  it("tries again what may pass: 429, 503, a cut connection, a search rejected or cut short within an answer", async () => {
    const bad: (ScriptedAnswer | null)[] = [
      { status: 429, headers: { "retry-after": "0" }, body: {} },
      {
        body: {
          responses: [
            {
              error: { type: "es_rejected_execution_exception", reason: "queue is full" },
              status: 429,
            },
          ],
        },
      },
      { body: { responses: [{ ...hits(["b"]), _shards: { ...shards, failed: 1 } }] } },
      { body: { responses: [{ ...hits(["b"]), timed_out: true }] } },
      null,
    ];
    for (const first of bad) {
      const server = await start(({ path }, searches) =>
        path.includes("_msearch") && searches === 1 ? first : undefined,
      );
      expect((await (await open(server.url)).search(["q"], 1))[0]?.[0]?.id).toBe("a");
    }
  });

  it("makes no document of an error", async () => {
    for (const [given, code, message] of [
      [
        refused(503, "cluster_block_exception", "blocked"),
        "retriever-unavailable",
        "failed 3 times: status 503: cluster_block_exception: blocked",
      ],
      [
        {
          body: {
            responses: [
              {
                error: {
                  root_cause: [
                    { type: "too_many_nested_clauses", reason: "maxClauseCount is set to 1024" },
                  ],
                  type: "search_phase_execution_exception",
                  reason: "all shards failed",
                },
                status: 400,
              },
            ],
          },
        },
        "invalid-input",
        "has more words than",
      ],
      [{ body: { responses: [] } }, "invalid-input", "answered 0 rankings to 1 queries"],
      [
        {
          body: {
            responses: [{ ...hits(["a"]), hits: { hits: [{ _id: "x", _score: 1, _source: {} }] } }],
          },
        },
        "invalid-input",
        'has no text in its field "text"',
      ],
    ] as const) {
      const server = await start(({ path }) => (path.includes("_msearch") ? given : undefined));
      const retriever = await open(server.url);
      await expect(retriever.search(["word ".repeat(20_000)], 1)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
    }
  });

  it("gives up on a server that does not answer, and at once when cancelled", async () => {
    const server = await start(({ path }) =>
      path.includes("_msearch") ? new Promise<null>(() => undefined) : undefined,
    );
    const retriever = await open(server.url);
    await expect(retriever.search(["q"], 1)).rejects.toThrow("no answer within 0.3 s");
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await expect(retriever.search(["q"], 1, stop.signal)).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  it("another index under the same name is another key", async () => {
    const [first, second] = [await start(), await start()];
    const third = await start(({ path }) =>
      path.includes("_settings")
        ? { body: { wiki: { settings: { index: { uuid: "u2" } } } } }
        : undefined,
    );
    const readKey = async ({ url }: ScriptedServer): Promise<string> =>
      (await open(url)).describe().key;
    expect(await readKey(first)).toBe(await readKey(first));
    expect(new Set([await readKey(first), await readKey(second), await readKey(third)]).size).toBe(
      3,
    );
  });
});
