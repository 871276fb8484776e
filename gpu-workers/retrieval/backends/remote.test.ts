import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { waitUntil } from "@/lib/testing/wait-until";
import { closeServer, listen } from "@/gpu-workers/runtime/listen";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import {
  closeAll,
  closing,
  serveWords,
  WordRetriever,
} from "@/gpu-workers/retrieval/service/testing/word-retriever";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";
import { RemoteRetriever } from "./remote";
import { CASES_DIR } from "@/lib/testing/shared";
import { listenLocally } from "@/lib/testing/listen-locally";

afterEach(closeAll);

describe("the remote retriever", () => {
  const times = { requestMs: 300, backoffMs: 5, attempts: 3 };

  /**
   * As upstream's: no /healthz. Answers the query that opening asks, then the prepared answers in turn, the last one
   * for ever.
   */
  async function startScriptedServer(
    ...answers: ((response: ServerResponse) => void)[]
  ): Promise<{ url: string; requests: () => number }> {
    let requests = 0;
    let opened = false;
    const server: Server = createServer((request: IncomingMessage, response) => {
      request.resume();
      if (request.url === "/healthz")
        return void response.writeHead(404).end('{"detail":"Not Found"}');
      if (!opened) {
        opened = true;
        return json({ result: [[hit("ready", 1)]] })(response);
      }
      answers[Math.min(requests++, answers.length - 1)]?.(response);
    });
    const url = await listenLocally(server);
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return {
      url,
      requests: () => requests,
    };
  }
  const status =
    (code: number, body = "") =>
    (response: ServerResponse): void =>
      void response.writeHead(code).end(body);
  const json = (body: unknown) => status(200, JSON.stringify(body));
  const hit = (id: string | number, score: number) => ({
    document: { id, contents: `"T${id}"\ntext ${id}`, extra: 1 },
    score,
  });

  it("gives what the served retriever gives", async () => {
    const { retriever, service } = await serveWords();
    const queries = Array.from({ length: 300 }, (_, i) => `q${i}`); // more than one request
    const remote = await RemoteRetriever.open(service.url, { times });
    const [local, overHttp] = [await retriever.search(queries, 4), await remote.search(queries, 4)];
    expect(overHttp.map(plain)).toEqual(local.map(plain));
    expect(await remote.search([], 4)).toEqual([]);
    await expect(remote.getDocuments()).rejects.toMatchObject({ code: "unsupported" });
  });

  const search = async (body: unknown, k = 5): Promise<RankedDocument[]> => {
    const { url } = await startScriptedServer(json(body));
    const [ranked] = await (
      await RemoteRetriever.open(`${url}/retrieve`, { times })
    ).search(["q"], k);
    return ranked ?? [];
  };
  const plain = (ranked: readonly RankedDocument[]) =>
    ranked.map(({ id, title, text, score }) => [id, title, text, score]);

  it("keeps the server's order, drops repeated documents and takes number ids", async () => {
    const hits = [hit("b", 0.9), hit(1, 0.5), hit("b", 0.4), hit("c", 0.1)];
    expect(plain(await search({ result: [hits] }, 2))).toEqual([
      ["b", "Tb", "text b", 0.9],
      ["1", "T1", "text 1", 0.5],
    ]);
  });

  it("keeps other texts under one id, as parts of one document have it, each by its content too", async () => {
    const part = (text: string) => ({ document: { id: "a", title: "T", text }, score: 1 });
    const ranked = plain(await search({ result: [["x", "y", "x", "y"].map(part)] }));
    expect(ranked).toEqual([
      ["a", "T", "x", 1],
      [expect.stringMatching(/^a#[0-9a-f]{16}$/), "T", "y", 1],
    ]);
  });

  it("takes NaN and Infinity, as Python writes them, for no score", async () => {
    const body = { result: [[hit("a", 1), hit("b", 2), hit('N"aN', 3)]] };
    const text = JSON.stringify(body).replace('"score":1', '"score":NaN');
    const { url } = await startScriptedServer(
      status(200, text.replace('"score":2', '"score": -Infinity')),
    );
    const remote = await RemoteRetriever.open(url, { times });
    expect((await remote.search(["q"], 5))[0]!.map(({ id, score }) => [id, score])).toEqual([
      ["a", 1],
      ["b", 1 / 2],
      ['N"aN', 1 / 3],
    ]);
  });

  it.each([
    ["distances", [hit("a", 0.1), hit("b", 1.1), hit("c", 2)]],
    ["scores in no order", [hit("a", 0.4), hit("b", 0.9), hit("c", 0.1)]],
    ["a score that is null", [hit("a", 0.4), { ...hit("b", 0), score: null }, hit("c", 0.1)]],
    [
      "scores that are text",
      [hit("a", 0), hit("b", 0), hit("c", 0)].map((one) => ({ ...one, score: "1" })),
    ],
    ["no scores", [hit("a", 0), hit("b", 0), hit("c", 0)].map(({ document }) => ({ document }))],
  ])("scores by rank where the server gives %s", async (_, hits) => {
    const ranked = await search({ result: [hits] });
    expect(ranked.map(({ id, score }) => [id, score])).toEqual([
      ["a", 1],
      ["b", 1 / 2],
      ["c", 1 / 3],
    ]);
  });

  it("takes documents of every form, and knows those without an id by their content", async () => {
    const forms = [
      { id: "a", contents: '"A"\ntext' },
      { id: 7, title: "B", text: "more" },
      { document: { id: 0.5, title: "C", content: "third", contents: "C. third" }, score: 3 },
      { document: { id: null, title: null, text: "fourth" } },
      { document: '"E"\nfifth' },
      "sixth",
      { id: "", contents: "fourth" },
    ];
    const ranked = plain(await search({ result: [forms] }, 9));
    const [, , , fourth, fifth, sixth] = ranked;
    expect(ranked).toEqual([
      ["a", "A", "text", 1],
      ["7", "B", "more", 1 / 2],
      ["0.5", "C", "third", 1 / 3],
      [expect.stringMatching(/^content-[0-9a-f]{16}$/), "", "fourth", 1 / 4],
      [expect.stringMatching(/^content-/), "E", "fifth", 1 / 5],
      [expect.stringMatching(/^content-/), "", "sixth", 1 / 6],
    ]);
    expect(new Set([fourth, fifth, sixth].map((one) => one?.[0])).size).toBe(3);
    expect((await search({ result: [["sixth"]] }))[0]?.id).toBe(sixth?.[0]);
  });

  it.each<[string, unknown[], string[][]]>([
    [
      "dense server, which sends the line as it is",
      [{ document: { id: "7", contents: '"Paris"\nParis is' }, score: 0.9 }],
      [["7", "Paris", "Paris is"]],
    ],
    [
      "dense server, of a corpus with title and text",
      [{ document: { id: "7", title: "Paris", text: "Paris is", contents: "x" }, score: 0.9 }],
      [["7", "Paris", "Paris is"]],
    ],
    [
      "BM25 server, of an index that stores its documents",
      [
        {
          document: { title: "Paris", text: "Paris is", contents: '"Paris"\nParis is' },
          score: 9,
        },
      ],
      [["content", "Paris", "Paris is"]],
    ],
    [
      "online search server",
      [{ document: { contents: '"Paris"\nParis is' } }, { document: { contents: "plain" } }],
      [
        ["content", "Paris", "Paris is"],
        ["content", "", "plain"],
      ],
    ],
    [
      "rerank server",
      [
        { document: '"Paris"\nParis is', score: 0.5 },
        { document: "plain", score: 0.25 },
      ],
      [
        ["content", "Paris", "Paris is"],
        ["content", "", "plain"],
      ],
    ],
  ])("takes what upstream's %s answers", async (_, hits, expected) => {
    const ranked = await search({ result: [hits] });
    expect(
      ranked.map(({ id, title, text }) => [
        id.replace(/^content-[0-9a-f]{16}$/, "content"),
        title,
        text,
      ]),
    ).toEqual(expected);
  });

  it("leaves out FAISS' filler", async () => {
    for (const filler of [-3.4028234663852886e38, 3.4028234663852886e38])
      expect(
        (await search({ result: [[hit("a", 0.9), hit("z", filler)]] })).map(({ id }) => id),
      ).toEqual(["a"]);
  });

  it("knows ours by its content, wherever it listens, and any other by its address", async () => {
    const [first, second] = [await serveWords(), await serveWords()];
    const keys = await Promise.all(
      [first, second].map(async ({ service }) =>
        (await RemoteRetriever.open(service.url, { times })).describe(),
      ),
    );
    expect(keys[0]).toMatchObject({
      documents: 3,
      title: expect.stringContaining("words") as string,
    });
    expect(keys[0]?.key).toBe(keys[1]?.key);
    const others = await Promise.all(
      [await startScriptedServer(json({})), await startScriptedServer(json({}))].map(
        async ({ url }) => (await RemoteRetriever.open(url, { times })).describe(),
      ),
    );
    expect(others[0]?.key).not.toBe(others[1]?.key);
    expect(others[0]?.title).toContain("known by its address only");
  });

  it("takes no document of a service that came back with another corpus", async () => {
    const { service } = await serveWords();
    const remote = await RemoteRetriever.open(service.url, { times });
    await service.stop();
    const other = new WordRetriever();
    other.describe = () => ({ kind: "dense", key: "another", title: "others", documents: 9 });
    const back = await RetrieveService.start(other, { port: Number(new URL(service.url).port) });
    closing.push(() => back.stop(0));
    await expect(remote.search(["q"], 1)).rejects.toMatchObject({ code: "conflict" });
  });

  it("waits for a service that starts", async () => {
    const service = await RetrieveService.listen();
    closing.push(() => service.stop(0));
    const opened = RemoteRetriever.open(service.url, {
      times: { requestMs: 300, backoffMs: 5, attempts: 2 },
    });
    setTimeout(() => service.serve(new WordRetriever()), 50);
    expect((await (await opened).search(["q"], 1))[0]?.[0]?.id).toBe("q-0");
  });

  it("tries again what may pass", async () => {
    const { url, requests } = await startScriptedServer(
      status(503),
      (response) => void response.destroy(),
      json({ result: [[hit("a", 1)]] }),
    );
    expect((await (await RemoteRetriever.open(url, { times })).search(["q"], 1))[0]?.[0]?.id).toBe(
      "a",
    );
    expect(requests()).toBe(3);
  });

  it.each([
    [
      "500",
      status(500, "Internal Server Error"),
      "retriever-unavailable",
      "failed 3 times: status 500: Internal Server Error",
      3,
    ],
    ["no answer", () => {}, "retriever-unavailable", "no answer within 0.3 s", 3],
    ["no JSON", status(200, "<html>"), "retriever-unavailable", "not JSON: <html>", 3],
    ["422", status(422, '{"detail":"bad"}'), "invalid-input", 'status 422: {"detail":"bad"}', 1],
    ["a failure", json({ result: [["Error"]] }), "invalid-input", "result.0.0", 1],
    ["an exception", json({ result: [["KeyError: 'x'"]] }), "invalid-input", "result.0.0", 1],
    [
      "a failed search",
      json({ result: [["Error occurred while searching"]] }),
      "invalid-input",
      "failure",
      1,
    ],
    [
      "a stack trace",
      json({ result: [[{ document: { contents: "Traceback (most" } }]] }),
      "invalid-input",
      "failure",
      1,
    ],
    ["an empty text", json({ result: [[""]] }), "invalid-input", "failure", 1],
    ["no text", json({ result: [[{ id: "a", title: "A" }]] }), "invalid-input", "result.0.0", 1],
    [
      "an id past 2^53",
      json({ result: [[{ id: 2 ** 60, text: "a" }]] }),
      "invalid-input",
      "result.0.0",
      1,
    ],
    ["an error with status 200", json({ error: "CUDA" }), "invalid-input", "CUDA", 1],
    [
      "a ranking too few",
      json({ result: [] }),
      "invalid-input",
      "answered 0 rankings to 1 queries",
      1,
    ],
  ])("makes no document of %s", async (_, answer, code, message, tries) => {
    const { url, requests } = await startScriptedServer(answer);
    const failure = await (
      await RemoteRetriever.open(url, { times })
    )
      .search(["q"], 1)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect(requests()).toBe(tries);
  });

  it("names the server that is not there, and stops when cancelled", async () => {
    const { service } = await serveWords();
    const remote = await RemoteRetriever.open(service.url, { times });
    await service.stop();
    await expect(RemoteRetriever.open(service.url, { times })).rejects.toThrow(
      /failed 3 times: .*ECONNREFUSED/,
    );
    await expect(remote.search(["q"], 1)).rejects.toThrow(/failed 3 times: .*ECONNREFUSED/);
    const stop = new AbortController();
    const { url } = await startScriptedServer(() => stop.abort());
    await expect(
      (await RemoteRetriever.open(url, { times })).search(["q"], 1, stop.signal),
    ).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe.skipIf(!existsSync(CASES_DIR))("cases 72 and 73 (skipped without ../shared/cases)", () => {
  /** The cases' server, on a port of its own. */
  async function startCases(): Promise<string> {
    const { server, url } = await listen("127.0.0.1", 0);
    await closeServer(server, 0);
    const source = await readFile(join(CASES_DIR, "retrieve.py"), "utf8");
    const { port } = new URL(url);
    const child = spawn("python3", ["-c", source.replace("18112", port)], { stdio: "ignore" });
    closing.push(async () => {
      child.kill();
      await once(child, "exit");
    });
    await waitUntil(
      "it listens",
      () =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      10_000,
    );
    return url;
  }
  const TEXTS = [
    "The Nile crosses Egypt",
    "Mount Fuji stands in Japan",
    "The moon orbits the earth",
  ];

  it.each([
    "ok",
    "serp",
    "distance",
    "nullscore",
    "bare",
    "titles",
    "nulltitle",
    "content",
    "floatid",
  ])("finds the documents of a server of the kind %s first", async (kind) => {
    const retriever = await RemoteRetriever.open(`${await startCases()}/${kind}/retrieve`);
    const found = await retriever.search(TEXTS, 3);
    expect(found.map((ranked) => ranked[0]?.text)).toEqual(TEXTS);
    for (const ranked of found) {
      expect(new Set(ranked.map(({ id }) => id)).size).toBe(3);
      expect(ranked.map(({ score }) => score)).toEqual(
        ranked.map(({ score }) => score).sort((a, b) => b - a),
      );
    }
  });
});
