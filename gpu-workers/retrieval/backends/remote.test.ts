import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import {
  closeAll,
  closing,
  serveWords,
  WordRetriever,
} from "@/gpu-workers/retrieval/service/testing/word-retriever";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";
import { RemoteRetriever } from "./remote";

afterEach(closeAll);

describe("the remote retriever", () => {
  const times = { requestMs: 300, backoffMs: 5, attempts: 3 };

  /** As upstream's: no /healthz. Answers the query that opening asks, then the prepared answers in turn, the last one for ever. */
  async function scripted(
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
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
    const plain = (results: RankedDocument[][]) =>
      results.map((ranked) =>
        ranked.map(({ id, title, text, score }) => ({ id, title, text, score })),
      );
    expect(plain(overHttp)).toEqual(plain(local));
    expect(await remote.search([], 4)).toEqual([]);
    await expect(remote.getDocuments()).rejects.toMatchObject({ code: "unsupported" });
  });

  it("orders by score, drops repeated documents and takes number ids", async () => {
    const { url } = await scripted(
      json({ result: [[hit(1, 0.5), hit("b", 0.9), hit(1, 0.4), hit("c", 0.1)]] }),
    );
    const [ranked] = await (
      await RemoteRetriever.open(`${url}/retrieve`, { times })
    ).search(["q"], 2);
    expect(ranked?.map(({ id, title, text, score }) => ({ id, title, text, score }))).toEqual([
      { id: "b", title: "Tb", text: "text b", score: 0.9 },
      { id: "1", title: "T1", text: "text 1", score: 0.5 },
    ]);
  });

  it("takes what other servers of the dialect give: no scores, title and text, FAISS' filler", async () => {
    const bare = await scripted(
      json({
        result: [
          [
            { id: "a", contents: '"A"\ntext' },
            { id: 7, title: "B", text: "more" },
          ],
        ],
      }),
    );
    const [ranked] = await (await RemoteRetriever.open(bare.url, { times })).search(["q"], 5);
    expect(ranked?.map(({ id, title, text, score }) => [id, title, text, score])).toEqual([
      ["a", "A", "text", 1],
      ["7", "B", "more", 0.5],
    ]);
    const filled = await scripted(
      json({ result: [[hit("a", 0.9), hit("z", -3.4028234663852886e38)]] }),
    );
    expect(
      (await (await RemoteRetriever.open(filled.url, { times })).search(["q"], 5))[0]?.map(
        ({ id }) => id,
      ),
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
      [await scripted(json({})), await scripted(json({}))].map(async ({ url }) =>
        (await RemoteRetriever.open(url, { times })).describe(),
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
    const { url, requests } = await scripted(
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
    ["another form", json({ result: [["Error"]] }), "invalid-input", "result.0.0", 1],
    [
      "a ranking too few",
      json({ result: [] }),
      "invalid-input",
      "answered 0 rankings to 1 queries",
      1,
    ],
  ])("makes no document of %s", async (_, answer, code, message, tries) => {
    const { url, requests } = await scripted(answer);
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
    const { url } = await scripted(() => stop.abort());
    await expect(
      (await RemoteRetriever.open(url, { times })).search(["q"], 1, stop.signal),
    ).rejects.toMatchObject({ code: "cancelled" });
  });
});
