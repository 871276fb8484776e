import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { RemoteRetriever } from "./remote";
import type { RankedDocument, Retriever } from "./retriever";
import { RetrieveService } from "./service";

/** Ranks k made-up documents for a query; the query decides what goes wrong. */
class WordRetriever implements Retriever {
  batches: (readonly string[])[] = [];
  release: () => void = () => {};
  async search(queries: readonly string[], k: number): Promise<RankedDocument[][]> {
    this.batches.push(queries);
    if (queries.includes("fail")) throw new AppError("internal", "the encoder broke");
    if (queries.includes("wait")) await new Promise<void>((resolve) => (this.release = resolve));
    return queries.map((query) =>
      Array.from({ length: k }, (_, i) => ({ id: `${query}-${i}`, title: `About "${query}" (${i})`, text: `line one\n"line two" ${i}`, hash: "", score: 1 / (i + 1) })),
    );
  }
  documents(): Promise<never> {
    return Promise.reject(new AppError("unsupported", "not here"));
  }
  describe() {
    return { kind: "dense", key: "k", title: "words", documents: 3 } as const;
  }
  async close(): Promise<void> {}
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(limits?: { batch: number; waiting: number; parallel: number }): Promise<{ retriever: WordRetriever; service: RetrieveService }> {
  const retriever = new WordRetriever();
  const service = await RetrieveService.start(retriever, { limits });
  closing.push(() => service.stop(0));
  return { retriever, service };
}

function post(service: RetrieveService, body: unknown): Promise<Response> {
  return fetch(`${service.url}/retrieve`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
}

describe("the /retrieve service", () => {
  it("answers as upstream's server does, with and without scores", async () => {
    const { service } = await serve();
    const contents = 'About "a" (0)';
    const scored = await post(service, { queries: ["a"], topk: 1, return_scores: true });
    expect(await scored.json()).toEqual({ result: [[{ document: { id: "a-0", contents: `"${contents}"\nline one\n"line two" 0` }, score: 1 }]] });
    const bare = await post(service, { queries: ["a", "b"], topk: 1 });
    expect(await bare.json()).toEqual({
      result: [[{ id: "a-0", contents: `"${contents}"\nline one\n"line two" 0` }], [{ id: "b-0", contents: '"About "b" (0)"\nline one\n"line two" 0' }]],
    });
    const byDefault = (await (await post(service, { queries: ["a"], topk: null })).json()) as { result: unknown[][] };
    expect(byDefault.result[0]).toHaveLength(3);
  });

  it.each([
    ["{", "not JSON"],
    ["null", "the request is not valid"],
    [{ queries: [] }, "queries: needs at least one query"],
    [{ queries: ["a"], topk: 0 }, "topk:"],
    [{ queries: ["a"], topk: 1001 }, "topk:"],
    [{ queries: [5] }, "queries.0:"],
    [{ queries: ["x".repeat(200_001)] }, "queries.0: a query has at most 200000 characters"],
    [{ queries: Array<string>(513).fill("a") }, "queries: at most 512 queries"],
    [`"${"x".repeat(33 * 1024 * 1024)}"`, "larger than 32 MiB"],
  ])("answers 400 with the reason to bad input", async (body, reason) => {
    const { service } = await serve();
    const response = await post(service, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "invalid-input", message: expect.stringContaining(reason) as string } });
    expect((await post(service, { queries: ["still alive"] })).status).toBe(200);
  });

  it("says what it offers where there is nothing", async () => {
    const { service } = await serve();
    const response = await fetch(`${service.url}/search`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("POST /retrieve");
  });

  it("tells its health and its metrics", async () => {
    const { service } = await serve();
    expect(await (await fetch(`${service.url}/healthz`)).json()).toEqual({ status: "ready", retriever: "words", documents: 3 });
    expect(service.metrics().latencyMs).toEqual({ p50: null, p99: null });
    await post(service, { queries: ["a", "b"] });
    await post(service, { queries: [] });
    const metrics = await (await fetch(`${service.url}/metrics`)).json();
    expect(metrics).toMatchObject({ requests: 2, queries: 2, errors: 1, refused: 0, batches: 1, waitingQueries: 0 });
  });

  it("searches what arrives meanwhile together", async () => {
    const { retriever, service } = await serve({ batch: 100, waiting: 100, parallel: 1 });
    const first = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const others = ["a", "b", "c"].map((query) => post(service, { queries: [query], topk: 1 }));
    await expect.poll(() => service.metrics().waitingQueries).toBe(3);
    retriever.release();
    await first;
    const results = await Promise.all(others.map(async (other) => ((await (await other).json()) as { result: { id: string }[][] }).result[0]?.[0]?.id));
    expect(results).toEqual(["a-0", "b-0", "c-0"]);
    expect(retriever.batches).toHaveLength(2);
  });

  it("answers 503 where too many wait, and 500 where the retriever fails: never a document", async () => {
    const { retriever, service } = await serve({ batch: 1, waiting: 1, parallel: 1 });
    const first = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const second = post(service, { queries: ["b"] });
    await expect.poll(() => service.metrics().waitingQueries).toBe(1);
    const third = await post(service, { queries: ["c"] });
    expect(third.status).toBe(503);
    expect(third.headers.get("retry-after")).toBe("1");
    retriever.release();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    const failed = await post(service, { queries: ["fail"] });
    expect(failed.status).toBe(500);
    expect(await failed.json()).toEqual({ error: { code: "internal", message: "the encoder broke" } });
    expect(service.metrics()).toMatchObject({ refused: 1, errors: 1 });
  });

  it("answers what is under way before it stops", async () => {
    const { retriever, service } = await serve();
    const underWay = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const stopped = service.stop();
    retriever.release();
    expect((await underWay).status).toBe(200);
    await stopped;
    await expect(post(service, { queries: ["a"] })).rejects.toThrow();
  });

  it("says that a port is taken", async () => {
    const { service } = await serve();
    const port = Number(new URL(service.url).port);
    await expect(RetrieveService.start(new WordRetriever(), { port })).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("the remote retriever", () => {
  const times = { requestMs: 300, backoffMs: 5, attempts: 3 };

  /** A server that gives the prepared answers in turn, the last one for ever. */
  async function scripted(...answers: ((response: ServerResponse) => void)[]): Promise<{ url: string; requests: () => number }> {
    let requests = 0;
    const server: Server = createServer((request: IncomingMessage, response) => {
      request.resume();
      answers[Math.min(requests++, answers.length - 1)]?.(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
  }
  const status = (code: number, body = "") => (response: ServerResponse): void => void response.writeHead(code).end(body);
  const json = (body: unknown) => status(200, JSON.stringify(body));
  const hit = (id: string | number, score: number) => ({ document: { id, contents: `"T${id}"\ntext ${id}`, extra: 1 }, score });

  it("gives what the served retriever gives", async () => {
    const { retriever, service } = await serve();
    const queries = Array.from({ length: 300 }, (_, i) => `q${i}`); // more than one request
    const remote = new RemoteRetriever(service.url, times);
    const [local, overHttp] = [await retriever.search(queries, 4), await remote.search(queries, 4)];
    const plain = (results: RankedDocument[][]) => results.map((ranked) => ranked.map(({ id, title, text, score }) => ({ id, title, text, score })));
    expect(plain(overHttp)).toEqual(plain(local));
    expect(await remote.search([], 4)).toEqual([]);
    await expect(remote.documents()).rejects.toMatchObject({ code: "unsupported" });
  });

  it("orders by score, drops repeated documents and takes number ids", async () => {
    const { url } = await scripted(json({ result: [[hit(1, 0.5), hit("b", 0.9), hit(1, 0.4), hit("c", 0.1)]] }));
    const [ranked] = await new RemoteRetriever(`${url}/retrieve`, times).search(["q"], 2);
    expect(ranked?.map(({ id, title, text, score }) => ({ id, title, text, score }))).toEqual([
      { id: "b", title: "Tb", text: "text b", score: 0.9 },
      { id: "1", title: "T1", text: "text 1", score: 0.5 },
    ]);
  });

  it("tries again what may pass", async () => {
    const { url, requests } = await scripted(status(503), (response) => void response.destroy(), json({ result: [[hit("a", 1)]] }));
    expect((await new RemoteRetriever(url, times).search(["q"], 1))[0]?.[0]?.id).toBe("a");
    expect(requests()).toBe(3);
  });

  it.each([
    ["500", status(500, "Internal Server Error"), "retriever-unavailable", "failed 3 times: status 500: Internal Server Error", 3],
    ["no answer", () => {}, "retriever-unavailable", "no answer within 0.3 s", 3],
    ["no JSON", status(200, "<html>"), "retriever-unavailable", "not JSON: <html>", 3],
    ["422", status(422, '{"detail":"bad"}'), "invalid-input", 'status 422: {"detail":"bad"}', 1],
    ["another form", json({ result: [["Error"]] }), "invalid-input", "result.0.0", 1],
    ["a ranking too few", json({ result: [] }), "invalid-input", "answered 0 rankings to 1 queries", 1],
  ])("makes no document of %s", async (_, answer, code, message, tries) => {
    const { url, requests } = await scripted(answer);
    const failure = await new RemoteRetriever(url, times).search(["q"], 1).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect(requests()).toBe(tries);
  });

  it("names the server that is not there, and stops when cancelled", async () => {
    const { service } = await serve();
    await service.stop();
    const remote = new RemoteRetriever(service.url, times);
    await expect(remote.search(["q"], 1)).rejects.toThrow(/failed 3 times: .*ECONNREFUSED/);
    const stop = new AbortController();
    const { url } = await scripted(() => stop.abort());
    await expect(new RemoteRetriever(url, times).search(["q"], 1, stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  });
});
